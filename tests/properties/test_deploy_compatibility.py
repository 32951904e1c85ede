"""The law of plans: a change that does not break calls never lets a call fail that worked before."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Optional

import httpx
import msgspec
import pytest
from fastapi import Query
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flashc_backends.contracts.differences import differences
from flashc_backends.contracts.subsumption import Comparison
from flashc_backends.manifest.manifest import build_manifest
from flashc_backends.manifest.type_texts import schema_of_text
from flashc_backends.runtime import registry, routes
from flashc_backends.runtime.errors import InvalidInput
from flashc_backends.runtime.interface import Interface
from tests.support.profiles import examples
from tests.support.projects import compile_files


def accepts(new: str | None, old: str | None) -> bool:
    """Whether the text of a type accepts all that the text of another one accepts."""
    return not Comparison(sent={}, taken={}).gaps(schema_of_text(old), schema_of_text(new))


_JSON = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 2.0]), st.sampled_from("ab")
)
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "": _JSON,
    "Any": _JSON,
    "int": st.integers(-3, 3),
    "float": st.one_of(st.integers(-3, 3), st.just(0.5)),
    "bool": st.booleans(),
    "str": st.sampled_from(["a", "b", "1"]),
    "int | None": st.one_of(st.none(), st.integers(-3, 3)),
    "Optional[str]": st.one_of(st.none(), st.just("a")),
    "int | str": st.one_of(st.integers(-3, 3), st.just("a")),
    "list[int]": st.lists(st.integers(-3, 3), max_size=2),
    "list[float]": st.lists(st.sampled_from([1, 0.5]), max_size=2),
    "list": st.lists(_JSON, max_size=2),
    "dict[str, int]": st.dictionaries(st.sampled_from("ab"), st.integers(-3, 3), max_size=2),
    "dict[str, float]": st.dictionaries(st.sampled_from("ab"), st.just(0.5), max_size=2),
    "dict": st.dictionaries(st.sampled_from("ab"), _JSON, max_size=2),
    "Literal['a']": st.just("a"),
    "Literal['a', 1]": st.sampled_from(["a", 1]),
    "tuple[int, str]": st.tuples(st.integers(-3, 3), st.just("a")).map(list),
    "tuple[float, str]": st.tuples(st.just(0.5), st.just("a")).map(list),
}
_NAMES = st.sampled_from(["a", "b", "c", "rest"])
_TYPES = st.sampled_from(sorted(VALUES))
_DEFAULTS = {"int": "1", "str": "'a'", "bool": "True", "float": "0.5"}


class Signature(msgspec.Struct, frozen=True):
    """The parameters of a generated function, by name, as pairs of a type and a default."""

    parameters: tuple[tuple[str, str, str], ...]
    rest: str | None = None  # the type of `*rest`
    more: str | None = None  # the type of `**more`

    def text(self) -> str:
        """Return the parameters as source."""
        ordered = sorted(self.parameters, key=lambda p: bool(p[2]))
        found = [_declared(*p) for p in ordered]
        if self.rest is not None:
            found.append(_declared("*rest", self.rest, ""))
        if self.more is not None:
            found.append(_declared("**more", self.more, ""))
        return ", ".join(found)


def _declared(name: str, kind: str, default: str) -> str:
    return f"{name}{f': {kind}' if kind else ''}{f' = {default}' if default else ''}"


@st.composite
def _parameters(draw: st.DrawFn, types: st.SearchStrategy[str]) -> tuple[tuple[str, str, str], ...]:
    found = {}
    for name in draw(st.lists(_NAMES, unique=True, max_size=3)):
        kind = draw(types)
        defaults = ["", "None", *([_DEFAULTS[kind]] if kind in _DEFAULTS else [])]
        found[name] = (name, kind, draw(st.sampled_from(defaults)))
    return tuple(found.values())


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    """A function that takes the input of jobs."""
    parameters = draw(_parameters(_TYPES))
    has_rest = all(name != "rest" for name, *_ in parameters)
    optional = st.one_of(st.none(), _TYPES)
    return Signature(parameters, draw(optional) if has_rest else None, draw(optional))


@st.composite
def changes(draw: st.DrawFn) -> tuple[Signature, Signature]:
    """A function before and after a change: a small one, or another function."""
    old = draw(signatures())
    if draw(st.booleans()):
        return old, draw(signatures())
    kept = [p for p in old.parameters if draw(st.integers(0, 4))]
    changed = [(name, draw(st.sampled_from([k, draw(_TYPES)])), d) for name, k, d in kept]
    return old, Signature(tuple(changed), old.rest, draw(st.sampled_from([old.more, "", None])))


def _namespace() -> dict[str, Any]:
    return {"Any": Any, "Literal": Literal, "Optional": Optional, "Query": Query}


def _function(text: str) -> Callable[..., Any]:
    names = _namespace()
    exec(f"async def run({text}): return 1", names)
    found: Callable[..., Any] = names["run"]
    return found


HEAD = """
from typing import Any, Literal, Optional
from fastapi import Query
from flashc import Endpoint
"""
QUEUE = """
@Endpoint(name="{name}", cpu="cpu3c-1-2")
async def {name}({text}): return 1
"""
ROUTE = """
{name} = Endpoint(name="{name}", cpu="cpu3c-1-2")

