"""Run commands of flashc against a platform that runs in the test, with the variables that lead clients to it."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from flashc.cli.main import cli
from tests.support.console import Done
from tests.support.platform_stage import Behaviour, CoroutineEngine, Stage, echo, staged

_KEY = "rpa_TheKeyOfTheChapters"
_ARE_ABOUT_PROJECTS = frozenset(("build", "check", "plan", "deploy", "rollback", "history"))


def variables(base: str, key: str, home: Path) -> dict[str, str]:
    """Return the variables that lead flashc to a platform."""
    return {
        "HOME": str(home),
        "RUNPOD_API_KEY": key,
        "RUNPOD_API_BASE_URL": base,
        "RUNPOD_ENDPOINT_BASE_URL": f"{base}/v2",
        "RUNPOD_REST_API_URL": f"{base}/v1",
        "RUNPOD_CONSOLE_URL": f"{base}/console",
    }


class Operator:
    """A user at a terminal, whose project is an empty folder with the name of the app."""

    def __init__(self, folder: Path, base: str, key: str) -> None:
        self.home = folder / "home"
        self.project = folder / "app"
        self.project.mkdir(exist_ok=True)
        self.variables = variables(base, key, self.home)

    def run(self, *words: str, given: str | None = None, **changed: str) -> Done:
        """Run a command with `given` on its standard input; `changed` are other variables."""
        place = () if words[0] in _ARE_ABOUT_PROJECTS else ("--project",)
        result = CliRunner().invoke(
            cli,
            [*words, *place, str(self.project)],
            input=given,
            env={**self.variables, **changed},
            prog_name="flashc",
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.stdout, result.stderr, result.output, result.exit_code)


class Operated:
    """A platform, and a user who operates it."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self.operator = Operator(folder, stage.platform.base, stage.platform.key)

    async def flashc(self, *words: str, given: str | None = None, **changed: str) -> Done:
        """Run a command; see `Operator.run`."""
        return await asyncio.to_thread(self.operator.run, *words, given=given, **changed)

    async def good(self, *words: str, given: str | None = None) -> str:
        """Run a command that succeeds, and return what it prints on standard output."""
        done = await self.flashc(*words, given=given)
        assert (done.code, done.stderr.count("error[")) == (0, 0), done.output
        return done.stdout

    async def json(self, *words: str) -> Any:
        """Run a command that succeeds, and return the JSON that it prints."""
        return json.loads(await self.good(*words, "--format", "json"))

    async def bad(self, *words: str, code: str, status: int = 1) -> str:
        """Run a command that ends with one error of a rule; return what it prints on standard error."""
        done = await self.flashc(*words)
        assert done.code == status, done.output
        assert f"error[{code}]" in done.stderr, done.output
        assert done.stdout == ""
        return done.stderr

    def names(self) -> dict[str, list[str]]:
        """Return the names of what the platform has, by kind."""
        control = self.stage.platform.control
        return {
            "apps": sorted(app.name for app in control.apps.values()),
            "environments": sorted(found.name for found in control.environments.values()),
            "endpoints": sorted(found.name for found in control.endpoints.values()),
            "secrets": sorted(found.name for found in control.account.secrets.values()),
        }


def operate(
    folder: Path,
    scene: Callable[[Operated], Awaitable[None]],
    *names: str,
    behaviour: Behaviour = echo,
    deployed: bool = True,
) -> None:
    """Run a scene with a platform that has the app `app` with the endpoints `names` in `production`."""

    async def run() -> None:
        engine = CoroutineEngine(behaviour)
        async with staged(folder, engine, *names, deployed=deployed) as stage:
            await scene(Operated(stage, folder))

    asyncio.run(run())


def codes(done: Done) -> list[str]:
    """Return the codes of the findings that a command has printed, in order."""
    return re.findall(r"^(?:error|warning)\[(FC\d+)\]", done.stderr, re.MULTILINE)


@contextmanager
def background_platform(folder: Path) -> Generator[dict[str, str]]:
    """Run an empty platform in a thread; yield the variables that lead flashc to it."""
    started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        async with staged(folder, deployed=False, key=_KEY) as stage:
            stop = asyncio.Event()
            started.set_result((stage.platform.base, asyncio.get_running_loop(), stop))
            await stop.wait()

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(asyncio.run, run())
        base, loop, stop = started.result(timeout=60)
        try:
            yield variables(base, _KEY, folder / "home")
        finally:
            loop.call_soon_threadsafe(stop.set)
            ended.result(timeout=60)


@contextmanager
def refusing(base: str, *words: str) -> Generator[str]:
    """Yield the base of a server that passes requests on, and refuses those of GraphQL with all words in them."""

    def refused(_path: str, body: bytes) -> tuple[int, bytes] | None:
        if all(word.encode() in body for word in words):
            return 200, b'{"errors": [{"message": "it is in use"}]}'
        return None

    with _between(base, refused) as address:
        yield address


@contextmanager
def without_rest_v2(base: str, status: int = 410) -> Generator[str]:
    """Yield the base of a server that passes requests on, except those of REST version 2."""

    def refused(path: str, _body: bytes) -> tuple[int, bytes] | None:
        return (status, b'{"detail": "no such version"}') if path.startswith("/v2/") else None

    with _between(base, refused) as address:
        yield address


@contextmanager
def _between(
    base: str, refused: Callable[[str, bytes], tuple[int, bytes] | None]
) -> Generator[str]:
    """Yield the base of a server that passes requests on, or gives the answer of `refused`."""

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = refused(self.path, body)
            if answer is not None:
                status, content = answer
            else:
                headers = {"authorization": self.headers.get("authorization", "")}
                headers["content-type"] = "application/json"
                url = f"{base}{self.path}"
                reply = httpx.request(
                    self.command, url, content=body, headers=headers, trust_env=False
                )
                status, content = reply.status_code, reply.content
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_PATCH = _pass_on

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    with serving(Handler) as address:
        yield address


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Generator[str]:
    """Yield the base of a server whose requests a handler answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
