"""Find the credentials that are written in the files of a project, or get the results from the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from flashc.project.project import MAX_KEPT, Project
from flashc.project.workspace import Workspace
from flashc_core.cache import decoded, digest
from flashc_core.diagnostics import Label
from flashc_core.encoding import Undecodable, wide_as_utf8
from flashc_core.processes import in_background
from flashc_core.source import Span, WholeFile

from .fingerprint import compiler_identity

_KIND = "credentials"
_EXAMINED = 8000  # bytes; a file with a zero byte in them is not text
_MUCH = 2_000_000  # bytes; examining less takes no longer than starting a process
_COST_OF_A_FILE = 2_000  # examining so many bytes takes as long as opening a file


class _Found(Struct, frozen=True, array_like=True):
    """A credential as it is cached, for every file with this content; `place` has lines and columns."""

    place: tuple[int, int, int, int] | None
    what: str


class CredentialSearch(Struct, frozen=True):
    """A search for credentials that has begun.

    `finish` returns where credentials are, and what they are.  `is_large` says that there is so much to search
    that another process does it, as in the first check of a large repository.
    """

    finish: Callable[[], tuple[Label, ...]]
    is_large: bool


def begin_file_credentials(workspace: Workspace) -> CredentialSearch:
    """Begin to look for credentials in the text files that go into the artifact.

    The cache has one entry for a project, with the results by the digest of the content.
    """
    project, cache = workspace.project, workspace.cache
    key = digest(compiler_identity(), str(project.root))
    known = decoded(cache.read(_KIND, key), dict[str, tuple[_Found, ...]]) or {}
    files = [file for file in project.files if 0 < file.size <= MAX_KEPT]
    new = {file.digest: file for file in files if file.digest not in known}

    def examine() -> dict[str, tuple[_Found, ...]]:
        """Return the credentials of the files that are not in the cache."""
        return {digest: tuple(_examine(project, file.path)) for digest, file in new.items()}

    is_much = sum(_COST_OF_A_FILE + file.size for file in new.values()) > _MUCH
    wait = in_background(examine) if is_much else examine

    def finish() -> tuple[Label, ...]:
        """Wait for the results, cache them, and return the credentials of all files."""
        results = known | wait()
        if new or len(known) > len({file.digest for file in files}):
            present = {file.digest: results[file.digest] for file in files}
            cache.write(_KIND, key, msgspec.msgpack.encode(present))
        return tuple(
            Label(
                WholeFile(file.path) if each.place is None else Span(file.path, *each.place),
                each.what,
            )
            for file in files
            for each in results[file.digest]
        )

    return CredentialSearch(finish, is_much)


def _examine(project: Project, path: str) -> Iterator[_Found]:
    """Yield the credentials in a file; none if it is not text or can't be read (another check reports that)."""
    from flashc_core.credential_texts import find_credentials  # a cached check does not need it

    try:
        data = project.read(path)
    except OSError:
        return
    text = wide_as_utf8(data)
    if text is not None:
        yield from (_Found(None, each.what) for each in find_credentials(text))
    elif b"\0" not in data[:_EXAMINED]:
        for start, end, what in find_credentials(data):
            yield _Found(_place(project, path, data, start, end), what)


def _place(
    project: Project, path: str, data: bytes, start: int, end: int
) -> tuple[int, int, int, int]:
    """Return the lines and columns of a part of a file, which is given by offsets in bytes."""
    source = project.source(path)
    try:
        encoding = source.encoding
    except Undecodable:
        encoding = "utf-8"
    first = len(data[:start].decode(encoding, "replace"))
    last = first + len(data[start:end].decode(encoding, "replace"))
    return msgspec.structs.astuple(source.lines.span(path, first, last))[1:]
