"""The language server, driven by a real client over standard input and output."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from tests.support.projects import ROOT, write

SPLITTER = """\
from runpod_flash import Endpoint


@Endpoint(name="splitter", cpu="cpu3c-1-2")
async def split(text: str) -> list:
    return text.split()
"""
# The emoji takes one code point and two UTF-16 units: columns behind it must be counted as the client does.
CALLER = """\
from runpod_flash import Endpoint
from sizes import WORKERS

api = Endpoint(name="api", cpu="cpu3c-1-2", workers=WORKERS)


@api.post("/run")
async def run(text: str) -> int:
    from splitter import split

    return "😀", await split(text)
"""
WAIT = 30  # seconds


class Editor:
    """An editor with one project."""

    def __init__(self, client: LanguageClient, root: Path) -> None:
        self.client = client
        self.root = root
        self.texts: dict[str, list[str]] = {}
        self.published: dict[str, list[lsp.Diagnostic]] = {}
        self.news = asyncio.Event()

    def uri(self, path: str) -> str:
        return (self.root / path).as_uri()

    def open(self, path: str) -> None:
        text = (self.root / path).read_text("utf-8")
        self.texts[path] = [text]
        document = lsp.TextDocumentItem(self.uri(path), "python", 1, text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(document))

    def type(self, path: str, text: str) -> None:
        """Replace the whole document, without saving it."""
        self.texts[path].append(text)
        self.news.clear()
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(len(self.texts[path]), self.uri(path)),
                [lsp.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    async def codes(self, path: str, wanted: list[str]) -> list[lsp.Diagnostic]:
        """Wait until a document has exactly these findings."""
        async with asyncio.timeout(WAIT):
            while True:
                found = self.published.get(self.uri(path))
                if found is not None and [d.code for d in found] == wanted:
                    return found
                self.news.clear()
                await self.news.wait()

    def at(self, path: str, marker: str) -> dict[str, Any]:
        """The position of a piece of a document's text, as the client counts: in UTF-16 units."""
        before = self.texts[path][-1].partition(marker)[0]
        line = before.rpartition("\n")[2]
        position = lsp.Position(before.count("\n"), len(line.encode("utf-16-le")) // 2)
        return {"text_document": lsp.TextDocumentIdentifier(self.uri(path)), "position": position}


@asynccontextmanager
async def editor(root: Path) -> AsyncIterator[Editor]:
    client = LanguageClient("test", "1")
    session = Editor(client, root)

    @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def published(params: lsp.PublishDiagnosticsParams) -> None:
        session.published[params.uri] = list(params.diagnostics)
        session.news.set()

    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    await client.start_io(
        sys.executable, "-m", "flashc", "lsp", env={**os.environ, "PYTHONPATH": paths}
    )
    await client.initialize_async(
        lsp.InitializeParams(
            capabilities=lsp.ClientCapabilities(),
            workspace_folders=[lsp.WorkspaceFolder(root.as_uri(), "app")],
        )
    )
    client.initialized(lsp.InitializedParams())
    try:
        yield session
    finally:
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()


def drive(root: Path, steps: Callable[[Editor], Awaitable[None]]) -> None:
    files = {"splitter.py": SPLITTER, "caller.py": CALLER, "sizes.py": "WORKERS = (1, 3)\n"}
    write(root, files)

    async def session() -> None:
        async with editor(root) as driven:
            await steps(driven)

    asyncio.run(session())


def test_findings_follow_the_keystrokes_and_a_fix_removes_its_finding(tmp_path: Path) -> None:
    async def steps(editor: Editor) -> None:
        editor.open("splitter.py")
        await editor.codes("splitter.py", [])
        editor.type("splitter.py", SPLITTER.replace("cpu=", "cpuu="))
        (found,) = await editor.codes("splitter.py", ["FC101"])
        assert found.source == "flashc"
        assert "cpuu" in found.message
        actions = await editor.client.text_document_code_action_async(
            lsp.CodeActionParams(
                lsp.TextDocumentIdentifier(editor.uri("splitter.py")),
                found.range,
                lsp.CodeActionContext([found]),
            )
        )
        assert actions
        action = actions[0]
        assert isinstance(action, lsp.CodeAction)
        assert action.edit is not None
        assert action.edit.document_changes is not None
        (change,) = action.edit.document_changes
        assert isinstance(change, lsp.TextDocumentEdit)
        assert change.text_document.version == 2
        (edit,) = change.edits
        assert isinstance(edit, lsp.TextEdit)
        lines = editor.texts["splitter.py"][-1].splitlines(keepends=True)
        line = lines[edit.range.start.line]
        begin, end = edit.range.start.character, edit.range.end.character
        lines[edit.range.start.line] = line[:begin] + edit.new_text + line[end:]
        assert "".join(lines) == SPLITTER
        editor.type("splitter.py", "".join(lines))
        await editor.codes("splitter.py", [])
        assert (editor.root / "splitter.py").read_text() == SPLITTER  # nothing was saved meanwhile

    drive(tmp_path, steps)


def test_an_unsaved_change_of_the_callee_is_seen_in_the_caller(tmp_path: Path) -> None:
    async def steps(editor: Editor) -> None:
        editor.open("caller.py")
        editor.open("splitter.py")
        await editor.codes("caller.py", [])
        editor.type("splitter.py", SPLITTER.replace("text: str", "text: str, limit: int"))
        (found,) = await editor.codes("caller.py", ["FC307"])
        line = CALLER.splitlines()[found.range.start.line]
        units = line.encode("utf-16-le")
        marked = units[2 * found.range.start.character : 2 * found.range.end.character]
        assert marked.decode("utf-16-le").startswith("split")

    drive(tmp_path, steps)


def test_an_unsaved_ignore_file_has_an_effect_at_once(tmp_path: Path) -> None:
    async def steps(editor: Editor) -> None:
        editor.open("caller.py")
        editor.open(".flashignore")
        await editor.codes("caller.py", [])
        editor.type(".flashignore", "splitter.py\n")
        await editor.codes("caller.py", ["FC302"])
        editor.type(".flashignore", "")
        await editor.codes("caller.py", [])

    (tmp_path / ".flashignore").write_text("")
    drive(tmp_path, steps)


def test_a_finding_about_a_whole_file_marks_its_first_line_and_shows_no_text(
    tmp_path: Path,
) -> None:
    root, key = tmp_path / "app", "hf_c0ffeeC0FFEEc0ffeeC0FFEE"
    root.mkdir()
    (tmp_path / "credentials").write_text(f"{key}\n")
    (root / "credentials").symlink_to(tmp_path / "credentials")

    async def steps(editor: Editor) -> None:
        editor.open("splitter.py")
        (found,) = await editor.codes("credentials", ["FC004"])
        assert (found.range.start.line, found.range.start.character) == (0, 0)
        assert found.range.end.line == 0
        assert key not in repr(editor.published)

    drive(root, steps)


def test_hover_shows_the_configuration_and_where_it_comes_from(tmp_path: Path) -> None:
    async def steps(editor: Editor) -> None:
        editor.open("caller.py")
        place = editor.at("caller.py", 'Endpoint(name="api"')
        answer = await editor.client.text_document_hover_async(lsp.HoverParams(**place))
        assert answer is not None
        assert isinstance(answer.contents, lsp.MarkupContent)
        text = answer.contents.value
        assert "workers 1..3" in text
        assert "`workers` from sizes.py:1" in text
        called = await editor.client.text_document_hover_async(
            lsp.HoverParams(**editor.at("caller.py", "split(text)"))
        )
        assert called is not None
        assert "splitter" in str(called.contents)
        nothing = await editor.client.text_document_hover_async(
            lsp.HoverParams(**editor.at("caller.py", "from runpod_flash"))
        )
        assert nothing is None

    drive(tmp_path, steps)


def test_a_call_leads_to_the_function_on_the_other_endpoint(tmp_path: Path) -> None:
    async def steps(editor: Editor) -> None:
        editor.open("caller.py")
        place = editor.at("caller.py", "split(text)")
        found = await editor.client.text_document_definition_async(lsp.DefinitionParams(**place))
        assert isinstance(found, lsp.Location)
        assert found.uri == editor.uri("splitter.py")
        line = SPLITTER.splitlines()[found.range.start.line]
        assert line[found.range.start.character : found.range.end.character] == "split"

    drive(tmp_path, steps)


def test_the_outline_has_endpoints_and_routes(tmp_path: Path) -> None:
    async def steps(editor: Editor) -> None:
        editor.open("caller.py")
        found = await editor.client.text_document_document_symbol_async(
            lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(editor.uri("caller.py")))
        )
        assert found is not None
        (symbol,) = found
        assert isinstance(symbol, lsp.DocumentSymbol)
        assert (symbol.name, symbol.detail) == ("api", "load balanced endpoint")
        assert symbol.kind is lsp.SymbolKind.Interface
        (route,) = symbol.children or []
        assert (route.name, route.kind) == ("POST /run", lsp.SymbolKind.Function)

    drive(tmp_path, steps)


