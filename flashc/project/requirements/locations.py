"""Read the paths and URLs of requirements: the source that each means, and its hashes."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import PurePosixPath
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from flashc_core.credential_texts import PASSWORDS_OF_TOKENS
from flashc_core.credentials import is_token_as_user
from flashc_core.packaging_texts import TOO_LONG, has_huge_number
from flashc_ir.requirements import GitSource, PathSource, Source, UrlSource

from .invalid_text import InvalidText

_ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_OTHER_SYSTEMS = ("bzr+", "hg+", "svn+")
_HASH = re.compile(r"(?P<kind>sha256|sha384|sha512):(?P<digits>[0-9a-fA-F]+)")
_IN_FRAGMENT = re.compile(r"(?:egg|subdirectory|(?:md|sha|shake_|blake)\w*)=.*")
_LIKE_A_HASH = re.compile(r"(?:md|sha|shake_|blake)\d", re.IGNORECASE)


def source_of(location: str, folder: str = "") -> Source:
    """Return the source that a URL or a path means; a relative path starts at `folder`.

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
    fragment = fragment_of(location)
    _check_fragment(fragment)
    path = location.removesuffix(f"#{fragment}") if fragment else location
    return PathSource(_relative(path, folder))


def _git_source(location: str) -> GitSource:
    """Parse `git+URL@REVISION#subdirectory=FOLDER`, pip's form.

    Raises:
        InvalidText: the URL contains a password or a token, or is none.
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
    """Check that a URL has no password and no token in it: the file would bring it into the artifact.

    Raises:
        InvalidText: the URL contains one.
    """
    parts = _split(url.removeprefix("git+"))
    user, password = parts.username or "", parts.password or ""
    is_token = is_token_as_user(user, password)
    is_password = password not in ("", *PASSWORDS_OF_TOKENS)
    if is_token or (is_password and not re.fullmatch(r"\$\{\w+\}", password)):
        raise InvalidText(
            f"the URL contains a {'token' if is_token else 'password'}, which would be in the artifact",
            "write `${NAME}` instead of it, and set this environment variable",
            has_secret=True,
        )


def _relative(path: str, folder: str) -> str:
    """Return a path relative to the project's root; an absolute one stays as it is."""
    if path.startswith("~"):
        path = os.path.expanduser(path)
    return posixpath.normpath(posixpath.join(folder, path))


def fragment_of(location: str) -> str:
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


def hashes_in(url: str) -> tuple[str, ...]:
    """Return the hashes in the fragment of a URL or a path.

    Raises:
        InvalidText: flashc can't check one of them.
    """
    hashes = filter(_LIKE_A_HASH.match, fragment_of(url).split("&"))
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


def name_in(source: Source) -> str | None:
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


def name_of_repository(source: Source) -> str | None:
    """Return the last part of a repository's path as the name of a distribution; None if it is none."""
    assert isinstance(source, GitSource)
    last = PurePosixPath(_split(source.url).path).name.removesuffix(".git")
    name = re.sub(r"[^A-Za-z0-9._-]+|^[._-]+|[._-]+$", "", last)
    return name or None


def is_archive(path: str) -> bool:
    """Return whether a path is that of a wheel or a source archive, by its name."""
    return path.endswith((".whl", *_ARCHIVES))


def _split(url: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        InvalidText: it is not a URL.
    """
    try:
        return urlsplit(url)
    except ValueError as error:
        raise InvalidText(f"the URL is not valid: {error}") from error
