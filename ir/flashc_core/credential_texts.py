"""Find credentials in texts: tokens of known formats, private keys, passwords in URLs, assigned values.

`data/token-formats.txt` has the formats.  What documentation shows in place of a credential, such as
`hf_xxxxxxxx` or `<your key>`, is none.  Most texts have no credential: a scan first looks for long
runs of letters and digits, and examines only those with a known beginning.
"""

from __future__ import annotations

import binascii
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

_FORMATS = Path(__file__).parent / "data" / "token-formats.txt"
_CAPITALS, _LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz"
_DIGITS = b"0123456789"
_WORD = _CAPITALS + _LETTERS + _DIGITS


def _table(characters: bytes) -> bytes:
    """Return a table for `bytes.translate`: these characters become `a`, all others blanks."""
    return bytes(ord("a") if each in characters else ord(" ") for each in range(256))


_OF_TOKENS = _table(_WORD + b"_-.~")
_OF_VALUES = _table(_WORD + b"_-.~+/!@#$%^&*")
_LEAST_RUN = b"a" * 16
_WEB_TOKEN = "JWT"
_INDEXED = 3  # characters of a beginning by which a format is found
_CAPITAL, _LETTER, _DIGIT, _OTHER = range(4)
_KINDS = bytes(
    next(
        (kind for kind, those in enumerate((_CAPITALS, _LETTERS, _DIGITS)) if each in those), _OTHER
    )
    for each in range(256)
)
_QUOTES = (b"'", b'"', b"`")
_BEFORE_VALUES = (*_QUOTES, b"=", b":", b" ")
_AFTER_BARE_VALUES = (b"", b";", b"=", b"&", b"\\", *_QUOTES, b"<")
_LONGEST_VALUE = 200
_LONGEST_COMMAND = 1000  # bytes before an option in which its command is looked for
_WIDEST = 80  # bytes before a value in which its name is looked for
_LEAST_BITS = 3.0  # per character of a token: examples have fewer
_LEAST_BITS_OF_VALUE = 3.5
_LEAST_CHANGES = (
    0.33  # per character of a value, between capitals, letters and digits: words have fewer
)


PRIVATE_KEY = "a private key"
# What stands in place of a password if the user is a token.  Source: docs.github.com.
PASSWORDS_OF_TOKENS = frozenset(("x-oauth-basic",))
_END, _SHORTEST_KEY = b"-----END", 64


class Credential(NamedTuple):
    """A credential in a text: where it begins and ends, and what it is."""

    start: int
    end: int
    what: str


class _Format(NamedTuple):
    """A line of the data file."""

    service: str
    beginning: bytes
    rest: str


def find_credentials(data: bytes) -> list[Credential]:
    """Return the credentials in a text, with their offsets in bytes, sorted and without overlaps.

    Of a token, only the secret part counts; of a private key, the line before it.
    """
    found = list(_tokens(data))
    if b"://" in data:
        found += _in_urls(data)
    found += _of_users(data)
    if b"PRIVATE KEY" in data:
        found += _private_keys(data)
    known = _without_overlaps(found)
    starts, ends = [each.start for each in known], [each.end for each in known]
    # A value that contains one of these is that one.
    values = (
        v for v in _assigned(data) if bisect_right(ends, v.start) == bisect_left(starts, v.end)
    )
    return _without_overlaps([*known, *values])


def begins_with_private_key(data: bytes) -> bool:
    """Return whether the first line of a text that is not blank begins a private key."""
    first = next(_private_keys(data), None)
    return first is not None and not data[: first.start].strip()


def _without_overlaps(found: list[Credential]) -> list[Credential]:
    """Return credentials in their order, without those that begin in another one."""
    kept: list[Credential] = []
    for each in sorted(found, key=lambda c: (c.start, -c.end)):
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept


def _tokens(data: bytes) -> Iterator[Credential]:
    """Yield the tokens whose own text says what they are."""
    formats = _formats()
    for start, _ in _long_runs(data, _OF_TOKENS):
        # After an escape such as `\n` or `%3D`, the token begins later.
        before = data[start - 1 : start] if start else b""
        begin = start + {b"\\": 1, b"%": 2}.get(before, 0)
        if data[start - 7 : start].startswith(b"sha"):  # a hash, such as `sha256=`
            continue
        for each in formats.get(data[begin : begin + _INDEXED], ()):
            if data.startswith(each.beginning, begin):
                match = _pattern(f"(?:{each.rest})(?!\\w)").match(data, begin + len(each.beginning))
                if match is not None and _is_random(match[0]) and _is_secret(each, match[0]):
                    yield Credential(*match.span(), f"a credential for {each.service}")


