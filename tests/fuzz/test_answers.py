"""Wrong answers of a platform and wrong messages of an editor: an error of the protocol, and the next one is answered."""

from __future__ import annotations

import http.server
import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from flashc_backends.cloud import model
from flashc_backends.cloud.addresses import Addresses
from flashc_backends.cloud.errors import CloudError
from flashc_backends.cloud.login import LoginRefused, request_login
from flashc_backends.cloud.pace import Pace
from flashc_backends.cloud.runpod import RunpodCloud
from flashc_backends.cloud.transport import Transport
from flashc_backends.contracts.differences import differences
from flashc_backends.deploy.lease_state import read_holder
from flashc_backends.preview.registry import RECORD, read_record
from tests.support import valid_documents as valid
from tests.support.fuzzing import Reader, fuzz
from tests.support.mutations import as_json, wrong_bytes, wrong_document, wrong_parts
from tests.support.projects import write

# One answer for every operation: each looks only for the keys that it asked for.
_ENDPOINT = {
    "id": "e", "name": "w -fb", "type": "QB", "templateId": "t", "workersMin": 0, "workersMax": 3,
    "idleTimeout": 5, "scalerType": "QUEUE_DELAY", "scalerValue": 4, "executionTimeoutMs": 0,
    "flashBootType": "FLASHBOOT", "gpuIds": "AMPERE_24,-NVIDIA L4", "gpuCount": 1, "minCudaVersion": "12.1",
    "instanceIds": ["cpu3c-1-2"], "locations": "EU-RO-1,US-KS-2", "networkVolumeId": "v",
    "networkVolumeIds": [{"networkVolumeId": "v", "dataCenterId": "EU-RO-1"}],
}  # fmt: skip
_SECRET = {"id": "s", "name": "S", "description": '{"token":"x"}', "createdAt": "2026-01-01"}
_ENVIRONMENT = {"id": "n", "name": "prod", "activeBuildId": "b", "createdAt": None}
_BUILD = {"id": "b", "objectKey": "k", "createdAt": "2026-01-01", "manifest": {"resources": {}}}
_APP = {"id": "a", "name": "app", "flashEnvironments": [_ENVIRONMENT], "flashBuilds": [_BUILD]}
_VOLUME = {"id": "v", "name": "data", "size": 10, "dataCenter": "EU-RO-1"}
DATA = {
    "myself": {"id": "me", "flashApps": [_APP], "endpoint": _ENDPOINT, "secrets": [_SECRET]},
    "flashAppByName": _APP, "createFlashApp": _APP, "createFlashEnvironment": _ENVIRONMENT,
    "flashBuild": _BUILD, "finalizeFlashArtifactUpload": _BUILD, "secretCreate": _SECRET,
    "flashEnvironment": {"endpoints": [{"id": "e", "name": "w"}]}, "saveEndpoint": _ENDPOINT,
    "podTemplate": {"id": "t", "name": "t", "imageName": "i", "containerDiskInGb": 5, "dockerArgs": "",
                    "env": [{"key": "A", "value": "b"}]},
    "createFlashAuthRequest": {"id": "q", "status": "PENDING", "expiresAt": "2026-01-01T00:00:00Z"},
    "prepareFlashArtifactUpload": {"uploadUrl": "http://127.0.0.1/x", "objectKey": "k"},
}  # fmt: skip
ANSWER = {
    "data": DATA, "networkVolumes": [_VOLUME], "pagination": {"hasNextPage": False},
    "gpus": [{"id": "g", "dataCenters": [{"id": "d", "availability": "HIGH"}]}], "cpus": [],
    "endpointVersion": 2, "rollout": {"inProgress": True, "workersOnLatest": 1, "workersTotal": 2},
    "workers": [{"id": "w", "status": "RUNNING", "isStale": False, "startedAt": "x"}],
    "jobs": {"completed": 1, "failed": 0, "inProgress": 0, "inQueue": 2, "retried": 0},
}  # fmt: skip
ERRORS: list[dict[str, Any]] = [
    {"errors": [{"message": "not found", "extensions": {"code": 1}}]},
    {"error": "x", "message": "y"},
    {"data": None, "errors": "broken"},
    {"detail": {"a": 1}, "errors": [1, None, {"message": None}]},
]
HEADERS = [
    {}, {"Retry-After": "x"}, {"Retry-After": "0"}, {"RateLimit": "r=0; t=99999999999"}, {"Date": "x"},
    {"Content-Encoding": "gzip"}, {"Content-Type": "text/plain; charset=x"}, {"Location": "http://[::"},
    {"Content-Type": "application/json; charset=utf-7"}, {"Date": "Thu, 99 Foo 2026 99:99:99 GMT"},
]  # fmt: skip


