"""Recognise files that hold credentials, by their names and, if a name is not enough, contents.

`data/credential-files.txt` has the names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from .documents import parse_toml

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


def why_credentials(path: str, size: int, read: Callable[[], bytes]) -> str | None:
    """Return why a file seems to hold credentials; None if it does not.

    `read` returns the content; it is called only if the name is not enough.

    Raises:
        OSError: the content can't be read.
    """
    if _TEMPLATES.search(path):
        return None
    if size <= _MOST_BYTES and _KEYS.search(path) and _KEY_MARK.search(read()):
        return "it contains a private key"
    if _names().search(path):
        return "its name suggests that it contains credentials"
    if size > _MOST_BYTES:
        return None
    lowered = path.lower()
    if _ACCOUNTS.search(lowered):
        match = _SECRETS.search(read())
        if match is not None:
            name = match[1].decode().replace("_", " ")
            return f"it contains the {name} of an account"
        if _EXACT_ACCOUNTS.search(lowered) and not _is_json(read()):
            return "its name suggests that it contains credentials, and it is not JSON"
    return None


def has_name_of_credentials(path: str) -> bool:
    """Return whether the name of a file suggests credentials, so that its lines must not be shown."""
    return not _TEMPLATES.search(path) and _names().search(path) is not None


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


@cache
def _names() -> re.Pattern[str]:
    """Return a pattern of the paths whose names suggest credentials."""
    lines = _NAMES.read_text(encoding="utf-8").splitlines()
    found = [_expression(line) for line in lines if line and not line.startswith("#")]
    return re.compile(f"(?:^|/)(?:{'|'.join(found)})")


def _expression(pattern: str) -> str:
    """Return a pattern of the data file as a regular expression for the end of a path."""
    is_folder = pattern.endswith("/")
    body = re.escape(pattern.rstrip("/")).replace(r"\*", "[^/]*")
    return f"{body}/" if is_folder else f"{body}$"
