"""Recognise files that hold credentials, by their names and, if a name is not enough, contents.

`data/credential-files.txt` has the names.  Capitals and small letters are the same in them: some file
systems do not distinguish them, and `ID_RSA` is what `id_rsa` is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from .documents import parse_toml
from .encoding import wide_as_utf8

_NAMES = Path(__file__).parent / "data" / "credential-files.txt"
_TEMPLATES = re.compile(
    r"(^|/)(\.env\.(example|sample|template|dist)|(example|sample|template)\.env"
    r"|[^/]+\.(example|sample|template)(\.\w+)?)$"
)
_KEYS = re.compile(r"\.(pem|key|asc|txt|cer|crt|cert|priv|rsa|der)$")
_KEY_MARK = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")
_ACCOUNTS = re.compile(
    r"(account|credential|secret|key|token|gcp|gcloud|google|firebase)[^/]*\.json$"
)
_EXACT_ACCOUNTS = re.compile(
    r"(^|/)(credentials|service[-_]?account([-_.]key)?|client[-_]secrets?|gcp[-_]key)\.json$"
)
_SECRETS = re.compile(rb'"(private_key|client_secret|refresh_token)"\s*:\s*"[^"]')
_MOST_BYTES = 100_000


def why_credentials(
    path: str, size: int, read: Callable[[], bytes], *, may_be_key: bool = False
) -> str | None:
    """Return why a file seems to hold credentials; None if it does not.

    `read` returns the content; it is called only if the name is not enough.  `may_be_key` says that the
    content is examined for a private key at its beginning, whatever the name is.

    Raises:
        OSError: the content can't be read.
    """
    lowered = path.lower()
    if _TEMPLATES.search(lowered):
        return None
    if size <= _MOST_BYTES and (may_be_key or _KEYS.search(lowered)):
        from .credential_texts import begins_with_private_key  # most files do not need it

        text = _text(read())
        if begins_with_private_key(text) or (_KEYS.search(lowered) and _KEY_MARK.search(text)):
            return "it contains a private key"
    if _names().search(lowered):
        return "its name suggests that it contains credentials"
    if size > _MOST_BYTES:
        return None
    if _ACCOUNTS.search(lowered):
        match = _SECRETS.search(_text(read()))
        if match is not None:
            name = match[1].decode().replace("_", " ")
            return f"it contains the {name} of an account"
        if _EXACT_ACCOUNTS.search(lowered) and not _is_json(_text(read())):
            return "its name suggests that it contains credentials, and it is not JSON"
    return None


def names_credentials(path: str) -> bool:
    """Return whether the name of a file, or of a folder with "/" at its end, suggests credentials."""
    lowered = path.lower()
    return _names().search(lowered) is not None and not _TEMPLATES.search(lowered)


def may_begin_with_key(head: bytes) -> bool:
    """Return whether a file with these first bytes may begin with a private key."""
    return _text(head).lstrip().startswith(b"-----BEGIN ")


def allowed_credentials(pyproject: bytes) -> frozenset[str]:
    """Return the files that may look like credentials: `allow-credentials` in `[tool.flashc]`.

    If the content of `pyproject.toml` can't be used, there are none.
    """
    try:
        table = parse_toml(pyproject.decode()).get("tool", {}).get("flashc", {})
        paths = table.get("allow-credentials", table.get("allow_credentials", ()))
        return frozenset(path for path in paths if isinstance(path, str))
    except (ValueError, AttributeError, TypeError):
        return frozenset()


def _is_json(content: bytes) -> bool:
    """Return whether a content is JSON, such as a schema, in which no secret was found."""
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _text(content: bytes) -> bytes:
    """Return a content as UTF-8 if it is text in UTF-16 or UTF-32, else as it is."""
    wide = wide_as_utf8(content)
    return content if wide is None else wide


@cache
def credential_patterns() -> frozenset[str]:
    """Return the patterns of the data file."""
    lines = _NAMES.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


@cache
def _names() -> re.Pattern[str]:
    """Return a pattern of the paths, in small letters, whose names suggest credentials.

    A pattern that does not distinguish capitals would take twice as long.
    """
    found = "|".join(_expression(each.lower()) for each in sorted(credential_patterns()))
    return re.compile(f"(?:^|/)(?:{found})")


def _expression(pattern: str) -> str:
    """Return a pattern of the data file as a regular expression for the end of a path."""
    is_folder = pattern.endswith("/")
    body = re.escape(pattern.rstrip("/")).replace(r"\*", "[^/]*")
    return f"{body}/" if is_folder else f"{body}$"
