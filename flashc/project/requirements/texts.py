"""Parse the text of one requirement: PEP 508, and the paths and URLs that pip also accepts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from msgspec import Struct
from msgspec.structs import replace

from flashc_core.packaging_texts import (
    TOO_LONG,
    has_huge_number,
    parse_marker,
    parse_requirement,
)
from flashc_ir.platform.images import DEFAULT_PYTHON
from flashc_ir.platform.markers import evaluate_marker, worker_environment
from flashc_ir.requirements import GitSource, PathSource, Source, UrlSource

from .invalid_text import InvalidText
from .locations import (
    file_name,
    fragment_of,
    hashes_in,
    is_archive,
    name_in,
    name_of_repository,
    source_of,
)

if TYPE_CHECKING:  # `packaging` takes long to import
    from packaging.markers import Marker

_MARKER = re.compile(r"\s;\s*")
_NAMED = re.compile(r"([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:$|[\[(<>=!~;,]|@\s)", re.ASCII)
_EXTRAS = re.compile(r"^(?P<path>.*[^\[\]])\[(?P<extras>[^\[\]]*)\]$")


class Parsed(Struct, frozen=True, kw_only=True):
    """A requirement: its canonical name, its text of PEP 508 without a URL, and its source.

    `hashes` are those in the fragment of the URL, `#sha256=HEX`.  `is_unnamed` says that the text is
    the URL of a git repository without a name, so that `name` is only that of the repository.
    """

    name: str
    requirement: str
    source: Source | None = None
    hashes: tuple[str, ...] = ()
    is_unnamed: bool = False


def parse(
    text: str, folder: str = "", name_of: Callable[[str], str | None] = lambda path: None
) -> Parsed:
    """Return the requirement that a text means.

    `folder` is the folder of the file that contains the text, relative to the project's root; paths
    in the text are relative to it.  `name_of` returns the name of the distribution in a folder.

    Raises:
        InvalidText: the text is no requirement.
    """
    from packaging.requirements import InvalidRequirement
    from packaging.utils import canonicalize_name

    if has_huge_number(text):
        raise InvalidText(TOO_LONG)
    try:
        requirement = parse_requirement(text)
    except InvalidRequirement as error:
        if not _is_location(text):
            raise InvalidText(why_invalid(text, error)) from error
        return _from_location(text, folder, name_of)
    name = canonicalize_name(requirement.name)
    url, requirement.url = requirement.url, None
    try:
        parse_requirement(str(requirement))
    except InvalidRequirement as error:  # a marker with a line break or quotes in its text
        raise InvalidText("its marker has a text that no requirements file can contain") from error
    _check_marker(requirement.marker)
    source = None if url is None else source_of(url, folder)
    if isinstance(source, PathSource | UrlSource):
        _check_name(name, source)
    return Parsed(
        name=name, requirement=str(requirement), source=source, hashes=hashes_in(url or "")
    )


def with_source(parsed: Parsed, location: str, folder: str = "") -> Parsed:
    """Return a requirement with the source that a URL or a path means, and with the URL's hashes.

    `folder` is as in `parse`.

    Raises:
        InvalidText: flashc can't get a distribution from there, or can't check a hash.
    """
    return replace(parsed, source=source_of(location, folder), hashes=hashes_in(location))


def name_of_invalid(text: str) -> str | None:
    """Return the canonical name of the package that a wrong requirement means; None if the text does not show it."""
    from packaging.utils import canonicalize_name  # takes long to import

    match = _NAMED.match(text.strip())
    is_file = match is None or _is_location(text) or is_archive(match[1])
    return None if match is None or is_file else canonicalize_name(match[1])


def why_invalid(text: str, error: Exception) -> str:
    """Return why a text is not a requirement: the parser's reason, or one for `name=1`."""
    if pinned(text) != text:
        return "`=` is not a version operator; write `==`"
    return str(error).partition("\n")[0]


def pinned(text: str) -> str:
    """Return a requirement in conda's form, `torch=2.9`, in the form of pip: `torch==2.9`.

    A text without such an operator, and one that is not valid with `==` either, stays as it is.
    """
    from packaging.requirements import InvalidRequirement  # takes long to import

    changed = re.sub(r"(?<![=<>!~])=(?!=)", "==", text)
    try:
        parse_requirement(changed)
    except InvalidRequirement:
        return text
    return changed


def with_marker(requirement: str, marker: str) -> str:
    """Return a text of PEP 508 that holds only if `marker` holds too.

    Raises:
        InvalidText: the marker is not one of PEP 508.
    """
    from packaging.markers import InvalidMarker
    from packaging.requirements import Requirement

    parsed = Requirement(requirement)
    try:
        parse_marker(marker)
        both = f"({parsed.marker}) and ({marker})" if parsed.marker is not None else marker
        parsed.marker = parse_marker(both)
    except InvalidMarker as error:
        raise InvalidText(str(error).partition("\n")[0]) from error
    _check_marker(parsed.marker)
    return str(parsed)


def _check_marker(marker: Marker | None) -> None:
    """Check that a marker has a value on workers; it has one for all versions of Python or for none.

    Raises:
        InvalidText: it compares texts as versions, or has a variable that pip does not set.
    """
    if marker is None:
        return
    from packaging.markers import InvalidMarker

    try:
        evaluate_marker(marker, worker_environment(DEFAULT_PYTHON))
    except InvalidMarker as error:
        help = "compare a variable of PEP 508, such as `sys_platform`, with a text of its kind"
        raise InvalidText(str(error), help) from error


def _is_location(text: str) -> bool:
    """Return whether a text that is not of PEP 508 means a path or a URL."""
    before = _MARKER.split(text, maxsplit=1)[0].strip()
    match = _EXTRAS.match(before)
    path = match["path"] if match is not None else before
    return "://" in path or path.startswith((".", "/", "~")) or is_archive(path)


def _from_location(text: str, folder: str, name_of: Callable[[str], str | None]) -> Parsed:
    """Parse a path or a URL that stands without a name, with extras and a marker.

    Raises:
        InvalidText: the name of the distribution is not known.
    """
    location, *markers = _MARKER.split(text.strip(), maxsplit=1)
    match = _EXTRAS.match(location)
    extras = match["extras"] if match is not None else ""
    location = match["path"] if match is not None else location
    fragment = parse_qs(fragment_of(location))
    source = source_of(location, folder)
    egg = fragment.get("egg", [""])[0]
    egg_match = _EXTRAS.match(egg)
    if egg_match is not None:
        egg, extras = egg_match["path"], extras or egg_match["extras"]
    name = egg or name_in(source)
    if not name and isinstance(source, PathSource):
        name = name_of(source.path)
    is_unnamed = not name and isinstance(source, GitSource)
    if is_unnamed:
        name = name_of_repository(source)
    if not name:
        raise InvalidText(
            f"`{location}` does not say which package it is", f"write `NAME @ {location}`"
        )
    requirement = f"{name}[{extras}]" if extras else name
    parsed = parse(f"{requirement} ; {markers[0]}" if markers else requirement)
    return replace(parsed, source=source, hashes=hashes_in(location), is_unnamed=is_unnamed)


def _check_name(name: str, source: Source) -> None:
    """Check that the file name of a wheel has the name of the requirement.

    Raises:
        InvalidText: the wheel is of another distribution.
    """
    file = file_name(source)
    if not file.endswith(".whl"):
        return
    found = name_in(source)
    if found != name:
        raise InvalidText(f"`{file}` is a wheel of `{found}`, not of `{name}`")
