"""The laws of the IR: each is listed, holds for what flashc compiles, and is named by who breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import pytest
from msgspec import Struct
from msgspec.structs import replace

from flashc import passes
from flashc.passes import ANALYSES
from flashc.passes.context import PassContext
from flashc_core.source import Edit, Span
from flashc_ir import program as program_module
from flashc_ir.codec import dump
from flashc_ir.endpoints import LoadBalanced, Place, QueueFunction
from flashc_ir.laws import FIRST_STEP, LAWS, Law, law_list
from flashc_ir.program import ClientVariable, Edge, Program, Resource, endpoint_order
from flashc_ir.requirements import PackageIndex, ResolverSettings
from flashc_ir.spans import spans_of, structs_in
from flashc_ir.subject import Subject
from flashc_ir.verify import InvalidProgram, Verifier, verify
from tests.support.projects import EXAMPLES, compile_files, compile_folder


@pytest.fixture(scope="module")
def program() -> Program:
    return compile_folder(EXAMPLES / "pipeline").valid


def first_module(program: Program, **changes: Any) -> Program:
    first, *others = program.modules
    return replace(program, modules=(replace(first, **changes), *others))


def first_endpoint(program: Program, **changes: Any) -> Program:
    first, *others = program.endpoints
    return replace(program, endpoints=(replace(first, **changes), *others))


OUTSIDE = Span("/etc/passwd", 1, 0, 1, 1)


def index_at(span: Span) -> PackageIndex:
    return PackageIndex(name="", url="https://pypi.org/simple", span=span)


def function(program: Program) -> QueueFunction:
    return next(e for e in program.endpoints if isinstance(e, QueueFunction))


def balancer(program: Program) -> LoadBalanced:
    return next(e for e in program.endpoints if isinstance(e, LoadBalanced))


def with_places(endpoint: LoadBalanced, places: tuple[Place, ...]) -> LoadBalanced:
    """The endpoint with these places of the arguments of all its routes."""
    return replace(
        endpoint, routes=tuple(replace(route, places=places) for route in endpoint.routes)
    )


def swapped(program: Program, old: object, new: object) -> Program:
    """The program with one endpoint in place of another."""
    return replace(
        program, endpoints=tuple(new if each is old else each for each in program.endpoints)
    )


def span_of_function(program: Program, **changes: Any) -> Program:
    """The program with the span of one endpoint's function changed."""
    endpoint = function(program)
    span = replace(endpoint.function.span, **changes)
    return swapped(
        program, endpoint, replace(endpoint, function=replace(endpoint.function, span=span))
    )


def edited(program: Program, *edits: tuple[int, int, int, int, str], path: str = "") -> Program:
    own = path or program.modules[0].path
    return first_module(program, edits=tuple(Edit(Span(own, *at), text) for *at, text in edits))


def workers(program: Program, minimum: int, maximum: int) -> Program:
    endpoint = function(program)
    configuration = endpoint.configuration
    resources = configuration.resources
    changed = replace(resources.workers, minimum=minimum, maximum=maximum)
    return swapped(
        program,
        endpoint,
        replace(
            endpoint,
            configuration=replace(configuration, resources=replace(resources, workers=changed)),
        ),
    )


def edit_elsewhere(program: Program) -> Program:
    endpoint = function(program)
    other = next(m.path for m in program.modules if m.path != endpoint.construction.span.path)
    construction = replace(endpoint.construction, edit=Edit(Span(other, 1, 1, 1, 2), ""))
    return swapped(program, endpoint, replace(endpoint, construction=construction))


def with_construction(program: Program, **changes: Any) -> Program:
    """The program with the construction of one endpoint changed."""
    endpoint = function(program)
    return swapped(
        program, endpoint, replace(endpoint, construction=replace(endpoint.construction, **changes))
    )


def twin(program: Program, **changes: Any) -> Program:
    """The program with one endpoint a second time."""
    endpoint = function(program)
    endpoints = [*program.endpoints, replace(endpoint, **changes)]
    return replace(program, endpoints=tuple(sorted(endpoints, key=endpoint_order)))


def call_from(program: Program, **changes: Any) -> Program:
    first, *others = program.calls
    return replace(program, calls=(replace(first, **changes), *others))


