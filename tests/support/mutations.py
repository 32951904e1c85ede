"""Strategies that make wrong documents from right ones: by bytes, by words, and by the types of parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from hypothesis import strategies as st

LARGEST_SEED = 20_000  # bytes; of a larger document, a part is taken
_NEST = 5_000  # how often a bracket is repeated: deeper than Python's stack
_Edit = tuple[str, int, int, int]

BYTE_EDITS = ("flip", "word", "cut", "repeat", "line", "drop-line", "swap", "end", "nest", "splice")
PART_EDITS = ("value", "value", "value", "drop", "rename", "list", "table", "deep", "twice", "move")

WORDS: tuple[bytes, ...] = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\r\n", b"\n", b"\t", b"\x0b", b"\x0c", b"\x1b[31m",
    "\u202e".encode(), "\u2028".encode(), "\x85".encode(), "é".encode(), "e\u0301".encode(), "😀".encode(),
    b"\xed\xa0\x80", b"'", b'"', b"'''", b'"""', b"\\", b"\\\n", b"#", b"[", b"]", b"{", b"}", b"(", b")", b"=", b":",
    b",", b";", b"@", b"*", b"!", b"..", b"../", b"/", b"~", b"$", b"${HOME}", b"%(x)s", b"&a", b"*a", b"<<: *a", b"!!python/name:os.x",
    b"-1", b"0", b"1e999", b"-0", b"nan", b"9" * 5000, b"0x", b"1_0", b"null", b"true", b"None", b"x" * 3000,
    b"1979-05-27T07:32:00Z", b"00:00:60", b"0001-01-01", b"http://[", b"https://u:p@h:99999/x", b"git+ssh://a@b:c/d@e",
    b"file://", b" ; python_version < 'x'", b" ; 'a' in 'b' and", b"--hash=sha256:00", b"-r", b"-c ", b"-e .", b"--index-url ",
    b"[[", b"]]", b"\\u0000", b"\\ud800", b"\\U00110000", b"lambda: 0", b"async ", b"yield ", b"import ", b"from . import *\n",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**30, 1.5, 1e308, "", "x", "\0", "\ud800", "..", "/", "==", "@", "[", "https://[",
    "git+https://", "file:///", "é" * 400, "\x1b[2J", "1" * 5000, [], {}, [[]], [{}], {"": ""}, ["x", 1], [None],
    {"x": {"x": {"x": []}}}, {"version": []}, {"git": 1}, {"path": None}, {"url": {}}, [True, [1.0]], "a\nb",
)  # fmt: skip


def edits(kinds: Sequence[str], most: int = 5) -> st.SearchStrategy[list[_Edit]]:
    """Draw edits: what to do, and three numbers that choose where and with what."""
    number = st.integers(0, 2**31)
    return st.lists(
        st.tuples(st.sampled_from(kinds), number, number, st.integers(0, 2**16)), max_size=most
    )


def changed_bytes(data: bytes, todo: Sequence[_Edit], words: Sequence[bytes]) -> bytes:
    """Return the bytes after all edits."""
    for kind, one, two, choice in todo:
        at = one % (len(data) + 1)
        end = min(len(data), at + 1 + two % 60)
        word = words[choice % len(words)]
        lines = data.splitlines(keepends=True) or [b""]
        row, other = one % len(lines), two % len(lines)
        match kind:
            case "flip" if at < len(data):
                data = data[:at] + bytes([data[at] ^ (1 + two % 255)]) + data[at + 1 :]
            case "word":
                data = data[:at] + word + data[at:]
            case "splice":
                data = data[:at] + word + data[end:]
            case "cut":
                data = data[:at] + data[end:]
            case "repeat":
                data = data[:end] + data[at:end] * (1 + choice % 40) + data[end:]
            case "line":
                data = b"".join([*lines[:row], word, b"\n", *lines[row:]])
            case "drop-line":
                data = b"".join([*lines[:row], *lines[row + 1 :]])
            case "swap":
                lines[row], lines[other] = lines[other], lines[row]
                data = b"".join(lines)
            case "end":
                data = data[:at]
            case "nest":
                mark = (b"[", b"(", b"{", b"-", b"[[", b'{"a":', b"not ", b"a.", b"- ", b"\t")[
                    choice % 10
                ]
                data = data[:at] + mark * _NEST + data[at:]
            case _:
                continue
    return data


