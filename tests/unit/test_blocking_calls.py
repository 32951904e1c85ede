"""Plain code that waits for another endpoint in the event loop of its worker: which calls are reported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flashc_core.source import Span
from tests.support import blocking_objects, blocking_programs
from tests.support.blocking_programs import CALLEES, HEAD
from tests.support.projects import compile_files

CASES = blocking_programs.CASES | blocking_objects.CASES
_MARK = re.compile(r"# blocks ?(\d?)")


def marked(text: str) -> list[int]:
    """Return the lines that a comment marks, each as often as it has findings."""
    return [
        number
        for number, line in enumerate(text.splitlines(), 1)
        for mark in _MARK.findall(line)
        for _ in range(int(mark or 1))
    ]


def reported(root: Path, files: dict[str, str], path: str) -> list[int]:
    """Return the lines of a file with the finding."""
    found = compile_files(root, files).diagnostics
    spans = [each.location for each in found if each.rule.code == "FC327"]
    return sorted(span.line for span in spans if isinstance(span, Span) and span.path == path)


@pytest.mark.parametrize("body", CASES.values(), ids=list(CASES))
def test_what_blocks_the_event_loop_is_reported(body: str, tmp_path: Path) -> None:
    text = HEAD + body
    assert reported(tmp_path, {"callees.py": CALLEES, "front.py": text}, "front.py") == marked(text)


def test_helpers_are_followed_through_modules_and_packages(tmp_path: Path) -> None:
    files = {
        "callees.py": CALLEES,
        "tools/__init__.py": "from .clients import client\nfrom .functions import *\n",
        "tools/clients.py": """from callees import slow

class Client:
    @property
    def size(self): return slow(1) + 1
    def get(self, s): return slow(s) + 1

client = Client()
""",
        "tools/functions.py": """from . import clients

def deep(s): return clients.client.get(s)
""",
        "front.py": """import asyncio
import tools
import tools.functions as f
from runpod_flash import Endpoint
from tools import client, deep

api = Endpoint(name="front", cpu="cpu3c-1-2", workers=(1, 2))

@api.get("/a")
async def a(s: float):
    deep(s)  # blocks
    f.deep(s)  # blocks
    tools.client.get(s)  # blocks
    client.size  # blocks
    return await asyncio.to_thread(deep, s)
""",
    }
    assert reported(tmp_path, files, "front.py") == marked(files["front.py"])


def test_a_program_without_plain_callees_is_not_read_again(tmp_path: Path) -> None:
    """Only calls of plain functions can block."""
    result = compile_files(
        tmp_path,
        {
            "worker.py": """from runpod_flash import Endpoint

@Endpoint(name="other")
async def other(x: int): return x

def start(x): return other(x)

@Endpoint(name="front")
async def front(x: int): return await start(x)
"""
        },
    )
    assert not result.diagnostics