class Platform:
    """A server that gives every request the same answer."""

    def __init__(self) -> None:
        platform = self
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer_request(self) -> None:
                """Read the request and send the answer."""
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, body = platform.answer
                with suppress(ConnectionError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_DELETE = answer_request

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self.server.server_port}"
        pace = Pace(attempts=1, answer=20.0, pause=0.0, looks=(0.0,), longest_asked=0.0)
        self.places = Addresses(api=url, rest=f"{url}/v1", jobs=f"{url}/v2", console=url)
        self.transport = Transport("key", user_agent="flashc", verify=False, pace=pace)
        self.cloud = RunpodCloud(self.places, self.transport)

    def operations(self) -> list[Callable[[], object]]:
        """Return the operations of a client."""
        cloud = self.cloud
        settings = model.Settings(kind=model.Kind.QUEUE, image="i", disk_gb=5)
        queue = model.Endpoint(id="e", name="w", settings=settings, template="t")
        return [
            cloud.account,
            cloud.apps,
            lambda: cloud.app("app"),
            lambda: cloud.create_app("app"),
            lambda: cloud.create_environment("a", "n"),
            lambda: cloud.manifest("b"),
            lambda: cloud.create_build("a", "k", {}),
            lambda: cloud.endpoints("n"),
            cloud.volumes,
            lambda: cloud.create_volume("v", 1, "EU-RO-1"),
            cloud.secrets,
            lambda: cloud.create_secret("S", "value", "x"),
            lambda: cloud.delete_secret("s"),
            lambda: cloud.stock("gpus", 1),
            lambda: cloud.rollout("e"),
            lambda: cloud.workers("e"),
            lambda: cloud.jobs("e"),
            lambda: cloud.crew("e"),
            lambda: cloud.call(queue, "POST", "/run", {"input": {}}, seconds=20),
            lambda: list(cloud.log("e", "w", follow=False)),
            lambda: request_login(self.places, self.transport),
            cloud.now,
        ]


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    started = Platform()
    yield started
    started.cloud.close()
    started.server.shutdown()
    started.server.server_close()


BODIES = (
    wrong_document([ANSWER, *ERRORS], as_json)
    | wrong_parts(ANSWER).map(lambda answer: as_json(answer))
    | wrong_bytes("data: {}\n\nid: 1\ndata: x\ndata: y\n\n", '<html>busy</html>', b"\x1f\x8b\x08")
)  # fmt: skip


def test_a_wrong_answer_of_the_platform_is_an_error_of_the_platform(platform: Platform) -> None:
    def read(given: tuple[int, dict[str, str], bytes]) -> None:
        platform.answer = given
        for operation in platform.operations():
            with suppress(CloudError, LoginRefused):
                operation()

    statuses = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 404, 410, 418, 429, 500, 503, 599])  # fmt: skip
    answers = st.tuples(statuses, st.sampled_from(HEADERS), BODIES)
    fuzz(Reader("answers of the platform", answers, read, 12))


RESOURCE: dict[str, Any] = {
    "resources": {
        "w": {
            "resource_type": "LiveServerless",
            "functions": [{"name": "run", "module": "worker", "methods": ["a"]}],
            "signatures": {"": {"parameters": [{"name": "x", "type": "int", "where": "body"}], "result": "int"}},
            "routes": {"GET /x": {"function": "run"}},
            "methods": {"a": ["x"]},
            "is_load_balanced": True,
        }
    }
}  # fmt: skip
HOLDER = {"token": "x", "user": "u", "host": "h", "machine": "m", "process": 1, "lasts": 1.0}
OTHERS = [
    Reader("manifests of two builds", st.tuples(wrong_parts(RESOURCE), wrong_parts(RESOURCE)),
           lambda given: [differences("w", *pair) for pair in (given, given[::-1]) if all(isinstance(x, dict) for x in given)], 100),
    Reader("description of a lease", wrong_document([HOLDER], as_json),
           lambda data: read_holder(model.Secret(id="s", name="S", description=data.decode("utf-8", "replace"), created="")), 100),
]  # fmt: skip