BROKEN: dict[str, list[Callable[[Program], Program]]] = {
    "unique-modules": [
        lambda p: replace(p, modules=(p.modules[0], *p.modules)),
        lambda p: first_module(p, path=p.modules[1].path),
    ],
    "unique-files": [lambda p: replace(p, files=(p.files[0], *p.files))],
    "relative-paths": [
        lambda p: replace(p, files=(replace(p.files[0], path="/etc/passwd"), *p.files[1:])),
        lambda p: first_module(p, path="../other.py"),
        lambda p: span_of_function(p, path="/home/me/app/worker.py"),
        lambda p: replace(p, own_requirements=(OUTSIDE,)),
        lambda p: replace(p, resolver=ResolverSettings(indexes=(index_at(OUTSIDE),))),
    ],
    "module-files": [lambda p: first_module(p, path="nowhere.py")],
    "order": [
        lambda p: replace(p, files=p.files[::-1]),
        lambda p: replace(p, modules=p.modules[::-1]),
        lambda p: replace(p, endpoints=p.endpoints[::-1]),
        lambda p: replace(p, edges=p.edges[::-1]),
        lambda p: replace(p, worker_modules=p.worker_modules[::-1]),
    ],
    "span-files": [lambda p: span_of_function(p, path="nowhere.py")],
    "span-positions": [
        lambda p: span_of_function(p, line=0),
        lambda p: span_of_function(p, column=0),
        lambda p: span_of_function(p, end_line=1, line=2),
        lambda p: span_of_function(p, line=3, end_line=3, column=7, end_column=6),
    ],
    "edits": [
        lambda p: edited(p, (1, 1, 3, 1, "one line")),
        lambda p: edited(p, (1, 1, 1, 5, "x"), (1, 4, 1, 8, "y")),
        lambda p: edited(p, (1, 1, 1, 5, "x"), path=p.modules[1].path),
        lambda p: first_module(p, sdk_edits=(Edit(Span(p.modules[0].path, 1, 1, 2, 1), ""),)),
        lambda p: with_construction(
            p, edit=Edit(replace(function(p).construction.span, end_line=99), "x")
        ),
    ],
    "named-endpoints": [lambda p: first_endpoint(p, name="")],
    "unique-endpoints": [twin, lambda p: twin(p, name="other"), lambda p: twin(p, resource="zzz")],
    "endpoint-modules": [
        lambda p: replace(p, modules=p.modules[1:]),
        lambda p: swapped(p, function(p), replace(function(p), module="nowhere")),
    ],
    "worker-modules": [lambda p: replace(p, worker_modules=(*p.worker_modules, "zzz"))],
    "routes": [
        lambda p: swapped(p, balancer(p), replace(balancer(p), routes=())),
        lambda p: swapped(p, balancer(p), with_places(balancer(p), ())),
    ],
    "workers": [lambda p: workers(p, 2, 1), lambda p: workers(p, -1, 1)],
    "construction-edit": [edit_elsewhere],
    "dialects": [
        lambda p: with_construction(p, dialect="unknown"),
        lambda p: replace(p, spellings=()),
    ],
    "known-callees": [
        lambda p: call_from(p, endpoint=Resource("nobody")),
        lambda p: replace(p, edges=(*p.edges, Edge("zzz", p.edges[0].callee))),
        lambda p: replace(
            p, edges=(*p.edges[:-1], Edge(p.edges[-1].caller, ClientVariable("worker", "nobody")))
        ),
    ],
    "known-functions": [lambda p: call_from(p, caller="nowhere:run")],
}


def test_every_law_has_a_name_and_is_broken_here() -> None:
    assert [law.name for law in LAWS] == list(BROKEN)


@pytest.mark.parametrize(
    ("name", "break_it"), [(name, each) for name, breaks in BROKEN.items() for each in breaks]
)
def test_a_broken_law_is_named(
    name: str, break_it: Callable[[Program], Program], program: Program
) -> None:
    steps = Verifier()
    steps.check(program, "check_names")
    with pytest.raises(InvalidProgram, match=r"^after resolve_calls: ") as found:
        steps.check(break_it(program), "resolve_calls")
    assert name in found.value.broken


def test_what_flashc_compiles_keeps_the_laws(program: Program) -> None:
    verify(program)


@pytest.mark.parametrize(
    ("name", "break_it"), [(name, each) for name, breaks in BROKEN.items() for each in breaks]
)
def test_all_laws_hold_for_a_finished_program(
    name: str, break_it: Callable[[Program], Program], program: Program
) -> None:
    with pytest.raises(InvalidProgram) as found:
        verify(break_it(program))
    assert name in found.value.broken


def test_every_law_holds_from_the_first_step_or_a_pass_on() -> None:
    """A law whose pass never runs would never be checked."""
    steps = {FIRST_STEP, *(step.__name__ for step in ANALYSES)}
    assert {law.since for law in LAWS} <= steps


