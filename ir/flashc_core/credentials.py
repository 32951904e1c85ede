"""Recognise passwords and API keys that are written into a program."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote

from .credential_texts import PASSWORDS_OF_TOKENS, PRIVATE_KEY, find_credentials, looks_random

# Source: the token formats that Hugging Face, OpenAI, Runpod, GitHub, GitLab, AWS, Slack and Google
# publish.
_PREFIX = re.compile(
    r"(?<![A-Za-z0-9])(hf_|sk-|rpa_|gh[pousr]_|github_pat_|glpat-|AKIA|ASIA|xox[abps]-|AIza)[A-Za-z0-9_\-]{12,}"
)
# The names that hosts of packages and repositories want in front of a token.
# Source: the documentation of GitHub, GitLab, Bitbucket and PyPI.
_COMMON_USERS = frozenset(
    ("git", "oauth2", "x-access-token", "x-token-auth", "gitlab-ci-token", "__token__")
)
# The part of a URL before the host, up to the last `@` before the path.
_USER = re.compile(r"(?<=://)[^\s'\"`<>/?#]*(?=@)")
# A password with `/`, `?` or `#` in it, up to the last `@`: what is after the colon is no port.
_SLASHED = re.compile(
    r"(?<=://)[^\s'\"`<>:/@]*:(?!\d*[/?#\s'\"`<>])[^\s'\"`<>/?#@]*[/?#](?:(?!://)[^\s'\"`<>])*(?=@)"
)
# The same in a text that is not source code, so that quotes can be a part of the password; and the host.
_LOGIN = re.compile(r"(?<=://)([^\s/]*|[^\s/:@\[]*:(?!\d*[/?#\s])(?:(?!://)\S)*)@([^\s/:?#@]*)")
_QUERY = re.compile(
    r"(?<=[?&])([\w.-]*(?:token|key|secret|password|passwd|signature|sig|credential)[\w.-]*=)"
    r"[^&#\s'\"`<>]+",
    re.IGNORECASE,
)
# The value of a variable or a key, in quotes.
_ASSIGNED = re.compile(r"(\w+)(['\"]?\s*[:=]\s*\w{0,2}['\"])([^'\"]+)(?=['\"])")
_VARIABLE = re.compile(r"\$\{\w+\}|\$\w+")
_NAME = re.compile(r"(TOKEN|_KEY|SECRET|PASSWORD|PASSWD|CREDENTIAL)", re.IGNORECASE)
_KEY_BODY = re.compile(r"(?:(?<=KEY-----)|(?<=KEY BLOCK-----))[^\n-]+")
_LEAST_LENGTH, _LEAST_BITS = 16, 3.2  # words and paths have fewer bits per character, or blanks
_LEAST_MIXED = 8  # characters of a user with digits, capitals and small letters


_REFERENCE = re.compile(r"\{\{\s*RUNPOD_SECRET_\w+\s*\}\}")


def has_secret_reference(text: str) -> bool:
    """Return whether the platform puts one of its secrets into a value: `{{ RUNPOD_SECRET_x }}`."""
    return _REFERENCE.search(text) is not None


def logins_in(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the user, the password and the host of each URL in a text that has a user.

    They are as the URL spells them.  A password may contain `@`, also `/`, `?` and `#`, which should be
    encoded in URLs.
    """
    for login, host in _LOGIN.findall(text):
        user, _, password = login.partition(":")
        if host:
            yield user, password, host


def without_credentials(text: str) -> str:
    """Return a text without the users and passwords in its URLs; see `logins_in`."""
    return _LOGIN.sub(r"\2", text)


def is_token_as_user(user: str, password: str = "") -> bool:
    """Return whether the user of a URL, as the URL spells it, is a token and not a name.

    Hosts of repositories take a token as the user, without a password or with a fixed text in its place.
    """
    name = unquote(user)
    if is_placeholder(name) or name in _COMMON_USERS:
        return False
    known = _PREFIX.fullmatch(name) is not None or bool(find_credentials(f"{name}\n".encode()))
    is_long = len(name) >= _LEAST_LENGTH and looks_random(name.encode(), _LEAST_BITS)
    return password in PASSWORDS_OF_TOKENS or known or is_long