def part(data: bytes, number: int) -> bytes:
    """Return a part of a large document that begins and ends with a line; a small one as it is."""
    if len(data) <= LARGEST_SEED:
        return data
    begin = data.find(b"\n", number % (len(data) - LARGEST_SEED)) + 1
    return data[begin : begin + LARGEST_SEED]


def wrong_bytes(*seeds: bytes | str, words: Sequence[bytes | str] = ()) -> st.SearchStrategy[bytes]:
    """Draw a seed with some bytes, words and lines changed; `words` are those of the format."""
    originals = [each.encode() if isinstance(each, str) else each for each in seeds]
    own = [each.encode() if isinstance(each, str) else each for each in words]
    known = (*WORDS, *own, *own, *own)
    return st.builds(
        lambda seed, number, todo: changed_bytes(part(seed, number), todo, known),
        st.sampled_from(originals),
        st.integers(0, 2**31),
        edits(BYTE_EDITS),
    )


def _containers(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each part of a document as the dict or list that contains it, and its key."""
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)
        for key, inner in table.items():
            yield table, key
            yield from _containers(inner)
    elif isinstance(value, list):
        items = value
        for index, inner in enumerate(items):
            yield items, index
            yield from _containers(inner)


def changed_parts(document: Any, todo: Sequence[_Edit]) -> Any:
    """Return a copy of a document of JSON with parts of it changed, at any depth."""
    document = json.loads(json.dumps(document))
    for kind, one, two, choice in todo:
        places = list(_containers(document))
        if not places:
            return VALUES[choice % len(VALUES)]
        holder, key = places[one % len(places)]
        source, name = places[two % len(places)]
        if kind in ("value", "drop") and one % 97 == 0:
            return VALUES[choice % len(VALUES)]
        match kind:
            case "value":
                holder[key] = json.loads(json.dumps(VALUES[choice % len(VALUES)]))
            case "drop":
                del holder[key]
            case "rename" if isinstance(holder, dict):
                cast("dict[str, Any]", holder)[("x", "", "é", "a.b", "\0")[choice % 5]] = (
                    holder.pop(key)
                )
            case "list":
                holder[key] = [holder[key]]
            case "table":
                holder[key] = {"x": holder[key]}
            case "deep":
                for _ in range(150):
                    holder[key] = [holder[key]] if choice % 2 else {"a": holder[key]}
            case "twice" if isinstance(holder, list):
                holder.append(holder[key])
            case "move":
                holder[key] = json.loads(json.dumps(source[name]))
            case _:
                continue
    return document


def wrong_parts(*documents: Any) -> st.SearchStrategy[Any]:
    """Draw one of the documents with some parts changed: other types, missing, renamed, nested."""
    return st.builds(changed_parts, st.sampled_from(documents), edits(PART_EDITS, 4))


def as_json(document: Any) -> bytes:
    """Return a document as JSON text."""
    return json.dumps(document).encode()


def as_toml(document: Any) -> bytes:
    """Return a document as TOML: each key of the outermost table has an inline value."""
    tables = cast("dict[str, Any]", document).items() if isinstance(document, dict) else ()
    lines = [f"{json.dumps(key)} = {_toml(value)}\n" for key, value in tables]
    return "".join(lines).encode("utf-8", "replace")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k)} = {_toml(v)}" for k, v in cast("dict[str, Any]", value).items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return '"null"' if value is None else json.dumps(value)


def wrong_document(
    seeds: Sequence[Any], write: Callable[[Any], bytes], *texts: bytes | str
) -> st.SearchStrategy[bytes]:
    """Draw a document with wrong parts, or a text of its format with wrong bytes."""
    by_bytes = wrong_bytes(*(write(each) for each in seeds), *texts)
    return wrong_parts(*seeds).map(write) | by_bytes