def test_a_pass_that_breaks_a_law_of_an_earlier_pass_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rewrite_nothing(before: Program, context: PassContext) -> Program:
        return twin(before)

    monkeypatch.setattr(passes, "REWRITES", (rewrite_nothing,))
    with pytest.raises(InvalidProgram, match=r"after rewrite_nothing: .*unique-endpoints"):
        compile_folder(EXAMPLES / "pipeline")


def test_a_law_holds_from_its_step_on(program: Program) -> None:
    """Two endpoints with one name are the user's mistake until `check_names` reports and drops one."""
    steps = Verifier()
    steps.check(twin(program), "lowering")
    with pytest.raises(InvalidProgram, match="unique-endpoints"):
        steps.check(twin(program), "check_names")
    with pytest.raises(InvalidProgram, match="unique-endpoints"):
        steps.check(twin(program), "a later one")


def test_a_law_is_checked_at_its_step_even_if_the_program_stays_as_it_was(program: Program) -> None:
    steps, twins = Verifier(), twin(program)
    steps.check(twins, "lowering")
    with pytest.raises(InvalidProgram, match="unique-endpoints"):
        steps.check(twins, "check_names")


def test_the_docstring_of_the_program_lists_the_laws() -> None:
    assert law_list() in (program_module.__doc__ or "")
    assert all(law.text.endswith(".") and "\n" not in law.text for law in LAWS)


# What the types guarantee -------------------------------------------------------------------------


def types_below(root: type[Struct]) -> Iterator[type[Struct]]:
    pending, seen = [root], set[type[Struct]]()
    while pending:
        type_ = pending.pop()
        if type_ not in seen:
            seen.add(type_)
            yield type_
            pending += (t for hint in get_type_hints(type_).values() for t in structs_in(hint))


def leaves(hint: Any) -> Iterator[Any]:
    if get_origin(hint) is Literal:
        yield from map(type, get_args(hint))
    elif get_args(hint):
        assert get_origin(hint) is not list
        for part in get_args(hint):
            yield from leaves(part)
    elif hint is not ...:
        yield hint


def test_a_program_is_made_of_frozen_structs_tuples_and_plain_values() -> None:
    for type_ in types_below(Program):
        assert type_.__struct_config__.frozen, type_
        for hint in get_type_hints(type_).values():
            for leaf in leaves(hint):
                assert leaf in (str, int, bool, float, type(None)) or issubclass(
                    leaf, (Enum, Struct, tuple)
                ), (type_, leaf)


def test_wide_structs_are_built_with_keywords() -> None:
    for type_ in types_below(Program):
        if len(type_.__struct_fields__) > 3 and type_ is not Span:
            with pytest.raises(TypeError):
                type_(*("x" for _ in type_.__struct_fields__))


def test_spans_are_found_at_any_depth(program: Program) -> None:
    endpoint = balancer(program)
    found = spans_of(endpoint)
    assert endpoint.construction.span in found
    for route in endpoint.routes:
        assert {route.span, route.function.span} <= set(found)
    module = program.modules[0]
    spans = [item.span for item in module.imports]
    spans += [item.span for item in module.bindings]
    assert spans_of(module)[: len(spans)] == spans
    for reference in module.references:
        inside = reference.shape or reference.member_shape
        arguments = () if inside is None else (*inside.positional_spans, *inside.keyword_spans)
        assert {reference.span, *arguments} <= set(spans_of(reference))


def test_no_value_of_the_environment_is_in_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cr3t-v4lue")
    source = (
        "import os\nfrom runpod_flash import Endpoint\n\n"
        "@Endpoint(name='w', env={'TOKEN': os.environ['TOKEN'], 'URL': f\"x/{os.getenv('TOKEN')}\"})\n"
        "async def run(x):\n    return x\n"
    )
    document = dump(compile_files(tmp_path, {"worker.py": source}).valid)
    assert "s3cr3t-v4lue" not in document
    assert '"variable": "TOKEN"' in document


@pytest.mark.parametrize("law", LAWS, ids=[law.name for law in LAWS])
def test_a_law_says_which_parts_of_the_program_decide_it(law: Law, program: Program) -> None:
    """A part that has not changed is not checked again, so a law must not look at others."""
    looked_at: set[str] = set()

    class Watched:
        def __getattr__(self, name: str) -> object:
            looked_at.add({"deployed": "endpoints", "code_endpoints": "endpoints"}.get(name, name))
            return getattr(program, name)

    subject = Subject(cast("Program", Watched()), program.modules)
    list(law.check(subject))
    assert looked_at <= set(law.reads)
    assert ("spans" in vars(subject)) == law.of_spans
