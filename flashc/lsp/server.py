"""Keep a current analysis of each project, and answer the requests of an editor."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from lsprotocol import types as lsp
from msgspec import Struct, field
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path
from pygls.workspace import TextDocument

from flashc import __version__
from flashc.report.json_report import page_url
from flashc_core.diagnostics import Diagnostic, Fix, Label, Safety, Severity
from flashc_core.encoding import encode, visible
from flashc_core.source import Location, Span

from . import features
from .analysis import Analysis, analyse, project_of, relative
from .positions import Units, overlaps, to_line_column, to_range, units

_PAUSE = 0.2  # seconds without a keystroke before the project is compiled again
_SEVERITIES = {
    Severity.ERROR: lsp.DiagnosticSeverity.Error,
    Severity.WARNING: lsp.DiagnosticSeverity.Warning,
}


class _Project(Struct, eq=False, kw_only=True):
    """One project with open documents.

    `versions` are the versions of the documents that `analysis` was made from, by path.
    `published` are the paths of the files whose diagnostics the client got; the list of an open file may
    be empty.
    """

    root: Path
    lock: threading.Lock = field(default_factory=threading.Lock)
    timer: threading.Timer | None = None
    analysis: Analysis | None = None
    versions: dict[str, int | None] = field(default_factory=dict[str, "int | None"])
    published: set[str] = field(default_factory=set[str])


class FlashServer(LanguageServer):
    """The language server; its state is the projects of the open documents."""

    def __init__(self) -> None:
        """Create a server without any project."""
        super().__init__("flashc", __version__)
        self._projects: dict[Path, _Project] = {}

    # Documents -> projects ------------------------------------------------------------------------

    def project(self, uri: str) -> tuple[_Project, str] | None:
        """Return a document's project and its path in it, None if it is not a file, or is outside of the root."""
        name = to_fs_path(uri)
        if name is None:
            return None
        file = Path(name)
        root = project_of(file, self._workspace_of(file))
        path = relative(file, root)
        if path is None:
            return None
        return self._projects.setdefault(root, _Project(root=root)), path

    def _workspace_of(self, file: Path) -> Path | None:
        """Return the innermost folder of the editor's workspace that contains a file."""
        folders = [to_fs_path(uri) for uri in self.workspace.folders]
        roots = [Path(folder) for folder in (*folders, self.workspace.root_path) if folder]
        inside = [root for root in roots if root in file.parents]
        return max(inside, key=lambda root: len(root.parts), default=None)

    @property
    def unit_counter(self) -> Units:
        """The function that measures a text in the client's code units."""
        return units(self.workspace.position_encoding or lsp.PositionEncodingKind.Utf16)

    # Analyses -------------------------------------------------------------------------------------

    def schedule_analysis(self, uri: str, *, at_once: bool = False) -> None:
        """Schedule a new analysis of a document's project, after a pause in typing or `at_once`."""
        found = self.project(uri)
        if found is None:
            return
        project, _ = found
        if project.timer is not None:
            project.timer.cancel()
        project.timer = threading.Timer(0 if at_once else _PAUSE, self._refresh, (project,))
        project.timer.daemon = True
        project.timer.start()

    def _refresh(self, project: _Project) -> None:
        """Analyse a project again and send its findings to the client."""
        try:
            self.analysis(project, renew=True)
            self._publish(project)
        except Exception:
            # A bug in flashc must not end the server; the next analysis may succeed.
            logging.exception("flashc could not analyse %s", project.root)
            self.window_log_message(
                lsp.LogMessageParams(
                    lsp.MessageType.Error, "flashc failed because of a bug; see the server's log"
                )
            )

    def analysis(self, project: _Project, *, renew: bool = False) -> Analysis:
        """Return an analysis of the present documents, so that positions in it match what the editor shows.

        With `renew`, the project is analysed again even if no open document has changed: another
        file may have.
        """
        with project.lock:
            documents = self._documents(project)
            versions = {path: document.version for path, document in documents.items()}
            if renew or project.analysis is None or versions != project.versions:
                unsaved = {path: encode(document.source) for path, document in documents.items()}
                project.analysis = analyse(project.root, unsaved, project.analysis)
                project.versions = versions
            return project.analysis

    def _documents(self, project: _Project) -> dict[str, TextDocument]:
        """Return the open documents of a project, by path."""
        found: dict[str, TextDocument] = {}
        for uri, document in list(self.workspace.text_documents.items()):
            located = self.project(uri)
            if located is not None and located[0] is project:
                found[located[1]] = document
        return found

    def _publish(self, project: _Project) -> None:
        """Send the findings of a project to the client.

        Files that no longer have findings get an empty list.
        """
        analysis = project.analysis
        assert analysis is not None
        by_path: dict[str, list[lsp.Diagnostic]] = {path: [] for path in project.versions}
        for diagnostic in analysis.diagnostics:
            shown = self.to_diagnostic(project, analysis, diagnostic)
            by_path.setdefault(diagnostic.path, []).append(shown)
        for path in sorted(by_path.keys() | project.published):
            self.text_document_publish_diagnostics(
                lsp.PublishDiagnosticsParams(
                    uri_of(project.root, path), by_path.get(path, []), project.versions.get(path)
                )
            )
        project.published = set(by_path)

    # Conversions to the protocol's types ----------------------------------------------------------

    def to_diagnostic(
        self, project: _Project, analysis: Analysis, diagnostic: Diagnostic
    ) -> lsp.Diagnostic:
        """Return a diagnostic in the protocol's form; its notes and help follow the message."""
        rule = diagnostic.rule
        return lsp.Diagnostic(
            range=self.to_range(analysis, diagnostic.location),
            message=message_of(diagnostic),
            severity=_SEVERITIES[diagnostic.severity],
            code=rule.code,
            code_description=lsp.CodeDescription(page_url(rule.code)),
            source="flashc",
            related_information=[
                self._to_related(project, analysis, label) for label in diagnostic.secondary
            ],
        )

    def _to_related(
        self, project: _Project, analysis: Analysis, label: Label
    ) -> lsp.DiagnosticRelatedInformation:
        """Return a label in the protocol's form."""
        return lsp.DiagnosticRelatedInformation(
            self.to_location(project, analysis, label.location), visible(label.text)
        )

    def to_range(self, analysis: Analysis, location: Location) -> lsp.Range:
        """Return a location as a range of its document."""
        return to_range(location, analysis.lines(location.path), self.unit_counter)

    def to_location(
        self, project: _Project, analysis: Analysis, location: Location
    ) -> lsp.Location:
        """Return a location as a document and a range in it."""
        return lsp.Location(uri_of(project.root, location.path), self.to_range(analysis, location))

    def to_edit(self, project: _Project, analysis: Analysis, fix: Fix) -> lsp.WorkspaceEdit:
        """Return a fix as edits, for exactly the document versions that were analysed."""
        by_path: dict[str, list[lsp.TextEdit]] = {}
        for edit in fix.edits:
            change = lsp.TextEdit(self.to_range(analysis, edit.span), edit.text)
            by_path.setdefault(edit.span.path, []).append(change)
        return lsp.WorkspaceEdit(
            document_changes=[
                lsp.TextDocumentEdit(
                    lsp.OptionalVersionedTextDocumentIdentifier(
                        uri_of(project.root, path), project.versions.get(path)
                    ),
                    cast("list[lsp.TextEdit | lsp.AnnotatedTextEdit | lsp.SnippetTextEdit]", edits),
                )
                for path, edits in sorted(by_path.items())
            ]
        )


