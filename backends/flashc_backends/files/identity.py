"""Compute the identity of a build, and write it into the code that the workers of the build run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import file_digest, sha256

from msgspec.structs import replace

from flashc_backends.base import Draft
from flashc_core.cache import digest
from flashc_core.source import Edit, apply_edits

from .runtime_files import APP_PATH
from .skeleton import fill, spans_of_constants

_LENGTH = 16  # hex digits; it only has to differ from that of the build before
_CONSTANT = "BUILD"


def identity_of(drafts: Iterable[Draft], executables: Iterable[str]) -> str:
    """Return a digest of the build's files; the lock is one of them, and stands for the packages.

    `executables` are the paths of the packages' executable files, because a RECORD does not say which files are executable.

    Raises:
        OSError: a file can't be read.
    """
    return identity_of_files(
        ((draft.path, draft.executable, draft.digest or _digest(draft)) for draft in drafts),
        executables,
    )


def identity_of_files(files: Iterable[tuple[str, bool, str]], executables: Iterable[str]) -> str:
    """Return the same digest of files: their paths, whether they are executable, and their SHA-256 in hex.

    `without_identity` gives the content of the file with the constants of an app.
    """
    parts = [f"{path}\0{executable}\0{hashed}" for path, executable, hashed in sorted(files)]
    return digest(*parts, *sorted(executables))[:_LENGTH]


def identified(drafts: Iterable[Draft], identity: str) -> Iterator[Draft]:
    """Yield drafts, one of which tells workers the identity of their build."""
    for draft in drafts:
        if draft.path == APP_PATH:
            text = draft.read().decode()
            yield replace(draft, content=fill(text, {_CONSTANT: identity}).encode())
        else:
            yield draft


def without_identity(text: str) -> str:
    """Return the text of the file with the constants of an app, before it got an identity.

    Raises:
        SyntaxError, ValueError: it is no Python.
    """
    span = spans_of_constants(text).get(_CONSTANT)
    return text if span is None else apply_edits(text, [Edit(span, '""')])


def digest_of(draft: Draft) -> str:
    """Return the SHA-256 of a draft in hex.

    Raises:
        OSError: the file can't be read.
    """
    if isinstance(draft.content, bytes):
        return sha256(draft.content).hexdigest()
    with draft.content.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _digest(draft: Draft) -> str:
    """Return the SHA-256 of a draft in hex, without the identity of its build."""
    if draft.path == APP_PATH:
        return sha256(without_identity(draft.read().decode()).encode()).hexdigest()
    return digest_of(draft)
