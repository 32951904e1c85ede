"""Find the full names of decorators from outside the project."""

from __future__ import annotations

import libcst as cst

from flashc.evaluator.objects import Frame
from flashc.evaluator.values import External, Known
from flashc.syntax.walk import dotted


def outside_name(node: cst.BaseExpression, frame: Frame) -> str:
    """Return the full name of what a decorator is or calls, such as `attrs.define`; "" if it is not from outside."""
    called = node.func if isinstance(node, cst.Call) else node
    first, _, rest = (dotted(called) or "").partition(".")
    value = frame.lookup(first) if first else None
    inside = value.value if isinstance(value, Known) else None
    if not isinstance(inside, External):
        return ""
    return f"{inside.name}.{rest}" if rest else inside.name
