"""Recognise passwords and API keys that are written into a program."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from .credential_texts import PRIVATE_KEY, find_credentials

# Source: the token formats that Hugging Face, OpenAI, Runpod, GitHub, GitLab, AWS, Slack and Google
# publish.
_PREFIX = re.compile(
    r"(?<![A-Za-z0-9])(hf_|sk-|rpa_|gh[pousr]_|github_pat_|glpat-|AKIA|ASIA|xox[abps]-|AIza)[A-Za-z0-9_\-]{12,}"
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


def masked(text: str) -> str:
    """Return a text with asterisks for the credentials in it, at the same positions.

    They are passwords and tokens in URLs, texts with the prefix of a known kind of token, values
    that `looks_like_credential` finds, and what `find_credentials` finds.  The name of a user stays,
    and so does a reference to an environment variable.
    """
    if "://" in text:
        for pattern in (_USER, _SLASHED):
            text = pattern.sub(lambda match: _masked_user(match[0]), text)
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


def _masked_user(text: str) -> str:
    """Return the part of a URL before the host with asterisks for the password.

    If there is only a name, it is a token if it is as long as one.
    """
    name, colon, password = text.partition(":")
    if colon:
        return f"{name}:{_stars(password)}"
    return _stars(name) if len(name) >= _LEAST_LENGTH else name


def _masked_value(match: re.Match[str]) -> str:
    """Return an assignment with asterisks for its value, if this looks like a credential."""
    name, between, value = match.groups()
    if _PREFIX.fullmatch(value) or not looks_like_credential(name, value):
        return match[0]
    return f"{name}{between}{_stars(value)}"


def _stars(text: str) -> str:
    """Return asterisks in place of a text, but a reference to a variable as it is."""
    return text if _VARIABLE.fullmatch(text) else "*" * len(text)


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
