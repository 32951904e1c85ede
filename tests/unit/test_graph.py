"""The graph of an app: names can't leave their labels, and the page loads nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flashc_backends.listings.graph import graph_of, to_dot, to_html, to_mermaid
from flashc_ir.program import Program
from tests.support.projects import EXAMPLES, compile_files, compile_folder

NAMES = (
    '"] --> x["',
    "<script>alert(1)</script>",
    '\\" ]; a -> b; "',
    "a\\",
    "%%{init: {}}%%",
    "end",
    "ä 漢 🙂",
    "'\"><img src=x onerror=alert(1)>",
    "click n0 href",
)


def named(tmp_path: Path, name: str) -> Program:
    source = (
        f"from flashc import Endpoint\n\n@Endpoint(name={name!r}, cpu='cpu3c-1-2')\n"
        "async def one(): ...\n\napi = Endpoint(name='web', cpu='cpu3c-1-2', workers=(1, 2))\n\n"
        "@api.get('/<b>/{x}\"')\nasync def two(x: str): return await one()\n"
    )
    return compile_files(tmp_path, {"w.py": source}).valid


class Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("name", NAMES)
def test_names_stay_in_their_labels(name: str, tmp_path: Path) -> None:
    graph = graph_of(named(tmp_path, name))
    assert len(graph.edges) == 1
    mermaid = to_mermaid(graph).splitlines()
    assert mermaid[0] == "flowchart LR"
    for line in mermaid[1:3]:
        assert re.fullmatch(r'  n\d\["([^"\[\]<>]|<br>)*"\]', line), line
    assert mermaid[3:] == [f"  n{graph.edges[0][0]} --> n{graph.edges[0][1]}"]
    label = r'"(?:[^"\\\n]|\\.)*"'
    for line in to_dot(graph).splitlines()[3:5]:
        assert re.fullmatch(rf"  n\d \[label={label}\];", line), line
    page = Tags(to_html(graph))
    harmless = Tags(to_html(graph_of(named(tmp_path / "other", "plain"))))
    assert (page.tags, page.attributes) == (harmless.tags, harmless.attributes)


def test_the_page_loads_nothing() -> None:
    page = to_html(graph_of(compile_folder(EXAMPLES / "pipeline").valid))
    assert not re.search(r"https?:|url\((?!#)|src=|href=|<script|<link|@import", page)
    assert "default-src &#x27;none&#x27;" in page
    for text in ("pipeline-score", "POST /analyse", "load balancer", "pipeline-api calls"):
        assert text in page


def test_endpoints_that_call_each_other_have_a_picture(tmp_path: Path) -> None:
    source = (
        "from flashc import Endpoint\n\nexisting = Endpoint(id='abc')\n\n"
        "@Endpoint(name='a', cpu='cpu3c-1-2')\nasync def a(): await b(); await existing.run({})\n\n"
        "@Endpoint(name='b')\nasync def b(): await a()\n\n"
        "image = Endpoint(name='c', image='some/image:1')\n"
    )
    graph = graph_of(compile_files(tmp_path, {"w.py": source}).valid)
    names = [node.name for node in graph.nodes]
    calls = {(names[caller], names[callee]) for caller, callee in graph.edges}
    assert calls >= {("a", "b"), ("b", "a")}
    page = to_html(graph)
    for node in graph.nodes:
        assert f"{node.name}<title>" in page


def test_an_app_without_calls_says_so(tmp_path: Path) -> None:
    source = "from flashc import Endpoint\n\n@Endpoint(name='a')\nasync def a(): ...\n"
    graph = graph_of(compile_files(tmp_path, {"w.py": source}).valid)
    assert "No endpoint calls another." in to_html(graph)
    assert to_mermaid(graph).count("\n") == 2
