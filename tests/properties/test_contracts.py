"""The law of contracts: a compatible change fails no call that was valid; a breaking one shows a call that fails."""

from __future__ import annotations

import base64
import itertools
import json
import re
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from flashc_backends.contracts.differences import differences
from flashc_backends.contracts.signature_differences import Difference
from flashc_backends.contracts.subsumption import Comparison
from flashc_backends.contracts.values import FORMATS, Known, fits
from flashc_backends.contracts.witnesses import is_misread, witness
from flashc_backends.manifest.manifest import build_manifest
from flashc_backends.runtime.errors import InvalidInput
from flashc_backends.runtime.interface import Interface
from flashc_ir.endpoints import QueueFunction
from flashc_ir.schemas import Interface as Described
from flashc_ir.schemas import Plain, Schema
from tests.support.json_data import data_of
from tests.support.profiles import examples
from tests.support.projects import compile_files

HEAD = """
import dataclasses, datetime, decimal, enum, fractions, ipaddress, pathlib, uuid
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union
from typing_extensions import NotRequired, TypedDict
from pydantic import BaseModel, ConfigDict, Field
from flashc import Endpoint
"""
FIELD_TYPES = (
    "int", "float", "bool", "str", "bytes", "datetime.date", "decimal.Decimal",
    "datetime.datetime", "datetime.timedelta", "fractions.Fraction", "pathlib.Path", "uuid.UUID", "ipaddress.IPv4Network",
    "Optional[bytes]", "list[bytes]", "Optional[int]", "int | str",
    "list[int]", "list[str]", "set[int]", "dict[str, int]", "dict[str, Any]", "tuple[int, str]", "tuple[int, ...]",
    "Literal['a', 'b']", "Literal['a']", "Literal[1, 2]", "Colour", "Annotated[int, Field(ge=0)]",
    "Annotated[int, Field(gt=0, le=9)]", "Annotated[str, Field(max_length=2)]",
    "Annotated[list[int], Field(min_length=1)]", "Inner", "list[Inner]", "Optional[Inner]", "dict[str, Inner]",
)  # fmt: skip
COLOURS = ('"red"', '"green"', "1")
DEFAULTS = ("int", "Optional[int]", "str")


@st.composite
def fields(draw: st.DrawFn, types_: tuple[str, ...]) -> tuple[tuple[str, str, bool], ...]:
    """Fields of a class, each with its type and whether it may be left out."""
    names = draw(st.lists(st.sampled_from("abcd"), unique=True, min_size=1, max_size=3))
    found = [(name, draw(st.sampled_from(types_)), draw(st.booleans())) for name in names]
    return tuple(sorted(found, key=lambda field: field[2]))


class Module(msgspec.Struct, frozen=True):
    """A module with classes and a function that takes and returns them."""

    sort: str
    inner: tuple[tuple[str, str, bool], ...]
    outer: tuple[tuple[str, str, bool], ...]
    colours: tuple[str, ...]
    takes: tuple[tuple[str, str, bool], ...]
    gives: str
    closed: bool = False

    def text(self) -> str:
        """The source of the module."""
        members = "; ".join(f"M{i} = {value}" for i, value in enumerate(self.colours))
        colour = f"class Colour(enum.Enum): {members}\n"
        arguments = ", ".join(_declared(*each) for each in self.takes)
        return (
            HEAD + colour + self._class("Inner", self.inner) + self._class("Item", self.outer)
            + f"@Endpoint(name='w', cpu='cpu3c-1-2')\ndef run({arguments}) -> {self.gives}: ...\n"
        )  # fmt: skip

    def _class(self, name: str, own: tuple[tuple[str, str, bool], ...]) -> str:
        heads = {
            "dataclass": f"@dataclasses.dataclass\nclass {name}:\n",
            "model": f"class {name}(BaseModel):\n",
            "typed": f"class {name}(TypedDict):\n",
            "named": f"class {name}(NamedTuple):\n",
        }
        lines = []
        if self.sort == "model" and self.closed:
            lines.append("model_config = ConfigDict(extra='forbid')")
        for field, kind, optional in own:
            if self.sort == "typed":
                lines.append(f"{field}: {f'NotRequired[{kind}]' if optional else kind}")
            else:
                lines.append(f"{field}: {kind}{' = None' if optional else ''}")
        return heads[self.sort] + "".join(f"    {line}\n" for line in lines)


