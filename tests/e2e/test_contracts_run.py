"""What flashc says about an app is true of its preview: generated clients, and requests of every kind."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from flashc.testing.building import build_app
from flashc.testing.running import running
from flashc_backends.contracts.client import drafts_of
from flashc_backends.contracts.openapi import document_of
from flashc_backends.preview.registry import read_entries
from flashc_backends.write import write_tree
from tests.support.chapters import read_sections
from tests.support.console import run_flashc
from tests.support.contract_app import APP
from tests.support.environments import make_environment
from tests.support.node import install_packages, run, run_package
from tests.support.profiles import examples
from tests.support.projects import ROOT, compile_folder, write
from tests.support.pytest_runs import configuration


@dataclass(frozen=True)
class Shop:
    """The app in a preview: the key of the platform, the URLs of the endpoints, and the OpenAPI documents."""

    project: Path
    key: str
    urls: dict[str, str]

    def document(self, name: str) -> Path:
        return self.project / "documents" / f"{name}.openapi.json"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Iterator[Shop]:
    files = {"worker.py": APP, "pyproject.toml": configuration("shop")}
    project = write(tmp_path_factory.mktemp("contracts") / "shop", files)
    variables = {
        "FLASHC_CACHE_DIR": str(cache_folder),
        "FLASHC_STATE_DIR": str(tmp_path_factory.mktemp("state")),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        done = run_flashc(project, "emit", "--target", "openapi", "-o", "documents")
        assert done.code == 0, done.output
        with running(build_app(project)) as preview:
            (entry,) = read_entries()
            urls = {each.endpoint: each.url for each in entry.record.addresses}
            yield Shop(project, preview.key, urls)


@pytest.fixture(scope="module")
def package(app: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The generated client."""
    folder = tmp_path_factory.mktemp("client")
    write_tree(folder, drafts_of(compile_folder(app.project).valid))
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("shop_client")
    finally:
        sys.path.remove(str(folder))


ITEM = {"name": "tea", "size": 2}
ORDER = {
    "id": "00000000-0000-4000-8000-000000000000",
    "when": "2024-01-02T03:04:05",
    "lines": [ITEM],
    "colour": "blue",
    "total": "2.50",
    "size": [2, 3],
    "parent": None,
}
NESTED = {**ORDER, "parent": {**ORDER, "lines": []}}
# Calls of methods: the endpoint, the method, the arguments, and what it returns.
CALLS: tuple[tuple[str, str, dict[str, Any], Any], ...] = (
    ("offers", "make", {"item": ITEM, "until": "2024-01-02"},
     {"item": ITEM, "until": "2024-01-02", "price": 2.5}),
    ("offers", "count", {"until": 3}, [0, 1, 2]),
    ("offers", "place", {"order": NESTED, "data": "AQI=", "wait": "PT1.5S"}, NESTED),
    ("offers", "place", {"order": {**ORDER, "lines": []}}, {"reason": "sold out"}),
    ("offers", "size", {"data": "AQID"}, "AwIB"),
    ("offers", "either", {"what": "2024-01-02"}, "date"),
    ("offers", "either", {"what": ITEM}, "Item"),
    ("offers", "either", {"what": ["a"]}, "list"),
    ("web", "place_order", {"order": NESTED}, NESTED),
    ("web", "place_order", {"order": {**ORDER, "lines": []}}, {"reason": "sold out"}),
    ("web", "orders", {"since": "2024-01-02", "colour": "blue", "sizes": [2]},
     [{**ORDER, "id": "00000000-0000-0000-0000-000000000001", "when": "2024-01-02T00:00:00Z",
       "total": None, "size": [1, 1]}]),
    ("plain", "plain", {"names": ["a", "bc"]}, {"a": 1, "bc": 2}),
    ("web", "put_item", {"number": 3, "item": ITEM, "dry": True, "x_who": "me"},
     [{"name": "tea 3 True me", "size": 2}]),
    ("web", "put_item", {"number": 3, "item": ITEM}, [{"name": "tea 3 False nobody", "size": 2}]),
    ("web", "search", {"text": "a b ä?", "kinds": "old", "session": "s"}, None),
    ("web", "search", {"text": "100%"}, {"text": "100%", "kinds": "new", "session": ""}),
    ("web", "both", {"first": ITEM, "second": 7}, {"name": "tea", "size": 7}),
    ("web", "form", {"name": "ab", "count": 2}, "abab"),
    ("web", "file", {"data": b"123", "note": "n"}, {"size": 3, "note": 1}),
)  # fmt: skip


