"""Tell whether an unknown value was made from an SDK, so that it may declare endpoints."""

from __future__ import annotations

import re

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import ClassValue, Frame
from flashc.evaluator.values import External, Known, Unknown, Value

_NAME = re.compile(r"[^\W\d]\w*")


def uses_sdk(machine: Machine, value: Unknown, frame: Frame) -> bool:
    """Return whether the code that is the cause of an unknown value names an SDK, or something of one."""
    names = set(_NAME.findall(machine.text_at(value.origin)))
    if any(dialect.is_sdk(name) for name in names for dialect in machine.dialects):
        return True
    return any(_is_of_sdk(machine, frame.lookup(name)) for name in names)


def _is_of_sdk(machine: Machine, value: Value | None) -> bool:
    """Return whether a value is a module or an object of an SDK, or a class that derives from one."""
    match value.value if isinstance(value, Known) else None:
        case DialectObject() as used:
            return bool(used.declaring)
        case External(name=name):
            return any(dialect.is_sdk(name) for dialect in machine.dialects)
        case ClassValue() as class_value:
            bases = [base for each in class_value.ancestry() for base in each.bases]
            return any(
                isinstance(base, Known) and isinstance(base.value, DialectObject) for base in bases
            )
        case _:
            return False
