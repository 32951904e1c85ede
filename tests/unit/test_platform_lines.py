"""The lines of workers: long ones, characters of several bytes, and line ends."""

from __future__ import annotations

import pytest

from flashc_backends.platform.engines.lines import LineSplitter

MOST = 64 * 1024


@pytest.mark.parametrize("character", ["é", "€", "😀"])
@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_no_character_of_a_long_line_is_cut(character: str, shift: int, end: str) -> None:
    text = "x" * shift + character * MOST
    splitter = LineSplitter()
    lines = [*splitter.feed((text + end).encode()), *splitter.end()]
    assert "".join(lines) == text
    assert all(MOST - 3 <= len(line.encode()) <= MOST for line in lines[:-1])


def test_a_long_line_is_given_in_parts_wherever_its_chunks_end() -> None:
    for size in (1000, MOST, 3 * MOST):
        splitter, data = LineSplitter(), b"a" * (2 * MOST + 5) + b"\nnext\r\n"
        lines = [
            line
            for start in range(0, len(data), size)
            for line in splitter.feed(data[start : start + size])
        ]
        assert [len(line) for line in lines] == [MOST, MOST, 5, 4]
        assert not list(splitter.end())


def test_bytes_that_are_no_text_are_given_in_parts_too() -> None:
    splitter = LineSplitter()
    lines = [*splitter.feed(b"\x80" * (MOST + 1)), *splitter.end()]
    assert lines == ["\ufffd" * MOST, "\ufffd"]