def _declared(name: str, kind: str, optional: bool) -> str:
    return f"{name}: {kind}{' = None' if optional else ''}"


_SIMPLE = tuple(kind for kind in FIELD_TYPES if "Inner" not in kind)
_TAKES = (*FIELD_TYPES, "Item", "list[Item]", "Optional[Item]", "dict[str, Item]")


@st.composite
def modules(draw: st.DrawFn) -> Module:
    return Module(
        sort=draw(st.sampled_from(["dataclass", "model", "typed", "named"])),
        inner=draw(fields(_SIMPLE)),
        outer=draw(fields(FIELD_TYPES)),
        colours=tuple(draw(st.lists(st.sampled_from(COLOURS), unique=True, min_size=1))),
        takes=draw(fields(_TAKES)),
        gives=draw(st.sampled_from(_TAKES)),
        closed=draw(st.booleans()),
    )


# Types, each with one that takes all of its values.
_WIDER = (
    ("int", "float"), ("int", "Optional[int]"), ("int", "int | str"), ("str", "int | str"), ("str", "Any"),
    ("Literal['a']", "Literal['a', 'b']"), ("Literal['a', 'b']", "str"), ("list[int]", "list[float]"),
    ("Annotated[int, Field(gt=0, le=9)]", "Annotated[int, Field(ge=0)]"), ("Annotated[int, Field(ge=0)]", "int"),
    ("Annotated[int, Field(ge=1)]", "Annotated[int, Field(gt=0)]"), ("Annotated[str, Field(max_length=2)]", "str"),
    ("Annotated[list[int], Field(min_length=1)]", "list[int]"), ("tuple[int, int]", "tuple[int, ...]"),
    ("dict[str, int]", "dict[str, float]"), ("dict[str, int]", "dict"), ("set[int]", "list[int]"),
    ("Inner", "Optional[Inner]"), ("list[Inner]", "list[Optional[Inner]]"), ("Colour", "str | int"),
)  # fmt: skip
Fields = tuple[tuple[str, str, bool], ...]


@st.composite
def _changed(draw: st.DrawFn, own: Fields, types_: tuple[str, ...]) -> Fields:
    """Fields of which one has another type, is optional or required, is new or removed."""
    found = list(own)
    index = draw(st.integers(0, len(found) - 1))
    name, kind, optional = found[index]
    what = draw(st.sampled_from(["type", "optional", "new", "removed"]))
    if what == "type":
        found[index] = (name, draw(st.sampled_from(types_)), optional)
    elif what == "optional":
        found[index] = (name, kind, not optional)
    elif what == "new":
        found.append(("z", draw(st.sampled_from(types_)), draw(st.booleans())))
    elif len(found) > 1:
        del found[index]
    return tuple(sorted(found, key=lambda field: field[2]))


@st.composite
def changes(draw: st.DrawFn) -> tuple[Module, Module]:
    """A module before and after a change: a type becomes wider or narrower, or a part is another."""
    old = draw(modules())
    old = msgspec.structs.replace(old, takes=(("item", "Item", False), *old.takes))
    what = draw(st.sampled_from(["wider", "wider", "field", "part"]))
    part = draw(st.sampled_from(["inner", "outer", "takes"]))
    own: Fields = getattr(old, part)
    if what == "wider":
        one, other = draw(st.sampled_from(_WIDER))
        if part == "inner" and "Inner" in one:
            part, own = "outer", old.outer
        if draw(st.booleans()):
            one, other = other, one
        before, after = ((*own, ("w", kind, False)) for kind in (one, other))
        ordered = [tuple(sorted(each, key=lambda field: field[2])) for each in (before, after)]
        first = msgspec.structs.replace(old, **{part: ordered[0]})
        return first, msgspec.structs.replace(old, **{part: ordered[1]})
    if what == "field":
        kinds = {"inner": _SIMPLE, "outer": FIELD_TYPES, "takes": _TAKES}[part]
        return old, msgspec.structs.replace(old, **{part: draw(_changed(own, kinds))})
    other_module = draw(modules())
    name = draw(st.sampled_from(["sort", "colours", "gives", "closed"]))
    return old, msgspec.structs.replace(old, **{name: getattr(other_module, name)})


_numbers = itertools.count()


