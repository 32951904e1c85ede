"""Parse the text of one requirement: PEP 508, and the paths and URLs that pip also accepts."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

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

if TYPE_CHECKING:  # `packaging` takes long to import
    from packaging.markers import Marker

_ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_MARKER = re.compile(r"\s;\s*")
_EXTRAS = re.compile(r"^(?P<path>.*[^\[\]])\[(?P<extras>[^\[\]]*)\]$")
_OTHER_SYSTEMS = ("bzr+", "hg+", "svn+")
_HASH = re.compile(r"(?P<kind>sha256|sha384|sha512):(?P<digits>[0-9a-fA-F]+)")
_IN_FRAGMENT = re.compile(r"(?:egg|subdirectory|(?:md|sha|shake_|blake)\w*)=.*")
_LIKE_A_HASH = re.compile(r"(?:md|sha|shake_|blake)\d", re.IGNORECASE)


class InvalidText(ValueError):
    """The text is not a requirement that flashc accepts.

    The message says why; `help` says what to write instead, "" for the general advice.  A report
    must not show the text if it `has_secret`.
    """

    def __init__(self, message: str, help: str = "", *, has_secret: bool = False) -> None:
        super().__init__(message)
        self.help = help
        self.has_secret = has_secret


class Parsed(Struct, frozen=True):
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
    return Parsed(name, str(requirement), source, hashes_in(url or ""))


def source_of(location: str, folder: str = "") -> Source:
    """Return the source that a URL or a path means; `folder` as in `parse`.

    Raises:
        InvalidText: flashc can't get a distribution from there.
    """
    if "\0" in unquote(location):
        raise InvalidText("it contains a null character")
    if has_huge_number(unquote(location)):
        raise InvalidText(TOO_LONG)
    if location.startswith(_OTHER_SYSTEMS):
        raise InvalidText("only git repositories are supported", "make a wheel, and name its path")
    if location.startswith("git+"):
        return _git_source(location)
    parts = _split(location)
    if parts.scheme in ("http", "https"):
        _check_credentials(location)
        return UrlSource(parts._replace(fragment=_for_location(parts.fragment)).geturl())
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise InvalidText("a `file:` URL names a file of this machine: `file:///path`")
        _check_fragment(parts.fragment)
        return PathSource(_relative(unquote(parts.path), folder))
    if "://" in location:
        raise InvalidText(f"the scheme `{parts.scheme}` is not supported")
    fragment = _fragment(location)
    _check_fragment(fragment)
    path = location.removesuffix(f"#{fragment}") if fragment else location
    return PathSource(_relative(path, folder))


def _fragment(location: str) -> str:
    """Return the fragment of a URL or of a path, such as `egg=NAME`; a path may have another `#` in it.

    Raises:
        InvalidText: it is not a URL.
    """
    if "://" in location or location.startswith("file:"):
        return _split(location).fragment
    path, _, fragment = location.rpartition("#")
    parts = fragment.split("&")
    return fragment if path and all(map(_IN_FRAGMENT.fullmatch, parts)) else ""


def _check_fragment(fragment: str) -> None:
    """Check that the fragment of a path says nothing else than a name and hashes.

    Raises:
        InvalidText: it has another part, such as `subdirectory=`.
    """
    rest = _for_location(fragment)
    if rest:
        raise InvalidText(
            f"`#{rest}` of a file or a folder is not supported",
            "name the path of the package's folder, or make a wheel of it",
        )


def _for_location(fragment: str) -> str:
    """Return the parts of a URL's fragment that say where the package is, such as `subdirectory=`.

    Hashes (see `hashes_in`) and pip's name of the package are removed.
    """
    parts = (part for part in fragment.split("&") if part and not part.startswith("egg="))
    return "&".join(part for part in parts if not _LIKE_A_HASH.match(part))


def with_source(parsed: Parsed, location: str, folder: str = "") -> Parsed:
    """Return a requirement with the source that a URL or a path means, and with the URL's hashes.

    `folder` is as in `parse`.

    Raises:
        InvalidText: flashc can't get a distribution from there, or can't check a hash.
    """
    return replace(parsed, source=source_of(location, folder), hashes=hashes_in(location))


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
    return "://" in path or path.startswith((".", "/", "~")) or path.endswith((".whl", *_ARCHIVES))


def _from_location(text: str, folder: str, name_of: Callable[[str], str | None]) -> Parsed:
    """Parse a path or a URL that stands without a name, with extras and a marker.

    Raises:
        InvalidText: the name of the distribution is not known.
    """
    location, *markers = _MARKER.split(text.strip(), maxsplit=1)
    match = _EXTRAS.match(location)
    extras = match["extras"] if match is not None else ""
    location = match["path"] if match is not None else location
    fragment = parse_qs(_fragment(location))
    source = source_of(location, folder)
    egg = fragment.get("egg", [""])[0]
    egg_match = _EXTRAS.match(egg)
    if egg_match is not None:
        egg, extras = egg_match["path"], extras or egg_match["extras"]
    name = egg or _name_in(source)
    if not name and isinstance(source, PathSource):
        name = name_of(source.path)
    is_unnamed = not name and isinstance(source, GitSource)
    if is_unnamed:
        name = _name_of_repository(source)
    if not name:
        raise InvalidText(
            f"`{location}` does not say which package it is", f"write `NAME @ {location}`"
        )
    requirement = f"{name}[{extras}]" if extras else name
    parsed = parse(f"{requirement} ; {markers[0]}" if markers else requirement)
    return replace(parsed, source=source, hashes=hashes_in(location), is_unnamed=is_unnamed)


def _name_of_repository(source: Source) -> str | None:
    """Return the last part of a repository's path as the name of a distribution; None if it is none."""
    assert isinstance(source, GitSource)
    last = PurePosixPath(_split(source.url).path).name.removesuffix(".git")
    name = re.sub(r"[^A-Za-z0-9._-]+|^[._-]+|[._-]+$", "", last)
    return name or None


