"""What a session prints never delays it, whether it is read, not read, or can't be read any more."""

from __future__ import annotations

import io
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flashc.cli import output as printing
from flashc.cli.output import open_output


@contextmanager
def standard_output(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Make standard output a pipe; yield the descriptor at which it is read."""
    reader, writer = os.pipe()
    with open(writer, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        yield reader
    os.close(reader)


def everything(reader: int) -> str:
    os.set_blocking(reader, False)
    found = io.BytesIO()
    while True:
        try:
            found.write(os.read(reader, 65536))
        except BlockingIOError:
            return found.getvalue().decode()


def lost(number: int) -> str:
    return f"{number} lost"


def test_lines_are_printed_in_order_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    with standard_output(monkeypatch) as reader:
        with open_output(lost) as echo:
            echo("\x1b[31mred\x1b[0m")
            echo("ä" * 5000, nl=False)
            echo("\n", nl=False)
        assert everything(reader) == f"red\n{'ä' * 5000}\n"


def test_nobody_waits_for_a_reader_that_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(printing, "_PATIENCE", 0.2)
    with standard_output(monkeypatch) as reader:
        began = time.monotonic()
        with open_output(lost) as echo:
            for number in range(1000):
                echo(f"{number} {'x' * 1000}")
            printed = time.monotonic() - began
        assert printed < 1
        assert 0.2 < time.monotonic() - began < 5
        lines = everything(reader).split("\n")
        assert [line.split()[0] for line in lines[:-1]] == [str(n) for n in range(len(lines) - 1)]


def test_what_does_not_fit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "_WAITING", 300_000)
    with standard_output(monkeypatch) as reader, open_output(lost) as echo:
        for _ in range(600):
            echo("x" * 999)
        found = ""
        while len(found) < 200_000:
            found += everything(reader)
        echo("again")
        while "again\n" not in found:
            found += everything(reader)
    printed = found.count("x\n")
    assert 200 < printed < 600
    # Lines that fit again between others that did not are after a number of their own; they may be the
    # last ones.
    assert found.endswith("\nagain\n")
    assert sum(map(int, re.findall(r"(\d+) lost\n", found))) == 600 - printed


def test_it_goes_on_without_a_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        with open_output(lost) as echo:
            for number in range(100):
                echo(str(number))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        with open_output(lost) as echo:
            echo("to nobody")
