"""A login in the browser puts the key into the key file; a logout removes it; no command prints a key."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from flashc.api.login import log_in
from flashc.project.workspace import open_settings
from tests.support.operated import Operated, Operator, operate, serving

NO_KEY = {"RUNPOD_API_KEY": ""}


def test_the_key_of_an_approved_login_is_kept_and_used_until_the_logout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(on: Operated) -> None:
        key = on.stage.platform.key
        for name, value in {**on.operator.variables, **NO_KEY}.items():
            monkeypatch.setenv(name, value)
        file = on.operator.home / ".runpod" / "config.toml"
        file.parent.mkdir(parents=True)
        file.write_text("# mine\r\n[rp]\r\nx = 1\r\n", newline="")
        pages: list[str] = []
        workspace = open_settings(on.operator.project)
        login = asyncio.create_task(asyncio.to_thread(log_in, workspace, pages.append))
        while not pages:
            await asyncio.sleep(0.02)
        assert re.fullmatch(
            f"{on.stage.platform.base}/console/flash/login\\?request=[\\w-]+", pages[0]
        )
        assert (await on.stage.client.get(pages[0])).json() == {"status": "APPROVED"}
        answer = await login
        assert not answer.has_errors
        assert answer.value is not None
        assert (answer.value.account, answer.value.overridden) == ("local", False)
        saved = file.read_bytes().decode()
        assert saved == f'# mine\r\n[rp]\r\nx = 1\r\n\r\n[default]\r\napi_key = "{key}"\r\n'
        assert file.stat().st_mode & 0o777 == 0o600

        shown = await on.flashc("whoami", **NO_KEY)
        assert shown.code == 0
        assert f"from {file}" in shown.stdout
        assert "account local" in shown.stdout
        out = await on.flashc("logout", **NO_KEY)
        assert out.stdout == f"the key is removed from {file}\n"
        assert (await on.flashc("whoami", **NO_KEY)).code == 3
        again = await on.flashc("logout", **NO_KEY)
        assert (again.code, again.stdout) == (0, f"the key was not in {file}\n")
        for done in (shown, out, again):
            assert key not in done.output

    operate(tmp_path, scene)


def test_whose_key_is_used_is_shown_without_the_key(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        key = on.stage.platform.key
        text, document = await on.good("whoami"), await on.json("whoami")
        assert text == f"account local\nkey ...{key[-4:]} from the variable RUNPOD_API_KEY\n"
        assert document == {
            "account": "local",
            "source": "the variable RUNPOD_API_KEY",
            "key": f"...{key[-4:]}",
        }
        (on.operator.project / ".env").write_text(f"RUNPOD_API_KEY={key}\n")
        found = await on.flashc("logout", "--format", "json")
        assert json.loads(found.stdout)["overridden"] is True
        assert "commands use the key in this variable" in (await on.good("logout"))

    operate(tmp_path, scene)


def test_a_login_that_nobody_approves_ends(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        words = ("login", "--no-open", "--timeout", "0.2")
        began = time.monotonic()
        done = await on.flashc(*words, **NO_KEY)
        assert time.monotonic() - began < 5
        assert (done.code, done.stdout) == (1, "")
        assert "FC621" in done.stderr
        assert "the login was not approved in time" in done.stderr
        assert "approve the login in your browser: http" in done.stderr
        assert not (on.operator.home / ".runpod").exists()

    operate(tmp_path, scene)


@contextmanager
def logins(*answers: dict[str, str]) -> Generator[tuple[str, list[str]]]:
    """Yield a platform whose login has these states, one after the other, and the headers that it gets."""
    left = list(answers)
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["query"]
            seen.append(self.headers.get("authorization", ""))
            if "createFlashAuthRequest" in asked:
                data = {"createFlashAuthRequest": {"id": "a/b&c", "status": "PENDING"}}
            elif "getMyself" in asked:
                data = {"myself": {"id": "account"}}
            else:
                state = left.pop(0) if len(left) > 1 else left[0]
                data = {"flashAuthRequestStatus": {"id": "a/b&c", **state}}
            content = json.dumps({"data": data}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with serving(Handler) as address:
        yield address, seen


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"status": "DENIED"}, "refused in the browser"),
        ({"status": "EXPIRED"}, "not approved in time"),
        ({"status": "CONSUMED"}, "another program"),
        ({"status": "CONSUMED", "apiKey": ""}, "another program"),
    ],
    ids=lambda value: str(value.get("status")) if isinstance(value, dict) else "",
)
def test_a_login_that_is_refused_leaves_the_file_alone(
    state: dict[str, str], says: str, tmp_path: Path
) -> None:
    with logins(state) as (address, seen):
        done = Operator(tmp_path, address, "").run("login", "--no-open")
    assert (done.code, done.stdout) == (1, "")
    assert "error[FC621]" in done.stderr
    assert says in done.stderr
    assert "request=a%2Fb%26c" in done.stderr
    assert set(seen) == {""}


def test_the_requests_of_a_login_send_no_key_until_there_is_one(tmp_path: Path) -> None:
    state = {"status": "APPROVED", "apiKey": " rpa_new "}
    with logins({"status": "PENDING"}, {"status": "UNHEARD_OF"}, state) as (address, seen):
        operator = Operator(tmp_path, address, "rpa_old")
        done = operator.run("login", "--no-open", "--format", "json")
    assert done.code == 0
    assert json.loads(done.stdout)["overridden"] is True
    assert seen == ["", "", "", "", "Bearer rpa_new"]
    assert "rpa_" not in done.output


def test_a_key_file_that_cannot_be_used_is_said_before_the_browser_opens(tmp_path: Path) -> None:
    operator = Operator(tmp_path, "http://127.0.0.1:9", "")
    file = operator.home / ".runpod" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[default]\napi_key = "rpa_half')
    for words in (("login", "--no-open"), ("logout",), ("whoami",)):
        done = operator.run(*words)
        assert (done.code, done.stdout) == (3, "")
        assert "error[FC616]" in done.stderr
        assert "rpa_half" not in done.stderr