@pytest.mark.parametrize("reader", OTHERS, ids=lambda reader: reader.name)
def test_what_other_programs_store_on_the_platform_is_read_or_ignored(reader: Reader) -> None:
    fuzz(reader)


def test_a_wrong_record_of_a_preview_is_none(tmp_path: Path) -> None:
    def read(data: bytes) -> None:
        (tmp_path / RECORD).write_bytes(data)
        read_record(tmp_path)

    record = {"preview": "p", "owner": 1, "project": "x", "started": 1.0}
    fuzz(Reader("record of a preview", wrong_document([record], as_json), read, 60))


# The editor ---------------------------------------------------------------------------------------

URI = "file://ROOT/worker.py"
DOCUMENT = {"uri": URI, "languageId": "python", "version": 1, "text": valid.WORKER}
POSITION = {"line": 3, "character": 5}
AT = {"textDocument": {"uri": URI}, "position": POSITION}
RANGE = {"start": POSITION, "end": POSITION}
MESSAGES: list[dict[str, Any]] = [
    {"method": "textDocument/didOpen", "params": {"textDocument": DOCUMENT}},
    {"method": "textDocument/didChange", "params": {"textDocument": {"uri": URI, "version": 2},
     "contentChanges": [{"text": "x = 1\n"}, {"range": RANGE, "text": "y"}]}},
    {"method": "textDocument/didSave", "params": {"textDocument": {"uri": URI}}},
    {"method": "textDocument/didClose", "params": {"textDocument": {"uri": URI}}},
    {"method": "workspace/didChangeWatchedFiles", "params": {"changes": [{"uri": URI, "type": 2}]}},
    {"id": 7, "method": "textDocument/hover", "params": AT},
    {"id": 8, "method": "textDocument/definition", "params": AT},
    {"id": "nine", "method": "textDocument/documentSymbol", "params": {"textDocument": {"uri": URI}}},
    {"id": 10, "method": "textDocument/codeAction", "params": {"textDocument": {"uri": URI}, "range": RANGE,
     "context": {"diagnostics": []}}},
    {"method": "$/cancelRequest", "params": {"id": 10}},
    {"id": 11, "method": "unknown/method", "params": [1]},
    {"id": 12, "result": {"x": 1}},
]  # fmt: skip


class Server:
    """The language server as an editor starts it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        command = [sys.executable, "-m", "flashc", "lsp"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.numbers = itertools.count(1000)
        self.ask("initialize", {"processId": None, "rootUri": root.as_uri(), "capabilities": {}})
        self.send(b'{"jsonrpc":"2.0","method":"initialized","params":{}}')

    def send(self, body: bytes) -> None:
        """Send a message with these bytes."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def ask(self, method: str, params: Any) -> dict[str, Any]:
        """Send a request, and return its answer; other messages are skipped."""
        number = next(self.numbers)
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self.send(json.dumps(request).encode())
        while True:
            answer = self._message()
            if answer.get("id") == number and "method" not in answer:
                return answer

    def _message(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while (line := self.process.stdout.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        body = self.process.stdout.read(length)
        assert body, f"the server has ended with {self.process.wait(60)}"
        found: dict[str, Any] = json.loads(body)
        return found

    def close(self) -> None:
        """End the server."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    root = write(tmp_path / "app", {"worker.py": valid.WORKER, "tools.py": valid.TOOLS})
    started = Server(root)
    yield started
    started.close()


def test_a_wrong_message_does_not_stop_the_language_server(server: Server) -> None:
    uri = (server.root / "worker.py").as_uri()

    def read(messages: list[bytes]) -> None:
        for body in messages:
            server.send(body.replace(b"file://ROOT/worker.py", uri.encode()))
        answer = server.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
        assert "result" in answer or "error" in answer

    whole = [{"jsonrpc": "2.0", **message} for message in MESSAGES]
    body = st.one_of(wrong_parts(*whole).map(as_json), wrong_bytes(*map(as_json, whole)))
    fuzz(Reader("messages of an editor", st.lists(body, min_size=1, max_size=4), read, 25))
