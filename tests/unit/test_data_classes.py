"""Test how classes that group data are constructed: with more than three fields, by keyword only (decision 21)."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import msgspec
import pytest

import flashc
import flashc_backends
import flashc_core
import flashc_ir

PACKAGES = (flashc, flashc_backends, flashc_core, flashc_ir)

# Classes with more than three fields that are constructed by position, and why.
BY_POSITION = {
    "flashc_core.source.Span": "a position is path, line and column everywhere, and spans are compared in this order",
    "flashc_backends.runtime.place.Place": "handlers contain the fields as a list, which a worker unpacks",
    "flashc.syntax.positions.Recorder": "LibCST's own class has the fields",
    "flashc.evaluator.values.Symbolic": "the evaluator takes values apart by position in `match`, as `Known` and `Unknown`",
    "flashc.evaluator.values.IteratorValue": "as for `Symbolic`",
    "flashc.evaluator.values.DisorderedValue": "as for `Symbolic`",
    "flashc.evaluator.library_values.ParserValue": "as for `Symbolic`",
}


def modules() -> Iterator[ModuleType]:
    """Yield the modules of the product, except the templates of handlers, which only workers can import."""
    for package in PACKAGES:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "skeletons" not in found.name and not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def classes() -> Iterator[type]:
    """Yield the structs and dataclasses, also those inside of other classes."""
    for module in modules():
        pending = list(vars(module).values())
        while pending:
            found = pending.pop()
            if inspect.isclass(found) and found.__module__ == module.__name__:
                pending += [each for each in vars(found).values() if each is not found]
                if isinstance(found, msgspec.StructMeta) or dataclasses.is_dataclass(found):
                    yield found


def is_by_position(cls: type) -> bool:
    """Return whether a class with more than three fields takes own fields, or more than three, by position."""
    by_position = getattr(cls, "__match_args__", ())
    number = len(cls.__struct_fields__ if issubclass(cls, msgspec.Struct) else _given(cls))
    own = set(inspect.get_annotations(cls)) & set(by_position)
    return number > 3 and (bool(own) or len(by_position) > 3)


def _given(cls: type) -> list[str]:
    """Return the fields of a dataclass that its constructor takes."""
    assert dataclasses.is_dataclass(cls)
    return [each.name for each in dataclasses.fields(cls) if each.init]


def test_data_with_more_than_three_fields_are_constructed_by_keyword() -> None:
    found = {f"{cls.__module__}.{cls.__qualname__}" for cls in classes() if is_by_position(cls)}
    assert found == BY_POSITION.keys()


class _Short(msgspec.Struct):
    a: int
    b: int
    c: int


class _Long(_Short):
    d: int = 0


class _LongByKeyword(_Short, kw_only=True):
    d: int = 0


@dataclasses.dataclass
class _LongDataclass:
    a: int
    b: int
    c: int
    d: int


@pytest.mark.parametrize(
    ("cls", "wrong"),
    [(_Short, False), (_Long, True), (_LongByKeyword, False), (_LongDataclass, True)],
)
def test_the_rule_counts_inherited_fields(cls: type, wrong: bool) -> None:
    assert is_by_position(cls) is wrong