def hashes_in(url: str) -> tuple[str, ...]:
    """Return the hashes in the fragment of a URL or a path.

    Raises:
        InvalidText: flashc can't check one of them.
    """
    hashes = filter(_LIKE_A_HASH.match, _fragment(url).split("&"))
    return tuple(checked_hash(each.replace("=", ":", 1)) for each in hashes)


def checked_hash(text: str) -> str:
    """Return a hash, `sha256:HEX`, with lower-case digits.

    Raises:
        InvalidText: flashc can't check it: it has another algorithm, or is no hash.
    """
    match = _HASH.fullmatch(text)
    if match is None:
        raise InvalidText(
            f"`{text}` is not a hash that flashc can check",
            "write a hash by SHA-256, SHA-384 or SHA-512, such as `sha256:` and 64 digits",
        )
    return f"{match['kind']}:{match['digits'].lower()}"


def _split(url: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        InvalidText: it is not a URL.
    """
    try:
        return urlsplit(url)
    except ValueError as error:
        raise InvalidText(f"the URL is not valid: {error}") from error


def _git_source(location: str) -> GitSource:
    """Parse `git+URL@REVISION#subdirectory=FOLDER`, pip's form.

    Raises:
        InvalidText: the URL contains a password, or is none.
    """
    if "://" not in location:
        raise InvalidText("it is not a URL", "write `git+ssh://git@HOST/PATH`")
    parts = _split(location.removeprefix("git+"))
    _check_credentials(location)
    path, _, revision = parts.path.rpartition("@") if "@" in parts.path else (parts.path, "", "")
    fragment = parse_qs(parts.fragment)
    return GitSource(
        url=parts._replace(path=path, fragment="").geturl(),
        revision=revision,
        subdirectory=fragment.get("subdirectory", [""])[0],
    )


def _check_credentials(url: str) -> None:
    """Check that a URL has no password in it: the file would bring it into the artifact.

    Raises:
        InvalidText: the URL contains a password.
    """
    password = _split(url.removeprefix("git+")).password
    if password and not re.fullmatch(r"\$\{\w+\}", password):
        raise InvalidText(
            "the URL contains a password, which would be in the artifact",
            "write `${NAME}` instead of it, and set this environment variable",
            has_secret=True,
        )


def _relative(path: str, folder: str) -> str:
    """Return a path relative to the project's root; an absolute one stays as it is."""
    if path.startswith("~"):
        path = os.path.expanduser(path)
    return posixpath.normpath(posixpath.join(folder, path))


def _name_in(source: Source) -> str | None:
    """Return the name of the distribution in the file name of a wheel or a source archive.

    It is None if the file is neither, by its name's end.

    Raises:
        InvalidText: the file's name is not `NAME-VERSION` and the end.
    """
    from packaging.utils import (
        InvalidSdistFilename,
        InvalidWheelFilename,
        parse_sdist_filename,
        parse_wheel_filename,
    )

    file = file_name(source)
    try:
        if file.endswith(".whl"):
            return parse_wheel_filename(file)[0]
        end = next((each for each in _ARCHIVES if file.endswith(each)), None)
        if end is None:
            return None
        return parse_sdist_filename(f"{file.removesuffix(end)}.zip")[0]
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise InvalidText(
            f"`{file}` is not the name of a wheel or a source archive",
            "" if file.endswith(".whl") else "write `NAME @ ` in front of it",
        ) from error


def file_name(source: Source) -> str:
    """Return the last part of a path or of a URL's path; "" for other sources."""
    match source:
        case PathSource(path):
            return PurePosixPath(path).name
        case UrlSource(url):
            return unquote(PurePosixPath(_split(url).path).name)
        case _:
            return ""


def _check_name(name: str, source: Source) -> None:
    """Check that the file name of a wheel has the name of the requirement.

    Raises:
        InvalidText: the wheel is of another distribution.
    """
    file = file_name(source)
    if not file.endswith(".whl"):
        return
    found = _name_in(source)
    if found != name:
        raise InvalidText(f"`{file}` is a wheel of `{found}`, not of `{name}`")


def is_archive(path: str) -> bool:
    """Return whether a path is that of a wheel or a source archive, by its name."""
    return path.endswith((".whl", *_ARCHIVES))
