"""The table of `spec/clients.md` is complete, and the test that a row names runs the operation."""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from flashc_backends.platform.http import worker_api
from tests.support.projects import ROOT

TABLE = ROOT / "spec" / "clients.md"
TESTS = ("test_platform_clients.py", "test_worker_sdks.py")
NOT_RUN = re.compile(r"local$|not for the platform: \S")
_WALK = """
def walk(command, words):
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        if not inner.hidden:
            walk(inner, [*words, name])
    if not hasattr(command, "commands"):
        print(" ".join(words))
"""
FLASH = f"""
import typer.main
from runpod_flash.cli.main import app
{_WALK}
walk(typer.main.get_command(app), ["flash"])
"""
RP = f"""
from runpod.rp_cli.main import cli
{_WALK}
walk(cli, ["rp"])
"""
CLIENT = """
from runpod.endpoint import runner
from runpod.endpoint.asyncio import asyncio_runner
for prefix, module in (("", runner), ("Asyncio", asyncio_runner)):
    for kind in ("Endpoint", "Job"):
        for name in dir(getattr(module, kind)):
            if not name.startswith("_"):
                print(f"{prefix}{kind}.{name}")
"""


@dataclass(frozen=True)
class Row:
    """A row of the table; `test` is "" if none runs the operation."""

    client: str
    operation: str
    result: str
    test: str


def rows() -> list[Row]:
    """Return the rows of all tables, with the first word of their heading as the client."""
    found: list[Row] = []
    client = ""
    for line in TABLE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            client = line.removeprefix("## ")
        elif line.startswith("| `"):
            operation, result, test = (cell.strip() for cell in line.strip("|").split("|"))
            found.append(Row(client, operation.strip("`"), result, test.strip("`")))
    return found


def operations(heading: str) -> list[str]:
    """Return the operations in the table below a heading that contains `heading`."""
    return [row.operation for row in rows() if heading in row.client]


def printed(python: Path, program: str) -> list[str]:
    """Return the lines that a program prints in an environment."""
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def text_of(test: str) -> str:
    """Return the source of a test, with its decorators and the constants of the module that it names."""
    for name in TESTS:
        source = Path(__file__).with_name(name).read_text("utf-8")
        module = ast.parse(source)
        lines = source.splitlines()
        for node in module.body:
            if isinstance(node, ast.FunctionDef) and node.name == test:
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                own = "\n".join(lines[first - 1 : node.end_lineno])
                return "\n".join([own, *_constants(module, own)])
    pytest.fail(f"there is no test {test}")


def _constants(module: ast.Module, text: str) -> list[str]:
    return [
        node.value.value
        for node in module.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and any(isinstance(to, ast.Name) and to.id in text for to in node.targets)
    ]


def runs(row: Row) -> bool:
    """Whether the test of a row has the operation in it."""
    text = text_of(row.test)
    if row.operation.startswith(("flash ", "rp ")):
        words = row.operation.split()[1:]
        return re.search(r",\s*".join(f'"{word}"' for word in words), text) is not None
    kind, _, name = row.operation.rpartition(".")
    if not kind:
        return f"`{name}`" in text
    calls = [line for line in text.splitlines() if re.search(rf"\.{name}\(", line)]
    waits = [line for line in calls if re.search(r"\b(await|async)\b", line)]
    return bool(waits) if kind.startswith("Asyncio") else len(waits) < len(calls)


def test_the_tools_have_no_other_commands(incumbent: Path, successor: Path) -> None:
    assert operations("`flash`") == printed(incumbent.with_name("python"), FLASH)
    assert operations("`rp`") == printed(successor.with_name("python"), RP)


def test_the_client_has_no_other_methods(incumbent: Path) -> None:
    assert operations("The client") == printed(incumbent.with_name("python"), CLIENT)


def test_workers_have_no_other_requests() -> None:
    assert set(operations("worker SDKs")) == worker_api.OPERATIONS


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.operation)
def test_every_operation_is_run_or_has_a_reason(row: Row) -> None:
    if row.test:
        assert not NOT_RUN.match(row.result)
        assert runs(row), f"{row.test} does not run `{row.operation}`"
    else:
        assert NOT_RUN.match(row.result), row.result
