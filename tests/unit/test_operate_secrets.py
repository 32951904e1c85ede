"""Secrets are set from a prompt, a file or standard input, and their values are never shown."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from flashc_backends.deploy.lease_state import lease_name
from flashc_backends.deploy.variables import Target, secret_name
from tests.support.operated import Operated, operate, refusing
from tests.support.projects import ROOT

VALUE = "pa55 wörd"


def _values(on: Operated) -> dict[str, str]:
    secrets = on.stage.platform.control.account.secrets.values()
    return {secret.name: secret.value for secret in secrets}


def test_a_secret_is_set_from_standard_input_and_from_a_file(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        for given in (VALUE, f"{VALUE}\n", f"{VALUE}\r\n"):
            shown = await on.good("secret", "set", "TOKEN", given=given)
            assert "TOKEN is set" in shown
            assert "{{ RUNPOD_SECRET_TOKEN }}" in shown
            assert _values(on) == {"TOKEN": VALUE}
        file = tmp_path / "value"
        file.write_text("a\nb\n\n")
        await on.good("secret", "set", "TOKEN", "--from-file", str(file))
        await on.good("secret", "set", "_2", "--from-file", "-", given="x")
        assert _values(on) == {"TOKEN": "a\nb\n", "_2": "x"}
        names = [secret["name"] for secret in await on.json("secret", "list")]
        assert names == ["TOKEN", "_2"]
        for words in (("list",), ("list", "--format", "json")):
            assert "value" not in await on.good("secret", *words)

    operate(tmp_path, scene)


def test_secrets_of_deployments_are_listed_on_demand_only(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        assert await on.good("secret", "list") == "no secrets\n"
        account, target = on.stage.platform.control.account, Target("app", "production")
        made = [secret_name(target, "T", "1"), lease_name(target)]
        for name in (*made, "flash_of_mine"):
            await account.create_secret(name, "1", "of a deployment")
        assert [found["name"] for found in await on.json("secret", "list")] == ["flash_of_mine"]
        found = await on.json("secret", "list", "--all")
        assert [secret["name"] for secret in found] == sorted([*made, "flash_of_mine"])
        assert "of a deployment" in await on.good("secret", "list", "--all")

    operate(tmp_path, scene)


def test_a_value_or_a_name_that_cannot_be_is_refused(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        for given in ("", "\n", "\r\n"):
            done = await on.flashc("secret", "set", "X", given=given)
            assert (done.code, done.stdout) == (2, "")
            assert "the value is empty" in done.stderr
        file = tmp_path / "value"
        file.write_bytes(b"\xff")
        done = await on.flashc("secret", "set", "X", "--from-file", str(file))
        assert (done.code, "not UTF-8" in done.stderr) == (2, True)
        done = await on.flashc("secret", "set", "X", "--from-file", str(tmp_path / "none"))
        assert done.code == 2
        for name in ("A B", "a-b", "ä", "", "x\n"):
            done = await on.flashc("secret", "set", name, given=VALUE)
            assert (done.code, done.stdout) == (1, "")
            assert "error[FC606]" in done.stderr
            assert VALUE not in done.output
        assert _values(on) == {}

    operate(tmp_path, scene)


def test_a_secret_is_deleted_after_a_confirmation(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        await on.good("secret", "set", "TOKEN", given=VALUE)
        await on.bad("secret", "delete", "TOKEN", code="FC614")
        await on.bad("secret", "delete", "OTHER", "--yes", code="FC615")
        assert await on.good("secret", "delete", "TOKEN", "--yes") == "deleted TOKEN\n"
        await on.bad("secret", "delete", "TOKEN", "--yes", code="FC615")
        assert _values(on) == {}

    operate(tmp_path, scene)


def test_that_the_old_value_is_gone_is_said_if_the_new_one_is_refused(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        await on.good("secret", "set", "TOKEN", given=VALUE)
        with refusing(on.stage.platform.base, "secretCreate") as between:
            done = await on.flashc(
                "secret", "set", "TOKEN", given="new", RUNPOD_API_BASE_URL=between
            )
        assert (done.code, done.stdout) == (1, "")
        assert "error[FC606]" in done.stderr
        assert "the old value of `TOKEN` is deleted already" in done.stderr

    operate(tmp_path, scene)


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_terminal_is_asked_for_the_value_without_echo_and_for_the_confirmation(
    tmp_path: Path, answer: str
) -> None:
    async def scene(on: Operated) -> None:
        status, shown = await asyncio.to_thread(_on_terminal, on, "secret set TOKEN", VALUE)
        assert (status, VALUE in shown) == (0, False)
        assert _values(on) == {"TOKEN": VALUE}
        status, shown = await asyncio.to_thread(_on_terminal, on, "secret delete TOKEN", answer)
        assert "delete the secret TOKEN? [y/N]" in shown
        assert status == (0 if answer == "y" else 1)
        status, shown = await asyncio.to_thread(_on_terminal, on, "undeploy --all", answer)
        assert f"endpoint  queue  {on.stage.ids['queue']}" in shown
        assert status == (0 if answer == "y" else 1)
        gone = answer == "y"
        assert (_values(on), on.names()["endpoints"]) == (
            {} if gone else {"TOKEN": VALUE},
            [] if gone else ["queue"],
        )

    operate(tmp_path, scene)


def _on_terminal(on: Operated, words: str, answer: str) -> tuple[int, str]:
    """Run a command on a terminal, answer its question, and return its exit code and what it shows."""
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    ours, its = os.openpty()
    command = [sys.executable, "-m", "flashc", *words.split()]
    with subprocess.Popen(
        command,
        cwd=on.operator.project,
        env={**os.environ, **on.operator.variables, "PYTHONPATH": paths},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    ) as process:
        os.close(its)
        shown = b""
        while not shown.rstrip().endswith((b":", b"]")):
            shown += os.read(ours, 4096)
        os.write(ours, f"{answer}\n".encode())
        with suppress(OSError):  # the terminal is closed when the command ends
            while more := os.read(ours, 4096):
                shown += more
    os.close(ours)
    assert process.returncode is not None
    return process.returncode, shown.decode()
