"""Read `requirements.txt` and the files that it includes, in pip's format."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from flashc_core.credentials import without_credentials
from flashc_core.files import MOST_READ
from flashc_core.source import Lines, Span
from flashc_ir.requirements import PackageIndex

from .collector import Collector, is_project_itself
from .includes import includes_in
from .invalid_text import InvalidText
from .locations import checked_hash, source_of
from .pip_lines import UnreadableList, included_path, lines_of_lists

REQUIREMENTS = "requirements.txt"
_ONE_PER_LINE = "write one requirement per line, as `name==1.2`, `name @ URL` or `./path`"
_OPTION = re.compile(r"\s+--?[a-z]")
_IS_OPTION = re.compile(r"--?[A-Za-z]")
_EDITABLE = re.compile(r"^(?:-e|--editable)[\s=]+")
_HARMLESS = frozenset(
    "requirements constraints only_binary prefer_binary use_features features_enabled "
    "require_hashes".split()
)
_NO_FILE = "is not a regular file"


def read_pip_files(collector: Collector) -> None:
    """Add the requirements and the options of `requirements.txt`, if the project has it.

    If a file that it includes can't be read, only its own lines are read.
    """
    if REQUIREMENTS not in collector.project.by_path:
        return
    can_include = _can_include(collector)
    collector.is_complete &= can_include
    if _problem(collector, REQUIREMENTS, ()):
        return
    from pip_requirements_parser import (
        InstallRequirement,
        InvalidRequirementLine,
        OptionLine,
    )  # imported only if the project has the file

    lines = _lines(collector, nested=can_include)
    if lines is None:
        collector.is_complete = False
        lines = _lines(collector, nested=False) if can_include else None
    if lines is None:
        return
    for option in lines:
        if isinstance(option, OptionLine):
            _read_option(collector, option)
    for item in lines:
        if isinstance(item, InstallRequirement):
            _read_requirement(
                collector, item.requirement_line, item.hash_options, item.is_constraint
            )
    for line in lines:
        if isinstance(line, InvalidRequirementLine):
            # The parser refuses paths after `@`, which uv and flashc accept
            hashes = re.findall(r"--hash[=\s](\S+)", line.line or "")
            _read_requirement(collector, line, hashes, is_constraint=False)


def _lines(collector: Collector, *, nested: bool) -> list[Any] | None:
    """Return the parsed lines of `requirements.txt`; report what can't be read, and return None.

    `nested` says that those of the files that it includes are wanted too.
    """
    try:
        return lines_of_lists(collector.project, REQUIREMENTS, nested=nested)
    except UnreadableList as error:
        is_own = error.path == REQUIREMENTS
        where = Span(REQUIREMENTS, 1, 1, 1, 1) if is_own else _including_line(collector, error.path)
        name = "it" if is_own else f"`{without_credentials(error.path)}`"
        collector.report(
            where,
            f"`{REQUIREMENTS}`: {name} can't be read: {error}",
            help=error.help,
        )
        return None


def _can_include(collector: Collector) -> bool:
    """Record the files that `requirements.txt` includes as inputs; report what can't be included.

    A path is relative to the root.  It may lead out of the project, or to a file that does not
    exist.  The result is False if a file includes itself, directly or not, if it is a URL, or if
    reading it may not end, as for a named pipe.  Then only `requirements.txt` itself can be read.
    """
    done: set[str] = set()
    pending: list[tuple[str, tuple[str, ...]]] = [(REQUIREMENTS, ())]
    while pending:
        path, above = pending.pop()
        problem = _problem(collector, path, above)
        if problem:
            where = _including_line(collector, above[1] if len(above) > 1 else path)
            collector.report(where, f"`{REQUIREMENTS}`: `{without_credentials(path)}` {problem}")
            return False
        if path in done:
            continue
        done.add(path)
        data = collector.read_bytes(path)
        if data is None:
            continue
        for name in includes_in(data):
            pending.append((included_path(collector.project, path, name), (*above, path)))
    return True


def _problem(collector: Collector, path: str, above: tuple[str, ...]) -> str:
    """Return why a file can't be included by those `above` it; "" if it can."""
    if path in above:
        return "includes itself"
    if "://" in path:
        return "is a URL, and flashc reads only files"
    if re.fullmatch(r"pylock\.(?:[^.]+\.)?toml", posixpath.basename(path)):
        return "is a lock of PEP 751: remove the line; flashc reads `pylock.toml` by itself"
    file = collector.project.root / path
    try:
        if path in collector.project.unsaved or not file.exists():
            return ""
        if not file.is_file():
            return _NO_FILE
        return "is too large" if file.stat().st_size > MOST_READ else ""
    except (OSError, ValueError):  # such as a null byte in the path
        return _NO_FILE