def is_placeholder(text: str) -> bool:
    """Return whether a part of a URL only stands for a user or a password, as `${NAME}` and `<name>` do."""
    return any(sign in text for sign in "${}<>")


def masked(text: str) -> str:
    """Return a text with asterisks for the credentials in it, at the same positions.

    They are passwords and tokens in URLs, texts with the prefix of a known kind of token, values
    that `looks_like_credential` finds, and what `find_credentials` finds.  The users in URLs of the web
    are masked too, because a token may have any form there; `git` and the like stay, and so do the
    users of other URLs and references to environment variables.
    """
    return _masked(text, with_names=True)


def has_credentials(text: str) -> bool:
    """Return whether a text contains something that `masked` masks, other than a name of a user."""
    return _masked(text, with_names=False) != text


def _masked(text: str, *, with_names: bool) -> str:
    """Mask a text for `masked`; the names of users in URLs only `with_names`."""
    if "://" in text:
        for pattern in (_USER, _SLASHED):
            text = pattern.sub(lambda match: _masked_user(match, with_names), text)
        text = _QUERY.sub(lambda match: match[1] + _stars(match[0][len(match[1]) :]), text)
    if _NAME.search(text):
        text = _ASSIGNED.sub(_masked_value, text)
    if "PRIVATE KEY" in text:
        text = _KEY_BODY.sub(lambda match: "*" * len(match[0]), text)
    text = _PREFIX.sub(lambda match: match[1] + "*" * (len(match[0]) - len(match[1])), text)
    return _with_masked_finds(text)


def _with_masked_finds(text: str) -> str:
    """Return a text with asterisks for what `find_credentials` finds."""
    data = text.encode("utf-8", "surrogatepass")
    for start, end, what in find_credentials(data):
        if what != PRIVATE_KEY:  # only its first line is found
            first = len(data[:start].decode("utf-8", "surrogatepass"))
            text = f"{text[:first]}{'*' * (end - start)}{text[first + end - start :]}"
    return text


def _masked_user(match: re.Match[str], with_names: bool) -> str:
    """Return the part of a URL before the host with asterisks for the password, and for a user that may be a token."""
    name, colon, password = match[0].partition(":")
    before = match.string[max(match.start() - len("https://"), 0) : match.start()]
    is_hidden = with_names and before.endswith(("http://", "https://"))
    is_name = is_placeholder(name) or name in _COMMON_USERS
    if is_token_as_user(name, password if colon else "") or (
        not is_name and (is_hidden or (not colon and _may_be_token(name)))
    ):
        name = _stars(name)
    return f"{name}{colon}{_stars(password)}"


def _may_be_token(name: str) -> bool:
    """Return whether a user without a password is as long as a token, or as mixed."""
    kinds = (str.isdigit, str.islower, str.isupper)
    is_mixed = all(any(map(kind, name)) for kind in kinds)
    return len(name) >= _LEAST_LENGTH or (is_mixed and len(name) >= _LEAST_MIXED)


def _masked_value(match: re.Match[str]) -> str:
    """Return an assignment with asterisks for its value, if this looks like a credential."""
    name, between, value = match.groups()
    if _PREFIX.fullmatch(value) or not looks_like_credential(name, value):
        return match[0]
    return f"{name}{between}{_stars(value)}"


def _stars(text: str) -> str:
    """Return asterisks in place of a text; a reference to a variable and a fixed text stay as they are."""
    is_known = text in PASSWORDS_OF_TOKENS or _VARIABLE.fullmatch(text)
    return text if is_known else "*" * len(text)


def looks_like_credential(name: str, text: str) -> bool:
    """Return whether the value `text` of a variable `name` looks like a credential.

    A credential has the prefix of a known kind of token, or it looks random and its variable has a
    name such as `API_KEY`.  `{{ RUNPOD_SECRET_x }}` is the platform's reference to a secret, not
    the secret.
    """
    if "{{" in text:
        return False
    if _PREFIX.fullmatch(text):
        return True
    mixed = (
        re.search(r"\d", text) and re.search(r"[A-Za-z]", text) and not re.search(r"[\s/]", text)
    )
    if not _NAME.search(name) or not mixed or len(text) < _LEAST_LENGTH:
        return False
    return _entropy(text) >= _LEAST_BITS


def _entropy(text: str) -> float:
    """Return the Shannon entropy of a text, in bits per character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)
