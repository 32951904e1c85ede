"""The documentation site: it is built from all documents, looks as they do on GitHub, and fetches nothing from another host."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from playwright.sync_api import expect
from site_documents import CHAPTERS, OTHER_FILES, paths

from tests.support.browser import opened
from tests.support.projects import ROOT

DOCUMENTS = paths(*(pattern for _, patterns in CHAPTERS for pattern in patterns))
GITHUB = MarkdownIt("commonmark").enable("table")
_FOLDERS = ("flashc", "ir", "backends", "spec", "examples", "benchmarks", "scripts")
_PATIENCE = 60_000  # milliseconds; the browser reads the index of all pages before it answers
_VOID = {"br", "hr", "img", "input", "wbr"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; its build fails at a link that leads to nothing, and at any other warning."""
    folder = tmp_path_factory.mktemp("documentation") / "site"
    words = ["-m", "mkdocs", "build", "--strict", "-f", "scripts/site.yml", "-d", str(folder)]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def page_of(document: str) -> str:
    """The page of a document: `README.md` is the index of its folder."""
    return re.sub(r"\.md$", ".html", re.sub(r"README\.md$", "index.md", document))


class _Reader(HTMLParser):
    """Reads the text of a page, without what the site adds: titles of blocks and links to headings."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        is_added = dict(attrs).get("class") in ("headerlink", "filename")
        if tag not in _VOID and (is_added or self._skipped):
            self._skipped += 1

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._skipped:
            self._skipped -= 1

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.texts.append(data)


def text_of(html: str) -> list[str]:
    reader = _Reader()
    reader.feed(html)
    return "".join(reader.texts).split()


def blocks_of(html: str) -> dict[str, int]:
    """How many headings, tables, items of lists and blocks of code there are."""
    return {
        tag: len(re.findall(rf"<{tag}[ >]", html)) for tag in ("h1", "h2", "h3", "tr", "li", "pre")
    }


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_page_says_what_the_document_says_on_github(document: str, site: Path) -> None:
    page = (site / page_of(document)).read_text("utf-8")
    article = re.search(r"<article[^>]*>(.*)</article>", page, re.DOTALL)
    assert article is not None
    on_github = GITHUB.render((ROOT / document).read_text("utf-8"))
    assert blocks_of(article[1]) == blocks_of(on_github)
    assert "".join(text_of(article[1])) == "".join(text_of(on_github))


def test_the_site_has_every_document() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("*.md")}
    for folder in _FOLDERS:
        found |= {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.md")}
    assert sorted(DOCUMENTS) == sorted(found)


# Links ------------------------------------------------------------------------------------------


def _tokens(document: str) -> Iterator[Token]:
    for token in GITHUB.parse((ROOT / document).read_text("utf-8")):
        yield token
        yield from token.children or ()


def links_of(document: str) -> list[str]:
    """The targets of a document's links to files of the repository."""
    targets = [str(t.attrs["href"]) for t in _tokens(document) if t.type == "link_open"]
    return [target for target in targets if not urlsplit(target).scheme]


def anchors_of(document: str) -> set[str]:
    """The names that GitHub gives to the headings of a document."""
    tokens = GITHUB.parse((ROOT / document).read_text("utf-8"))
    titles = [
        "".join(part.content for part in inline.children or ())
        for heading, inline in pairwise(tokens)
        if heading.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if links_of(name)])
def test_a_link_leads_to_a_file_and_a_heading_on_github(document: str) -> None:
    for target in links_of(document):
        parts = urlsplit(target)
        file = (ROOT / document).parent / parts.path if parts.path else ROOT / document
        assert file.is_file(), target
        if parts.fragment:
            assert parts.fragment in anchors_of(str(file.resolve().relative_to(ROOT))), target


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if links_of(name)])
def test_a_link_leads_to_a_page_and_a_heading_in_the_site(document: str, site: Path) -> None:
    page = site / page_of(document)
    html = page.read_text("utf-8")
    for target in links_of(document):
        parts = urlsplit(target)
        named = (site / document).parent / page_of(parts.path) if parts.path else page
        assert named.is_file(), target
        if parts.fragment:
            assert f'id="{parts.fragment}"' in named.read_text("utf-8"), target
            assert f"#{parts.fragment}" in html


# In a browser -----------------------------------------------------------------------------------


def test_no_page_needs_another_host(site: Path) -> None:
    for page in site.rglob("*.html"):
        tags = re.findall(r"<(?:link|script|img|iframe)\b[^>]*>", page.read_text("utf-8"))
        sources = [found for tag in tags for found in re.findall(r'(?:href|src)="([^"]*)"', tag)]
        assert [source for source in sources if urlsplit(source).netloc] == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//", style.read_text("utf-8")), style


def test_a_reader_finds_a_rule_with_the_search(site: Path) -> None:
    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            # `opened` lets no request to another host pass
            with opened(f"http://127.0.0.1:{server.server_port}/") as page:
                page.set_default_timeout(_PATIENCE)
                page.get_by_role("link", name="tutorial", exact=True).click()
                expect(page).to_have_title("Tutorial - flashc", timeout=_PATIENCE)
                page.get_by_role("textbox", name="Search").click()
                page.keyboard.type("FC101")
                results = page.locator(".md-search-result__link")
                results.filter(has_text="FC101: unknown-parameter").first.click()
                heading = page.locator("h1")
                expect(heading).to_contain_text("FC101: unknown-parameter", timeout=_PATIENCE)
        finally:
            server.shutdown()
            thread.join()


def test_files_that_are_no_pages_are_in_the_site(site: Path) -> None:
    names = paths(*OTHER_FILES)
    assert "spec/faults.toml" in names
    assert [name for name in names if not (site / name).is_file()] == []