def _long_runs(data: bytes, table: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the long runs of characters begin and end that a table of `_table` contains."""
    runs = data.translate(table)
    start = runs.find(_LEAST_RUN)
    while start >= 0:
        end = runs.find(b" ", start)
        end = len(runs) if end < 0 else end
        yield start, end
        start = runs.find(_LEAST_RUN, end)


def _private_keys(data: bytes) -> Iterator[Credential]:
    """Yield the lines that begin private keys."""
    marks = _pattern(r"-----(?:BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|END)").finditer(
        data
    )
    for begin, end in pairwise(marks):
        body = data[begin.end() : end.start()]
        if (
            begin[0] != _END
            and end[0] == _END
            and len(body) >= _SHORTEST_KEY
            and _pattern(r"(?:\\[nr]|[\sA-Za-z0-9+/=:,-])*").fullmatch(body)
            and not _is_example(body)
        ):
            yield Credential(*begin.span(), PRIVATE_KEY)


def _in_urls(data: bytes) -> Iterator[Credential]:
    """Yield passwords in URLs of hosts that others can reach, and URLs that are secrets themselves."""
    user = (
        r"://([^\s'\"`<>/?#@:\\(),]*)"
        r":([^\s'\"`<>@/\\(),]+(?:@[^\s'\"`<>/?#\\(),]*(?=@[\w-]+\.))?)"  # `@` in a password
        r"@([\w.-]*)"
    )
    for match in _pattern(user).finditer(data):
        if match[2].decode("utf-8", "replace") in PASSWORDS_OF_TOKENS:
            if _is_password(b"", match[1]):
                yield Credential(*match.span(1), "a credential")
        elif _is_password(match[1], match[2]) and not _is_unreachable_host(match[3].lower()):
            yield Credential(*match.span(2), "a password")
    hooks = (
        r"://(?:hooks\.slack\.com/(?:services|workflows|triggers)/([\w/+-]{43,56})"
        r"|(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/([\w-]{60,72}))(?!\w)"
    )
    if b"hooks" in data:
        for match in _pattern(hooks).finditer(data):
            part = match.lastindex or 0
            if _is_random(match[part]):
                yield Credential(*match.span(part), "the secret of a webhook")


def _of_users(data: bytes) -> Iterator[Credential]:
    """Yield passwords that follow a user name: in options of curl, and in headers of HTTP Basic authentication."""
    if b"curl" in data:
        option = r"\s(?:-u|--user)[ =]*['\"]?([\w.@+-]+):([^\s'\"`\\]+)"
        for match in _pattern(option).finditer(data):
            command = data[max(match.start() - _LONGEST_COMMAND, 0) : match.start()]
            line = _pattern(r"\\\r?\n").sub(b" ", command).rpartition(b"\n")[2]
            if b"curl" in line and _is_password(match[1], match[2]):
                yield Credential(*match.span(2), "a password")
    if b"asic " in data:
        for match in _pattern(r"(?i)\bbasic ([A-Za-z0-9+/]{8,}={0,2})(?![\w+/=])").finditer(data):
            name, colon, password = _of_base64(match[1]).partition(b":")
            if colon and name.isascii() and password.isascii() and _is_password(name, password):
                yield Credential(*match.span(1), "a password")


def _is_password(name: bytes, password: bytes) -> bool:
    """Return whether the text after a user name may be a password.

    Placeholders such as `secret` or `${PASSWORD}` are none.
    """
    words = r"(?i)(pass(word|wd)?|pw|pwd|secret|token|user|key|x+)_?\d*$"
    return (
        bool(password)
        and password.lower() != name.lower()
        and not _pattern(r"[${}\[\]<>%*|^]").search(password)
        and not _pattern(words).match(password)
        and not _is_example(password)
    )


def _of_base64(text: bytes) -> bytes:
    """Decode a text in Base64; return no bytes if it is none."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return b""


def _is_unreachable_host(host: bytes) -> bool:
    """Return whether a host is this machine, a container in the same network (a name without a dot), or an example."""
    names = (
        r"localhost|127\.|0\.0\.0\.0|host\.docker|[^.]*$|(.*\.)?example\.|.*\.(local|test|invalid)$"
    )
    return _pattern(names).match(host) is not None


def _assigned(data: bytes) -> Iterator[Credential]:
    """Yield values that look random and are assigned to a name such as `API_KEY`."""
    for start, end in _long_runs(data, _OF_VALUES):
        sign = data[start - 1 : start]
        if sign not in _BEFORE_VALUES or end - start > _LONGEST_VALUE:
            continue
        is_quoted = sign in _QUOTES
        if not is_quoted and data[end : end + 1].strip() not in _AFTER_BARE_VALUES:
            continue
        before = data[max(start - _WIDEST, 0) : start].lower().rpartition(b"\n")[2]
        if (
            any(word in before for word in _WORDS_OF_NAMES)
            and looks_random(data[start:end])
            and _pattern(_NAMED).search(before) is not None
        ):
            yield Credential(start, end, "a credential")


_WORDS_OF_NAMES = (b"key", b"token", b"secret", b"passw", b"credential", b"bearer")
_NAME = (
    r"(?:secret(?:[_-]?key)?|password|passwd|token|credentials?"
    r"|(?:api|access|private|auth|encryption|signing|service|account|master)[_-]?key)"
)
# The end of the text before a value: a name that ends with a word for a credential, and a sign between them.
# Options of programs, `ENV` and `ARG` of a Dockerfile, `setx` and `.netrc` have a blank there.
_NAMED = (
    rf"(?:{_NAME}['\"]?\]? *(?:[:=,]|: *[\w.]+ *=) *(?:[rbuf]{{0,2}}['\"`])?|bearer "
    rf"|(?:--[\w-]*|\b(?:env|arg|setx|set -[gux]+) +\w*|\blogin +\S+ +){_NAME} +['\"`]?)$"
)


def _is_random(text: bytes) -> bool:
    """Return whether the secret part of a token may be one, and is no example of one."""
    return not _is_example(text) and _bits(text) >= _LEAST_BITS


def looks_random(value: bytes, least_bits: float = _LEAST_BITS_OF_VALUE) -> bool:
    """Return whether a value has no words in it: capitals, letters and digits often change."""
    if value.startswith(b"eyJ"):  # JSON; `_tokens` finds those that are tokens
        return False
    kinds = value.translate(_KINDS)
    if _DIGIT not in kinds or not (_CAPITAL in kinds or _LETTER in kinds):
        return False
    changes = sum(a != b for a, b in pairwise(kinds) if a != _OTHER != b)
    is_mixed = changes >= _LEAST_CHANGES * len(value)
    return is_mixed and _bits(value) >= least_bits and not _is_example(value)


def _is_example(text: bytes) -> bool:
    """Return whether a text has words that documentation shows in place of a credential, or a sequence."""
    words = (
        r"(?i)example|placeholder|your|dummy|fake|sample|change|redact|replace|insert|xxx|\.\.\."
        r"|(.)\1{5}|123456|abcdef|a1b2c3|deadbeef"
        r"|2YotnFZFEjr1zCsicMWpAA|tGzv3JOkF0XG5Qx2TlKWIA"  # RFC 6749
    )
    return _pattern(words).search(text) is not None


def _is_secret(format: _Format, rest: bytes) -> bool:
    """Return whether a token gives rights to who has it.

    A JSON Web Token does not if it says of whom it is only what examples say, or if its role is that
    of all users of a web page.
    """
    if format.service != _WEB_TOKEN:
        return True
    try:
        claims = _decoded(rest.split(b".")[1])
    except ValueError:
        return False
    return any(claim in claims for claim in (b'"exp"', b'"iat"', b'"iss"')) and not any(
        text in claims for text in (b'"anon"', b"John Doe")
    )


def _decoded(part: bytes) -> bytes:
    """Decode a part of a JSON Web Token.

    Raises:
        ValueError: it is not Base64.
    """
    return binascii.a2b_base64(part.translate(bytes.maketrans(b"-_", b"+/")) + b"==")


def _bits(text: bytes) -> float:
    """Return the Shannon entropy of a text, in bits per character."""
    counts = [text.count(character) for character in set(text)]
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


@cache
def _formats() -> dict[bytes, list[_Format]]:
    """Return the formats of the data file by the first characters of their beginnings."""
    found: dict[bytes, list[_Format]] = {}
    for line in _FORMATS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            service, beginning, rest = line.split("\t")
            one = _Format(service, beginning.encode(), rest)
            found.setdefault(one.beginning[:_INDEXED], []).append(one)
    return found


@cache
def _pattern(text: str) -> re.Pattern[bytes]:
    """Return a regular expression, which is compiled when it is first needed."""
    return re.compile(text.encode())