def options(app: Shop) -> dict[str, Any]:
    return {"api_key": app.key, "endpoints": app.urls, "timeout": 120.0}


def test_a_generated_client_calls_every_endpoint(app: Shop, package: ModuleType) -> None:
    with package.Client(**options(app)) as client:
        for endpoint, method, given, wanted in CALLS:
            found = getattr(getattr(client, endpoint), method)(**given)
            assert found == wanted or wanted is None, (method, found)
        assert client.plain.plain() == {} or client.plain.plain() is None
        assert list(client.counter.count_up(until=3)) == [0, 1, 2]
        with pytest.raises(package.JobFailed, match="what is wrong") as failed:
            client.offers.fail(text="what is wrong")
        assert failed.value.status == "FAILED"
        assert (failed.value.type, failed.value.message) == ("ValueError", "what is wrong")
        assert "worker.py" in failed.value.traceback
        with pytest.raises(package.ApiError) as refused:
            client.web.put_item(number=1, item={"name": ""})
        assert refused.value.status == 422
        assert refused.value.data["detail"][0]["loc"] == ["body", "name"]


def test_so_does_its_async_form(app: Shop, package: ModuleType) -> None:
    async def calls() -> None:
        async with package.AsyncClient(**options(app)) as client:
            found = await asyncio.gather(
                *(getattr(getattr(client, e), method)(**given) for e, method, given, _ in CALLS)
            )
            for result, (_, method, _, wanted) in zip(found, CALLS, strict=True):
                assert result == wanted or wanted is None, (method, result)
            assert [part async for part in client.counter.count_up(until=3)] == [0, 1, 2]
            with pytest.raises(package.JobFailed, match="what is wrong"):
                await client.offers.fail(text="what is wrong")

    asyncio.run(calls())


_CHECKS = [
    checks.not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow]


def _documents() -> dict[str, Any]:
    """The operations that the documents of the endpoints describe."""
    with tempfile.TemporaryDirectory() as folder:
        program = compile_folder(write(Path(folder), {"worker.py": APP})).valid
    return {
        endpoint.resource: schemathesis.openapi.from_dict(document_of(endpoint, program))
        for endpoint in program.code_endpoints
    }


_DOCUMENTS = _documents()
_DOCUMENTS["offers"].config.generation.update(modes=[schemathesis.GenerationMode.POSITIVE])


@_DOCUMENTS["web"].parametrize()
@settings(deadline=None, max_examples=examples(10), suppress_health_check=_SLOW)
def test_routes_answer_as_their_document_says(case: Any, app: Shop) -> None:
    headers = {"Authorization": f"Bearer {app.key}"}
    answer = case.call(base_url=app.urls["web"], headers=headers)
    case.validate_response(answer, checks=_CHECKS)


@_DOCUMENTS["offers"].include(path_regex="runsync").parametrize()
@settings(deadline=None, max_examples=examples(10), suppress_health_check=_SLOW)
def test_jobs_answer_as_their_document_says(case: Any, app: Shop) -> None:
    """An input that fits its schema is never refused by the codec."""
    if isinstance(case.body, dict):
        case.body.pop("webhook", None)  # the platform would call it
        case.body.pop("policy", None)
    headers = {"Authorization": f"Bearer {app.key}"}
    answer = case.call(base_url=app.urls["offers"], headers=headers)
    case.validate_response(answer, checks=_CHECKS)
    assert "InvalidInput" not in str(answer.json().get("error")), (case.body, answer.text)


# Generators of the public -----------------------------------------------------------------------------