def message_of(diagnostic: Diagnostic) -> str:
    """Return the message of a finding with its notes and help, without characters that control terminals."""
    lines = [diagnostic.message]
    lines += [f"note: {note}" for note in diagnostic.notes]
    lines += [f"help: {text}" for text in diagnostic.help]
    return visible("\n".join(lines))


def uri_of(root: Path, path: str) -> str:
    """Return the URI of a file of a project."""
    return str(from_fs_path(str(root / path)))


def make_server() -> FlashServer:
    """Return a server that handles all requests and notifications that flashc supports."""
    server = FlashServer()
    _handle_changes(server)
    _handle_requests(server)
    return server


def _handle_changes(server: FlashServer) -> None:
    """Register the handlers of notifications; each handler schedules an analysis."""

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def on_open(params: lsp.DidOpenTextDocumentParams) -> None:
        """Schedule an analysis when a document is opened."""
        server.schedule_analysis(params.text_document.uri, at_once=True)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def on_edit(params: lsp.DidChangeTextDocumentParams) -> None:
        """Schedule an analysis when the user types."""
        server.schedule_analysis(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def on_save(params: lsp.DidSaveTextDocumentParams) -> None:
        """Schedule an analysis when a document is saved."""
        server.schedule_analysis(params.text_document.uri, at_once=True)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def on_close(params: lsp.DidCloseTextDocumentParams) -> None:
        """Schedule an analysis when a document is closed."""
        server.schedule_analysis(params.text_document.uri, at_once=True)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def on_outside_change(params: lsp.DidChangeWatchedFilesParams) -> None:
        """Schedule an analysis when another program changes a file."""
        for change in params.changes:
            server.schedule_analysis(change.uri)


def _handle_requests(server: FlashServer) -> None:
    """Register the handlers of requests.

    They run in threads, because an analysis may take a second.
    """

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix]),
    )
    @server.thread()
    def actions(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """Answer with the fixes for the selected range."""
        return list(_actions(server, params))

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    @server.thread()
    def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        """Answer with the endpoint at a position."""
        state = _analyse_document(server, params.text_document.uri)
        if state is None:
            return None
        _, analysis, path = state
        position = to_line_column(params.position, analysis.lines(path), server.unit_counter)
        text = features.hover(analysis, path, position)
        content = lsp.MarkupContent(lsp.MarkupKind.Markdown, text or "")
        return None if text is None else lsp.Hover(content)

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    @server.thread()
    def definition(params: lsp.DefinitionParams) -> lsp.Location | None:
        """Answer with the definition of the function that is called at a position."""
        state = _analyse_document(server, params.text_document.uri)
        if state is None:
            return None
        project, analysis, path = state
        position = to_line_column(params.position, analysis.lines(path), server.unit_counter)
        span = features.definition(analysis, path, position)
        return None if span is None else server.to_location(project, analysis, span)

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    @server.thread()
    def symbols(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        """Answer with the outline of a document."""
        state = _analyse_document(server, params.text_document.uri)
        if state is None:
            return []
        _, analysis, path = state
        return [_to_symbol(server, analysis, s) for s in features.symbols(analysis, path)]


def _analyse_document(server: FlashServer, uri: str) -> tuple[_Project, Analysis, str] | None:
    """Analyse the project of a document; return the project, the analysis and the path of the document."""
    found = server.project(uri)
    if found is None:
        return None
    project, path = found
    return project, server.analysis(project), path


def _actions(server: FlashServer, params: lsp.CodeActionParams) -> Iterable[lsp.CodeAction]:
    """Yield code actions for the fixes of findings in the selected range."""
    state = _analyse_document(server, params.text_document.uri)
    if state is None:
        return
    project, analysis, path = state
    lines = analysis.lines(path)
    begin = to_line_column(params.range.start, lines, server.unit_counter)
    end = to_line_column(params.range.end, lines, server.unit_counter)
    for diagnostic in analysis.diagnostics:
        fix = diagnostic.fix
        if fix is None or fix.safety is Safety.DISPLAY:
            continue
        location = diagnostic.location
        if isinstance(location, Span) and overlaps(location, path, begin, end):
            safe = fix.safety is Safety.SAFE
            yield lsp.CodeAction(
                title=fix.title if safe else f"{fix.title} (may change what the program does)",
                kind=lsp.CodeActionKind.QuickFix,
                diagnostics=[server.to_diagnostic(project, analysis, diagnostic)],
                is_preferred=safe,
                edit=server.to_edit(project, analysis, fix),
            )


def _to_symbol(
    server: FlashServer, analysis: Analysis, symbol: features.Symbol
) -> lsp.DocumentSymbol:
    """Return an outline entry in the protocol's form."""
    return lsp.DocumentSymbol(
        name=symbol.name,
        detail=symbol.detail,
        kind=lsp.SymbolKind.Function if symbol.is_function else lsp.SymbolKind.Interface,
        range=server.to_range(analysis, symbol.span),
        selection_range=server.to_range(analysis, symbol.selection),
        children=[_to_symbol(server, analysis, child) for child in symbol.children],
    )