class Build:
    """A compiled module: its manifest, its interface, and the function itself."""

    def __init__(self, text: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            program = compile_files(Path(folder), {"w.py": text}).valid
        self.manifest: dict[str, Any] = msgspec.to_builtins(build_manifest(program, "f", {}))
        (endpoint,) = program.code_endpoints
        assert isinstance(endpoint, QueueFunction)
        assert endpoint.function.interface is not None
        self.described: Described = endpoint.function.interface
        self.known = {each.key: each.schema for each in self.described.definitions}
        module = types.ModuleType(f"flashc_contract_{next(_numbers)}")
        sys.modules[module.__name__] = module
        exec(text.replace("@Endpoint(name='w', cpu='cpu3c-1-2')\n", ""), vars(module))
        self.interface = Interface(module.run)

    def takes(self, payload: dict[str, Any]) -> bool:
        try:
            self.interface.arguments(payload)
        except InvalidInput:
            return False
        return True

    def calls(self) -> st.SearchStrategy[dict[str, Any]]:
        """Calls that the schemas allow."""
        given = {p.name: data_of(p.schema, self.known) for p in self.described.arguments}
        needed = {p.name for p in self.described.arguments if p.required}
        return st.fixed_dictionaries(
            {name: values for name, values in given.items() if name in needed},
            optional={name: values for name, values in given.items() if name not in needed},
        )


def _told(old: Build, new: Build) -> tuple[Difference, ...]:
    return differences("w", old.manifest, new.manifest)


@given(changes(), st.data())
@settings(max_examples=examples(120))
def test_a_compatible_change_fails_no_valid_call(
    change: tuple[Module, Module], data: st.DataObject
) -> None:
    old, new = (Build(module.text()) for module in change)
    assert _told(old, old) == _told(new, new) == ()
    for difference in _told(old, new):
        if difference.breaks and not difference.text.startswith("the result"):
            return
    for _ in range(5):
        call = data.draw(old.calls())
        if old.takes(call):
            assert new.takes(call), (call, change[0].text(), change[1].text())


@given(changes())
@settings(max_examples=examples(120))
def test_a_breaking_change_shows_a_call_or_a_result(change: tuple[Module, Module]) -> None:
    old, new = (Build(module.text()) for module in change)
    for difference in _told(old, new):
        text = difference.text
        if not difference.breaks or text.endswith(("is removed", "is new and required")):
            if "." not in text and not text.startswith("the result"):
                continue  # calls with, or without, this argument fail
        if not difference.breaks or (text.endswith("is required now") and "." not in text):
            continue
        assert difference.example is not None, (text, change[0].text(), change[1].text())
        example = json.loads(difference.example)
        if text.startswith("the result"):
            _assert_differs(
                example, new.described.returns, new.known, old.described.returns, old.known
            )
            continue
        name = re.split(r"[`.\[{]", text.partition("`")[2])[0]
        before, after = (
            next(p for p in each.described.arguments if p.name == name) for each in (old, new)
        )
        _assert_differs(example, before.schema, old.known, after.schema, new.known)


def test_a_text_of_one_format_has_another_one_or_there_is_an_example() -> None:
    texts = [Plain(type="string", format=name) for name in sorted(FORMATS)]
    assert len(texts) > 20
    for one, other in itertools.product(texts, repeat=2):
        example = witness(one, {}, other, {})
        assert bool(Comparison(sent={}, taken={}).gaps(one, other)) == (example is not None), (
            one,
            other,
        )
        if example is not None:
            _assert_differs(json.loads(example), one, {}, other, {})


def _assert_differs(example: Any, sent: Schema, known: Known, taken: Schema, others: Known) -> None:
    """The example was valid, and is refused now, or a text in it that stood for other bytes as base64 does not now."""
    assert fits(example, sent, known)
    assert not fits(example, taken, others) or (
        is_misread(example, sent, known, taken, others) and any(map(_is_base64, _texts(example)))
    )


def _texts(data: Any) -> Iterator[str]:
    """The texts in JSON data, without the names of properties."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, (list, dict)):
        for each in data.values() if isinstance(data, dict) else data:
            yield from _texts(each)


def _is_base64(text: str) -> bool:
    try:
        return base64.b64decode(text, validate=True) != text.encode()
    except ValueError:
        return False
