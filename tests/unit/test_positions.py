"""Positions of nodes are those of LibCST's own provider."""

from __future__ import annotations

import pickle

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from flashc.project.source_file import SourceFile
from flashc.syntax.parse import parse
from tests.support.projects import ROOT

# They run the same code hundreds of times, which measuring makes three times slower.
pytestmark = pytest.mark.no_cover

FILES = sorted((ROOT / "flashc" / "frontend").rglob("*.py"))
ODD = "@d( # c\r\n x)\r\nclass A :\r\n\tdef f(s, *, k=(1)): return [\r\n\t  k\r\n\t]; pass\r\n"


@pytest.mark.parametrize("text", [*(path.read_text("utf-8") for path in FILES), ODD, "é = '😀'; x"])
def test_places_are_libcsts(text: str) -> None:
    syntax = parse("m.py", "m", False, text)
    found = MetadataWrapper(syntax.tree, unsafe_skip_copy=True).resolve(PositionProvider)
    for node, place in found.items():
        if not isinstance(node, cst.Module):  # LibCST counts the newline at its end, or not
            span = syntax.span(node)
            assert (span.line, span.column - 1) == (place.start.line, place.start.column)
            end = (place.end.line, place.end.column)
            last = syntax.lines.position(
                len(text)
            )  # LibCST ends a last line that the text does not end
            assert (span.end_line, span.end_column - 1) == min(end, (last[0], last[1] - 1))


def test_a_file_that_goes_to_another_process_has_the_same_positions_there() -> None:
    # The main process parses a file if the running Python can't, and then gives the file to others.
    source = SourceFile("m.py", "m", b"type Pair = tuple[int, int]\nlimit = 3\n")
    spans = [source.syntax.span(line) for line in source.syntax.tree.body]
    sent = pickle.loads(pickle.dumps(source))
    assert [sent.syntax.span(line) for line in sent.syntax.tree.body] == spans
    assert sent.lines.position(30) == source.lines.position(30)


FORMS = (
    "x: 'a' = b  .  c\nf( a , * b , ** c )[ 1 : 2 , ... ]\ny = not  a\nz = a if b else (c)\n"
    "w = [ * a , * b ]\nk = { ** a , 'b' : 1 }\nf'{a!r:>{w}} {b}' 'a'\nv = a   @  b\n"
    "g( ( x ) for a in b )\nd = ( a ).b (c) [e]\nu = lambda  a , /, b = 1 , * c : ( a )\n"
)


@pytest.mark.parametrize("text", [*(path.read_text("utf-8") for path in FILES), ODD, FORMS])
def test_the_text_of_an_expression_is_libcsts(text: str) -> None:
    syntax = parse("m.py", "m", False, text)
    pending: list[cst.CSTNode] = [syntax.tree]
    while pending:
        node = pending.pop()
        pending += node.children
        if isinstance(node, cst.BaseExpression):
            assert syntax.code(node) == syntax.tree.code_for_node(node)