DATA = ROOT / "tests" / "data"
# What the program `right.mts` shows, in order.
SHOWN = [
    ["put_item", ["tea 3 True me"]],
    ["refused", [422, [["body", "name"]]]],
    ["search", ["a b ä?", "old"]],
    ["orders", ["blue", [1, 2], "2024-01-02T00:00:00Z"]],
    ["place_order", [[ITEM], [2, 3], None]],
    ["sold out", {"reason": "sold out"}],
    ["make", [2.5, "2024-01-02", "tea"]],
    ["size", "AgE="],
    ["fail", ["FAILED", True]],
    ["count_up", [0, 1, 2]],
]


@pytest.fixture(scope="module")
def typescript(app: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the types that `openapi-typescript` makes of the documents."""
    folder = tmp_path_factory.mktemp("typescript")
    install_packages(folder)
    for name in app.urls:
        words = (str(app.document(name)), "--default-non-nullable", "false", "-o", f"{name}.d.ts")
        done = run_package(folder, "openapi-typescript", *words)
        assert done.returncode == 0, done.stdout
    for name in ("right.mts", "wrong.mts"):
        shutil.copy(DATA / "typescript" / name, folder)
    return folder


_STRICT = ("--strict", "--module", "nodenext", "--target", "es2022")


def test_a_typescript_program_with_the_generated_types_runs(typescript: Path, app: Shop) -> None:
    done = run_package(typescript, "tsc", *_STRICT, "right.mts")
    assert done.returncode == 0, done.stdout
    urls = {name.upper(): url for name, url in app.urls.items()}
    done = run("node", typescript, "right.mjs", KEY=app.key, NO_PROXY="127.0.0.1", **urls)
    assert done.returncode == 0, done.stdout
    assert [json.loads(line) for line in done.stdout.splitlines()] == SHOWN


def test_typescript_refuses_what_the_contract_does_not_allow(typescript: Path) -> None:
    lines = (DATA / "typescript" / "wrong.mts").read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, start=1) if "// wrong: " in line}
    done = run_package(typescript, "tsc", *_STRICT, "--noEmit", "wrong.mts")
    found = re.findall(r"^wrong\.mts\((\d+),", done.stdout, re.MULTILINE)
    assert len(wrong) == 14
    assert {int(number) for number in found} == wrong, done.stdout


def test_the_commands_of_the_chapter_make_a_client(typescript: Path, tmp_path: Path) -> None:
    """The packages are those that are installed already; npm would ask for them again."""
    sections = read_sections(ROOT / "spec" / "17-contracts.md")
    (section,) = (each for each in sections if "TypeScript" in each.title)
    project = write(tmp_path / "app", section.files)
    (project / "node_modules").symlink_to(typescript / "node_modules")
    commands = [line.split() for line in section.files["client.sh"].splitlines()]
    shown = ""
    for program, *words in commands:
        if program == "npm":
            names = {word.partition("@")[0] for word in words[1:] if word[0] != "-"}
            assert words[0] == "install"
            assert all((project / "node_modules" / name).is_dir() for name in names)
        elif program == "npx":
            shown += run_package(project, *words).stdout
        else:
            assert run_flashc(project, *words).code == 0
    wrong = (
        section.files["use.mts"]
        .splitlines()
        .index(
            next(
                line for line in section.files["use.mts"].splitlines() if line.endswith("// wrong")
            )
        )
    )
    assert re.findall(r"^(\S+\.m?ts)\((\d+),", shown, re.MULTILINE) == [("use.mts", str(wrong + 1))]


def test_a_python_client_of_a_public_generator_calls_the_endpoints(
    app: Shop, tmp_path: Path
) -> None:
    python = make_environment(tmp_path / "environment", "openapi-python-client==0.29.1")
    search_path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    for name in app.urls:
        document = ("--path", str(app.document(name)), "--output-path", str(tmp_path / name))
        words = ("generate", *document, "--meta", "none", "--fail-on-warning")
        done = subprocess.run(
            [python.with_name("openapi-python-client"), *words],
            cwd=tmp_path,
            env={**os.environ, "PATH": search_path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    given = {"key": app.key, "urls": app.urls}
    done = subprocess.run(
        [python, "-I", DATA / "openapi_client.py", tmp_path, json.dumps(given)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "all calls are answered\n"