def test_the_range_of_an_endpoint_contains_a_function_that_is_defined_before_it(
    tmp_path: Path,
) -> None:
    text = """\
from runpod_flash import Endpoint


async def run(text: str) -> str:
    return text


late = Endpoint(name="late", cpu="cpu3c-1-2")(run)
"""

    async def steps(editor: Editor) -> None:
        editor.open("late.py")
        found = await editor.client.text_document_document_symbol_async(
            lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(editor.uri("late.py")))
        )
        assert found is not None
        (symbol,) = found
        assert isinstance(symbol, lsp.DocumentSymbol)
        (function,) = symbol.children or []
        assert function.name == "run"
        assert function.kind is lsp.SymbolKind.Function
        for inner in (function.range, symbol.selection_range):
            assert symbol.range.start <= inner.start
            assert inner.end <= symbol.range.end

    write(tmp_path, {"late.py": text})
    drive(tmp_path, steps)


def test_text_that_is_no_python_is_a_finding_and_the_server_lives_on(tmp_path: Path) -> None:
    async def steps(editor: Editor) -> None:
        editor.open("splitter.py")
        editor.type("splitter.py", SPLITTER + "def (")
        await editor.codes("splitter.py", ["FC001"])
        editor.type("splitter.py", SPLITTER)
        await editor.codes("splitter.py", [])

    drive(tmp_path, steps)
