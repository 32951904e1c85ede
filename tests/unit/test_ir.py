"""The IR: printed as text, encoded as JSON, verified; and the spans and edits that it uses."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from schemas import DOCUMENTS, SCHEMAS, text

from flashc_core.source import Edit, Lines, OverlappingEdits, Span, apply_edits
from flashc_ir.codec import CodecError, dump, load
from flashc_ir.printer import print_program
from flashc_ir.program import ClientVariable
from flashc_ir.resource_names import resource_name
from tests.support.projects import EXAMPLES, ROOT, compile_files, compile_folder


@pytest.mark.parametrize("name", ["skeleton", "pipeline", "packages"])
def test_json_carries_the_whole_program(name: str) -> None:
    program = compile_folder(EXAMPLES / name).valid
    document = dump(program)
    assert load(document) == program
    jsonschema.validate(json.loads(document), SCHEMAS["ir.schema.json"]())


def test_another_schema_version_is_refused() -> None:
    program = replace(compile_folder(EXAMPLES / "skeleton").valid, schema_version=99)
    with pytest.raises(CodecError, match="schema version 99"):
        load(dump(program))
    with pytest.raises(CodecError):
        load("{}")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_follows_from_the_code_is_current(name: str) -> None:
    assert (ROOT / "spec" / name).read_text(encoding="utf-8") == text(name)


TEXTS = st.text(st.sampled_from("ab\n\r\té漢\f\u2028 "), max_size=40)


@given(TEXTS)
def test_places_and_offsets_are_inverse(source: str) -> None:
    lines = Lines(source)
    for offset in range(len(source) + 1):
        assert lines.offset(*lines.position(offset)) == offset


@given(TEXTS, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5), TEXTS), max_size=4))
def test_edits_change_nothing_else(source: str, wanted: list[tuple[int, int, str]]) -> None:
    lines = Lines(source)
    edits: list[tuple[int, int, str]] = []
    done = 0
    for start, length, replacement in sorted(wanted):
        if start >= done and start + length <= len(source):
            edits.append((start, start + length, replacement))
            done = start + length + 1
    expected, position = "", 0
    for start, end, replacement in edits:
        expected += source[position:start] + replacement
        position = end
    spans = [
        Edit(Span("f", *lines.position(start), *lines.position(end)), replacement)
        for start, end, replacement in edits
    ]
    assert apply_edits(source, reversed(spans)) == expected + source[position:]


def test_overlapping_edits_are_refused() -> None:
    edits = [Edit(Span("f", 1, 1, 1, 4), "x"), Edit(Span("f", 1, 3, 1, 5), "y")]
    with pytest.raises(OverlappingEdits):
        apply_edits("abcdef", edits)


@given(st.lists(st.text(max_size=300), unique=True, max_size=8))
def test_resource_names_are_safe_and_never_collide(names: list[str]) -> None:
    resources = [resource_name(name) for name in names]
    assert len(set(resources)) == len(names)
    for name, resource in zip(names, resources, strict=True):
        assert resource.isprintable()
        assert 0 < len(resource.encode()) <= 240
        assert not set(resource) & set("/\0\n")
        assert resource_name(resource) == resource
        if resource != name:
            assert (
                name == ""
                or "/" in name
                or name != name.strip()
                or not name.isprintable()
                or len(name.encode("utf-8", "surrogatepass")) > 240
            )


def test_a_document_of_an_earlier_schema_is_refused_by_its_version() -> None:
    earlier = '{"schema_version": 1, "calls": [{"endpoint": "w", "form": "call"}]}'
    with pytest.raises(CodecError, match="schema version 1; this flashc reads 4"):
        load(earlier)


def test_a_client_of_an_existing_endpoint_is_a_callee_of_its_own_kind(tmp_path: Path) -> None:
    source = (
        "from runpod_flash import Endpoint\n\nother = Endpoint(id='abc')\n\n"
        "@Endpoint(name='w')\nasync def run(x):\n    return await other.run({'x': x})\n"
    )
    program = compile_files(tmp_path, {"worker.py": source}).valid
    assert program.callees() == {"w": [ClientVariable("worker", "other")]}
    assert load(dump(program)) == program
    assert "calls worker:other\n" in print_program(program)
