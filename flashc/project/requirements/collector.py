"""Collect the requirements, indexes and options of a project: read its files and tables, and report what is wrong in them."""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from msgspec import Struct, field

from flashc.project.documents import report_unreadable
from flashc.project.inputs import file_input
from flashc.project.project import Project
from flashc_core import rules
from flashc_core.credentials import without_credentials
from flashc_core.diagnostics import Rule, Sink
from flashc_core.documents import UnreadableDocument, parse_json, parse_toml
from flashc_core.source import Lines, Span, WholeFile
from flashc_ir.requirements import Dependency, Offer, PackageIndex, PathSource

from .invalid_text import InvalidText
from .texts import Parsed, name_of_invalid, parse

_T = TypeVar("_T")
GENERAL_HELP = "write `name==1.2`, `name @ URL` or `name @ ./path`"
INDEX_HELP = 'give it the address of a package index, such as `url = "https://pypi.org/simple"`'


class Collector(Struct, eq=False, kw_only=True):
    """What was found so far; the readers add to it, in the order of the files.

    `own` are the places of requirements that are the project itself.  `refused` are the names of the
    packages that wrong requirements ask for; `is_complete` is False if one may ask for any package.
    `extras` are the extras of the project that are chosen.  `inputs` are the files that were
    looked for; see `flashc.project.inputs`.
    """

    project: Project
    sink: Sink
    extras: set[str] = field(default_factory=set[str])
    groups: set[str] = field(default_factory=set[str])
    found: list[Dependency] = field(default_factory=list[Dependency])
    offers: list[Offer] = field(default_factory=list[Offer])
    own: list[Span] = field(default_factory=list[Span])
    indexes: list[PackageIndex] = field(default_factory=list[PackageIndex])
    find_links: list[str] = field(default_factory=list[str])
    insecure_hosts: list[str] = field(default_factory=list[str])
    overrides: list[str] = field(default_factory=list[str])
    inputs: list[str] = field(default_factory=list[str])
    options: dict[str, str] = field(default_factory=dict[str, str])
    no_index: bool = False
    refused: list[str] = field(default_factory=list[str])
    is_complete: bool = True
    _tables: dict[str, dict[str, Any] | None] = field(
        default_factory=dict[str, dict[str, Any] | None]
    )

    def read(self, path: str) -> str | None:
        """Return the text of a file relative to the root; None if it can't be read."""
        data = self.read_bytes(path)
        try:
            return None if data is None else data.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def read_bytes(self, path: str) -> bytes | None:
        """Return the content of a file relative to the root; None if it can't be read."""
        self.inputs.append(file_input(path))
        if not self.project.has_text(path):
            return None  # reading a named pipe would not end
        try:
            return self.project.read(path)
        except OSError as error:
            if error.errno == errno.EFBIG and not path.startswith(("../", "/")):
                report_unreadable(path, error, self.sink)
                self.is_complete = False
            return None

    def table(self, path: str) -> dict[str, Any] | None:
        """Return the content of a TOML file; None if there is none.

        A file that is not TOML is reported, unless it is above the project.
        """
        if path not in self._tables:
            self._tables[path] = self._read_table(path)
        return self._tables[path]

    def _read_table(self, path: str) -> dict[str, Any] | None:
        """Read a TOML file for `table`."""
        return self._document(path, parse_toml)

    def json(self, path: str) -> Any:
        """Return the content of a JSON file; None if there is none, or if it can't be used, which is reported."""
        return self._document(path, parse_json)

    def _document(self, path: str, parse: Callable[[str], _T]) -> _T | None:
        """Return the content of a file; None if there is none.

        A file that can't be parsed is reported, unless it is above the project.
        """
        data = self.read_bytes(path)
        try:
            return None if data is None else parse(data.decode("utf-8"))
        except (UnicodeDecodeError, UnreadableDocument) as error:
            if not path.startswith("../"):
                report_unreadable(path, error, self.sink)
                self.is_complete &= path.endswith(".lock")  # a lock only limits versions
            return None

    def distribution_in(self, folder: str) -> str | None:
        """Return the name of the distribution in a folder, if its files say it."""
        document = self.table(posixpath.join(folder, "pyproject.toml")) or {}
        for table in (
            as_table(document.get("project")),
            as_table(as_table(document.get("tool")).get("poetry")),
        ):
            if isinstance(table.get("name"), str):
                return str(table["name"])
        text = self.read(posixpath.join(folder, "setup.cfg"))
        if text is None:
            return None
        import configparser

        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(text)
        except configparser.Error:
            return None
        return parser.get("metadata", "name", fallback=None)

    def parse(self, text: str, folder: str = "") -> Parsed:
        """Parse a requirement in a file of `folder`; see `texts.parse`.

        Raises:
            InvalidText: the text is no requirement.
        """
        return parse(text, folder, self._name_of)

    def _name_of(self, folder: str) -> str | None:
        """Return the name of the distribution in a folder; the project itself needs none."""
        return self.distribution_in(folder) or ("the-project" if folder == "." else None)

    def add(self, parsed: Parsed, span: Span, *, hashes: Iterable[str] = ()) -> None:
        """Add a requirement."""
        self.found.append(
            Dependency(
                name=parsed.name,
                requirement=parsed.requirement,
                span=span,
                source=parsed.source,
                hashes=tuple(sorted({*hashes, *parsed.hashes})),
                is_unnamed=parsed.is_unnamed,
            )
        )

    def limit(self, parsed: Parsed, span: Span, *, hashes: Iterable[str] = ()) -> None:
        """Add a requirement that only limits versions."""
        if parsed.source is not None:
            self.add(parsed, span, hashes=hashes)
            return
        self.found.append(
            Dependency(
                name=parsed.name,
                requirement=parsed.requirement,
                span=span,
                constraint=True,
                hashes=tuple(sorted(hashes)),
            )
        )

    def report(
        self,
        where: Span | WholeFile,
        message: str,
        rule: Rule = rules.INVALID_REQUIREMENTS_FILE,
        help: str = "",
    ) -> None:
        """Report a part of a file that can't be used."""
        self.sink.report(rule, where, message, help=(help,) if help else ())

    def where(self, span: Span, error: InvalidText) -> Span | WholeFile:
        """Return the location of a report; the whole file if the text has a secret, so that the line is not shown."""
        return WholeFile(span.path) if error.has_secret else span

    def refuse(
        self, text: str, span: Span, error: InvalidText, *, asks_for_package: bool = True
    ) -> None:
        """Report a text that is no requirement.

        `asks_for_package` is False for a text that would only limit versions.
        """
        if asks_for_package:
            self.note_refused(text)
        self.report(
            self.where(span, error),
            f"`{without_credentials(text)}` is not a valid requirement: {error}",
            rules.INVALID_REQUIREMENT,
            error.help or GENERAL_HELP,
        )

    def note_refused(self, text: str) -> None:
        """Record the package that a wrong requirement asks for; it may be any one if the text names none."""
        name = name_of_invalid(text)
        if name is None:
            self.is_complete = False
        else:
            self.refused.append(name)


def as_table(value: object) -> dict[str, Any]:
    """Return a table of TOML; an empty one if the value is something else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Return an array of TOML; an empty one if the value is something else."""
    return value if isinstance(value, list) else []


def span_of(path: str, lines: Lines, *sought: str, after: str = "") -> Span:
    """Return the span of the first of some texts that a line of a file contains.

    The search begins at the first line that contains `after`.  A file may write a string with
    escapes, so that no line contains it.  Then the result is the whole file.
    """
    whole = lines.text
    found = whole.find(after) if _is_in_one_line(after) else -1
    begin = lines.offset(lines.position(found)[0], 1) if found >= 0 else 0
    for text in filter(_is_in_one_line, sought):
        start = whole.find(text, begin)
        if start >= 0:
            return lines.span(path, start, start + len(text))
    return lines.span(path, 0, len(whole))


def _is_in_one_line(text: str) -> bool:
    """Return whether a text has no end of a line."""
    return "\n" not in text and "\r" not in text


def is_project_itself(parsed: Parsed) -> bool:
    """Return whether a requirement names the folder of the project."""
    return isinstance(parsed.source, PathSource) and parsed.source.path == "."
