"""Recognise files that hold credentials, by their names and, where a name is not enough, contents."""

from __future__ import annotations

import re
from collections.abc import Callable

_NAMES = re.compile(
    r"(^|/)(\.env(\..+)?|[^/]+\.env|\.envrc|\.netrc|\.npmrc|\.pypirc|id_(rsa|dsa|ecdsa|ed25519)"
    r"|\.(pgpass|git-credentials|htpasswd|vault-token|s3cfg|boto|my\.cnf)"
    r"|credentials|.*\.(p12|pfx|jks|keystore|kdbx|ppk)|.*\.tfstate(\.backup)?)$"
    r"|(^|/)\.(ssh|aws|kube|azure|gnupg)/|(^|/)\.(streamlit/secrets\.toml|docker/config\.json)$"
)
_TEMPLATES = re.compile(
    r"(^|/)(\.env\.(example|sample|template|dist)|(example|sample|template)\.env"
    r"|[^/]+\.(example|sample|template)\.env)$"
)
_KEYS = re.compile(r"\.(pem|key)$")
_ACCOUNTS = re.compile(
    r"(account|credential|secret|key|token|gcp|gcloud|google|firebase)[^/]*\.json$"
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
    if _NAMES.search(path):
        return "its name suggests that it contains credentials"
    if size > _MOST_BYTES:
        return None
    if _KEYS.search(path) and b"PRIVATE KEY" in read():
        return "it contains a private key"
    if _ACCOUNTS.search(path.lower()):
        match = _SECRETS.search(read())
        if match is not None:
            name = match[1].decode().replace("_", " ")
            return f"it contains the {name} of an account"
    return None