@{name}.{method}("/run")
async def run_{name}({text}): return 1
"""


def _breaks(template: str, old: str, new: str, **more: str) -> list[str]:
    """Return what of the change breaks calls, as the manifests of the compiled functions tell."""
    source = HEAD + "".join(
        template.format(name=name, text=text, **more) for name, text in (("old", old), ("new", new))
    )
    with tempfile.TemporaryDirectory() as folder:
        program = compile_files(Path(folder), {"w.py": source}).valid
    resources = msgspec.to_builtins(build_manifest(program, "f", {}))["resources"]
    before, after = ({"resources": {"w": resources[name]}} for name in ("old", "new"))
    assert differences("w", before, before) == ()
    return [found.text for found in differences("w", before, after) if found.breaks]


def _takes(interface: Interface, payload: dict[str, Any]) -> bool:
    try:
        interface.arguments(payload)
    except InvalidInput:
        return False
    return True


@st.composite
def _payloads(draw: st.DrawFn, signature: Signature) -> dict[str, Any]:
    """An input that most probably fits a function."""
    payload = {
        name: draw(VALUES[kind])
        for name, kind, default in signature.parameters
        if not default or draw(st.booleans())
    }
    if signature.rest is not None and draw(st.booleans()):
        payload["rest"] = draw(st.lists(VALUES[signature.rest], max_size=2))
    if signature.more is not None:
        more = st.dictionaries(st.sampled_from(["a", "b", "rest", "z"]), VALUES[signature.more])
        payload = {**draw(more), **payload}
    return payload


@given(st.data())
@settings(max_examples=examples(150), deadline=None)
def test_a_job_that_worked_works_after_a_change_that_breaks_no_calls(data: st.DataObject) -> None:
    old, new = data.draw(changes())
    breaks = _breaks(QUEUE, old.text(), new.text())
    if breaks:
        return
    before, after = Interface(_function(old.text())), Interface(_function(new.text()))
    for _ in range(8):
        payload = data.draw(_payloads(old))
        if _takes(before, payload):
            assert _takes(after, payload), (old.text(), new.text(), payload)


_resources = itertools.count()


def _app(method: str, text: str) -> Callable[..., int]:
    """Return a function that sends a request to a route, and returns the status."""
    resource = f"web{next(_resources)}"
    registry.offer_route(resource, method.upper(), "/run", _function(text))
    app = routes.load(resource, ())

    def send(given: dict[str, Any]) -> int:
        async def ask() -> int:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://web") as web:
                content: Any = {"params" if method == "get" else "json": given}
                return (await web.request(method.upper(), "/run", **content)).status_code

        return asyncio.run(ask())

    return send


_QUERY_TYPES = st.sampled_from(["int", "float", "bool", "str", "int | None", "list[int]", ""])
_LIMITS = st.sampled_from(["", "Query()", "Query(1)", "Query(1, gt=0)", "Query(1, gt=-2)"])


@st.composite
def _route(draw: st.DrawFn, method: str) -> Signature:
    """A route whose arguments are in the query or in the body."""
    if method == "post":
        return Signature(draw(_parameters(_TYPES)))
    names = draw(st.lists(st.sampled_from(["a", "b"]), unique=True, max_size=2))
    return Signature(
        tuple(
            (name, "list[int]", "Query()")
            if (kind := draw(_QUERY_TYPES)) == "list[int]"
            else (name, kind, draw(_LIMITS))
            for name in names
        )
    )


@given(st.data(), st.sampled_from(["get", "post"]))
@settings(max_examples=examples(80), deadline=None)
def test_a_request_that_worked_works_after_a_change_that_breaks_no_calls(
    data: st.DataObject, method: str
) -> None:
    old, new = data.draw(_route(method)), data.draw(_route(method))
    if _breaks(ROUTE, old.text(), new.text(), method=method):
        return
    before, after = _app(method, old.text()), _app(method, new.text())
    for _ in range(5):
        payload = data.draw(_payloads(old))
        if method == "get":
            payload = {name: value for name, value in payload.items() if value is not None}
        if before(payload) == 200:
            assert after(payload) == 200, (old.text(), new.text(), payload)


@given(_TYPES, _TYPES, st.data())
@example("float", "int", None)
@settings(max_examples=examples(200), deadline=None)
def test_an_annotation_that_accepts_another_takes_its_values(
    new: str, old: str, data: st.DataObject | None
) -> None:
    if data is None or not accepts(new or None, old or None):
        return
    interface = Interface(_function(f"a: {new}" if new else "a"))
    value = data.draw(VALUES[old])
    assert _takes(interface, {"a": value}), (new, old, value)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ("int", "int", True),
        ("float", "int", True),
        ("int", "float", False),
        ("int", "bool", False),
        ("str", "int", False),
        ("Item", "Item", True),
        ("Item", "Other", False),
        ("Item | None", "Item", True),
        ("Item", "Item | None", False),
        ("Optional[Item]", "Item | None", True),
        ("Union[int, str, None]", "Optional[int]", True),
        ("typing.Any", "int", True),
        ("int | Any", "str", True),
        ("list", "list[int]", True),
        ("list[int]", "list", False),
        ("List[float]", "list[int]", True),
        ("list[int]", "set[int]", False),
        ("dict[str, float]", "dict[str, int]", True),
        ("dict[float, int]", "dict[int, int]", False),
        ("str", "Literal['a', 'b']", True),
        ("Literal['a', 'b']", "Literal['a']", True),
        ("Literal['a']", "Literal['a', 'b']", False),
        ("Literal['a']", "str", False),
        ("tuple[int, ...]", "tuple[int, int]", True),
        ("'Item' | None", "Item", True),
        ("Annotated[int, Field(gt=0)]", "int", False),
        ("not an annotation", "int", False),
        (None, "int", True),
        ("int", None, False),
    ],
)
def test_what_annotations_accept(new: str | None, old: str | None, expected: bool) -> None:
    assert accepts(new, old) is expected