def _read_requirement(
    collector: Collector, line: Any, hashes: list[str], is_constraint: bool
) -> None:
    """Add the requirement of one line, or report the line."""
    span, shown, folder = _line_of(collector, line)
    text = _OPTION.split(_EDITABLE.sub("", line.line.strip()), maxsplit=1)[0].strip()
    is_editable = _EDITABLE.match(line.line.strip()) is not None
    try:
        if text.startswith("-"):
            raise InvalidText("flashc does not support this option", "remove the line")
        _check_line_options(line.line)
        parsed = collector.parse(text, folder)
        if is_editable and parsed.source is None:
            raise InvalidText("`-e` needs a path or a URL")
        hashes = [checked_hash(each) for each in hashes]
    except InvalidText as error:
        is_shown = shown.startswith("`")  # the reason and the help may repeat a part of the line
        reason = f": {error}" if is_shown else ""
        help = (error.help if is_shown else "") or _ONE_PER_LINE
        message = f"`{span.path}`: {shown} is not a valid requirement{reason}"
        collector.report(collector.where(span, error), message, help=help)
        if not is_constraint and not _IS_OPTION.match(text):
            collector.note_refused(text)
        return
    if is_project_itself(parsed):  # its files are in the artifact anyway
        from packaging.requirements import Requirement

        collector.extras |= Requirement(parsed.requirement).extras
        collector.own.append(span)
    elif is_constraint:
        collector.limit(parsed, span, hashes=hashes)
    else:
        collector.add(parsed, span, hashes=hashes)


def _check_line_options(text: str) -> None:
    """Check the options behind a requirement.

    Raises:
        InvalidText: flashc does not support one of them.
    """
    for option in re.findall(r"\s(--[a-z-]+)", text):
        if option != "--hash":
            raise InvalidText(f"flashc does not support `{option}`", f"remove `{option}`")


def _read_option(collector: Collector, line: Any) -> None:
    """Add what a line of options says, or report an option that flashc does not support."""
    span, shown, folder = _line_of(collector, line)
    for name, value in line.options.items():
        match name:
            case "index_url":
                _add_index(collector, str(value), span, shown, default=True)
            case "extra_index_urls":
                # As for pip, a version that one index lacks may come from another one.  Other than
                # for pip, the public index is the last that is asked.
                collector.options.setdefault("index-strategy", "unsafe-first-match")
                for url in value:
                    _add_index(collector, str(url), span, shown, default=False)
            case "no_index":
                collector.no_index = True
            case "find_links":
                for location in value:
                    _add_links(collector, str(location), span, shown, folder)
            case "pre":
                collector.options["prerelease"] = "allow"
            case "trusted_hosts":
                collector.insecure_hosts += map(str, value)
            case "no_binary":
                _refuse(collector, span, shown, "artifacts are made from wheels only")
            case _ if name not in _HARMLESS:
                _refuse(collector, span, shown, "flashc does not support this option")
            case _:
                pass


def _refuse(collector: Collector, span: Span, shown: str, reason: str) -> None:
    """Report a line of options that flashc does not support."""
    collector.report(
        span, f"`{span.path}`: {shown} can't be used: {reason}", help="remove the line"
    )


def _add_index(collector: Collector, url: str, span: Span, shown: str, *, default: bool) -> None:
    """Add a package index."""
    try:
        source_of(url)
    except InvalidText as error:
        collector.report(
            collector.where(span, error),
            f"`{span.path}`: {shown} can't be used: {error}",
            help=error.help,
        )
        return
    if default:  # the last one counts, as for pip
        collector.indexes = [index for index in collector.indexes if not index.default]
    collector.indexes.append(PackageIndex(name="", url=url, span=span, default=default))


def _add_links(collector: Collector, location: str, span: Span, shown: str, folder: str) -> None:
    """Add a folder or a page with files of distributions."""
    try:
        source = source_of(location, folder)
    except InvalidText as error:
        collector.report(
            collector.where(span, error),
            f"`{span.path}`: {shown} can't be used: {error}",
            help=error.help,
        )
        return
    collector.find_links.append(str(source))


# Positions ----------------------------------------------------------------------------------------


def _line_of(collector: Collector, line: Any) -> tuple[Span, str, str]:
    """Return the span of a line, the text that names it in a message, and the file's folder.

    The text is the line itself only if the line is in a file of the project that is named like a
    list of requirements.  Other files may contain credentials: a file outside of the project, which
    a hostile project can include, or a file such as `.env`, also behind a link.  A line of such a file is named by its
    number.  A password in a URL is left out.
    """
    project = collector.project
    number = line.line_number or 1
    text = without_credentials(line.line.split(" --hash", 1)[0].strip())
    path = line.filename
    folder = posixpath.dirname(path)
    if path not in project.by_path or not path.endswith((".txt", ".in")) or project.hides(path):
        return _including_line(collector, path), f"line {number} of `{path}`", folder
    lines = project.lines(path)
    end = len(lines.line(number)) if lines is not None and number <= len(lines) else len(text)
    return Span(path, number, 1, number, end + 1), f"`{text}`", folder


def _including_line(collector: Collector, included: str) -> Span:
    """Return the line of `requirements.txt` that includes a file.

    If an included file includes it, return the first line of `requirements.txt` that includes
    anything.
    """
    data = collector.read_bytes(REQUIREMENTS) or b""
    lines = Lines(data.decode("utf-8", "replace"))
    including: dict[str, int] = {}
    for number in range(1, len(lines) + 1):
        for name in includes_in(lines.line(number).encode()):
            including.setdefault(included_path(collector.project, REQUIREMENTS, name), number)
    number = including.get(included, next(iter(including.values()), 1))
    return Span(REQUIREMENTS, number, 1, number, len(lines.line(number)) + 1)
