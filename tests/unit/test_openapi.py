"""OpenAPI documents: valid, and for routes the same contract as that of FastAPI for the same code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from flashc_backends.contracts import documents, openapi
from tests.support.codec_kinds import worker
from tests.support.fastapi_routes import ROUTES
from tests.support.more_fastapi_routes import MORE_ROUTES
from tests.support.openapi_forms import operations
from tests.support.projects import EXAMPLES, Compiled, compile_files, compile_folder, unpacked

# They compile many projects, which measuring makes two to three times slower.
pytestmark = pytest.mark.no_cover

# Where the two differ: what a request or an answer has, and why.
DIFFERENT = {
    "GET /key refuses": "a class of FastAPI takes the key, and refuses nothing itself",
    "GET /bearer refuses": "a class of FastAPI takes the token, and refuses nothing itself",
    "GET /callable-dep refuses": "the dependency is an object that flashc does not evaluate",
    "POST /login body": "the form is a class of FastAPI",
    "GET /json-query parameters": "pydantic says what is in the text",
    "POST /body-text body": "a marker says another media type",
    "GET /deprecated parameters": "FastAPI hides a parameter that routes take all the same",
    "GET /returns-none answer": "FastAPI says nothing of an answer that is always null",
    "DELETE /items/{n} answer": "FastAPI says nothing of an answer that is always null",
    "GET /generator answer": "the version of FastAPI decides what it says of streams",
    "GET /plain-generator answer": "the version of FastAPI decides what it says of streams",
    "GET /typed-generator answer": "the version of FastAPI decides what it says of streams",
}


def document(compiled: Compiled) -> dict[str, Any]:
    """The document of the only endpoint."""
    (endpoint,) = compiled.valid.code_endpoints
    return openapi.document_of(endpoint, compiled.valid)


def document_of_fastapi(compiled: Compiled, folder: Path) -> dict[str, Any]:
    """What the app of the compiled artifact says of itself."""
    app = unpacked(compiled, folder)
    program = "import handler_web, json; print(json.dumps(handler_web.app.openapi()))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=app, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("routes", "count"), [(ROUTES, 66), (MORE_ROUTES, 87)])
def test_routes_have_the_contract_that_fastapi_says(
    routes: str, count: int, tmp_path: Path
) -> None:
    compiled = compile_files(tmp_path / "project", {"worker.py": routes})
    ours = operations(document(compiled))
    theirs = operations(document_of_fastapi(compiled, tmp_path / "app"))
    assert ours.keys() == theirs.keys() - {"GET /ping"}
    different = {
        f"{name} {part}": (ours[name][part], theirs[name][part])
        for name in ours
        for part in ours[name]
        if ours[name][part] != theirs[name][part]
    }
    assert different.keys() <= DIFFERENT.keys(), different
    assert len(ours) == count


@pytest.mark.parametrize("name", ["skeleton", "pipeline", "packages"])
def test_documents_are_valid(name: str) -> None:
    program = compile_folder(EXAMPLES / name).valid
    for endpoint in program.code_endpoints:
        validate(openapi.document_of(endpoint, program))
        jsonschema.Draft202012Validator.check_schema(documents.document_of(endpoint))


@pytest.mark.parametrize("source", [worker(), ROUTES, MORE_ROUTES], ids=["kinds", "routes", "more"])
def test_documents_of_every_kind_of_type_are_valid(source: str, tmp_path: Path) -> None:
    compiled = compile_files(tmp_path, {"worker.py": source})
    (endpoint,) = compiled.valid.code_endpoints
    validate(document(compiled))
    jsonschema.Draft202012Validator.check_schema(documents.document_of(endpoint))


HOSTILE = '''
from enum import Enum
from flashc import Endpoint
from pydantic import BaseModel, Field

class Größe(Enum):
    A = "</script>"

class Item(BaseModel):
    """A `*/ --> thing."""
    a: Größe = Field(alias="$ref")
    b: "dict[str, Item]" = Field({}, alias="a/b~c%d")

@Endpoint(name="kinds of {things}", cpu="cpu3c-1-2")
async def run(item: Item, __empty: int = 1, method: str = "a") -> Item: ...
'''


def test_names_with_a_meaning_in_documents_are_values(tmp_path: Path) -> None:
    compiled = compile_files(tmp_path, {"worker.py": HOSTILE})
    found = document(compiled)
    validate(found)
    items = [s for n, s in found["components"]["schemas"].items() if n.startswith("Item")]
    assert [list(item["properties"]) for item in items] == [["$ref", "a/b~c%d"]] * 2


JOBS = """
from collections.abc import Iterator
from flashc import Endpoint

@Endpoint(name="w", cpu="cpu3c-1-2")
class Work:
    def add(self, a: int, b: int = 1) -> int: ...
    def parts(self, n: int) -> Iterator[str]: ...
    def free(self, **more: int): ...
"""


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"method": "add", "a": 1}, True),
        ({"method": "add", "a": 1, "b": 2}, True),
        ({"method": "add"}, False),
        ({"method": "add", "a": "x"}, False),
        ({"method": "add", "a": 1, "c": 1}, False),
        ({"a": 1}, False),
        ({"method": "parts", "n": 1}, True),
        ({"method": "free", "x": 1, "y": 2}, True),
        ({"method": "free", "x": "one"}, False),
        ({"method": "other"}, False),
    ],
)
def test_the_input_of_a_class_names_a_method(given: Any, fits: bool, tmp_path: Path) -> None:
    found = document(compile_files(tmp_path, {"w.py": JOBS}))
    schema = {"$ref": "#/components/schemas/JobRequest", "components": found["components"]}
    assert jsonschema.Draft202012Validator(schema).is_valid({"input": given}) is fits


@pytest.mark.parametrize(
    ("source", "given", "fits"),
    [
        ("def run(): ...", {"__empty": True}, True),
        ("def run(): ...", {}, False),  # the platform discards a job with an empty input
        ("def run(a: int = 1): ...", {"a": 2}, True),
        ("def run(a: int = 1): ...", {"b": 2}, False),
        ("def run(a: int = None): ...", {"a": None}, True),
        ("def run(*rest: int): ...", {"rest": [1, 2]}, True),
        ("def run(*rest: int): ...", {"rest": ["a"]}, False),
    ],
)
def test_the_input_of_a_function(source: str, given: Any, fits: bool, tmp_path: Path) -> None:
    text = f"from flashc import Endpoint\n\n@Endpoint(name='w', cpu='cpu3c-1-2')\n{source}\n"
    found = document(compile_files(tmp_path, {"w.py": text}))
    schema = {"$ref": "#/components/schemas/JobInput", "components": found["components"]}
    assert jsonschema.Draft202012Validator(schema).is_valid(given) is fits


def test_a_decorated_function_takes_and_returns_any_data(tmp_path: Path) -> None:
    source = (
        "import library\nfrom flashc import Endpoint\n\n@Endpoint(name='w', cpu='cpu3c-1-2')\n"
        "@library.wrap\ndef run(a: int) -> int: ...\n"
    )
    found = document(compile_files(tmp_path, {"w.py": source}))["components"]["schemas"]
    schema = {key: found["JobInput"][key] for key in ("type", "properties")}
    assert schema == {"type": "object", "properties": {"__empty": {"type": "boolean"}}}
    assert found["JobOutput"] == {"title": "JobOutput"}


def test_a_default_from_the_environment_is_in_no_document(tmp_path: Path) -> None:
    source = (
        "import os\nfrom enum import Enum\nfrom flashc import Endpoint\n"
        "from pydantic import BaseModel, Field\n\nTOKEN = os.environ['TOKEN']\n"
        "Kind = Enum('Kind', {'A': TOKEN})\n\nclass Own(Enum):\n    A = TOKEN\n\n"
        "class Item(BaseModel):\n    key: str = TOKEN\n"
        "    other: str = Field(TOKEN, description=TOKEN, pattern=TOKEN, alias='o')\n\n"
        "@Endpoint(name='w', cpu='cpu3c-1-2')\n"
        "def run(item: Item, own: Own, kind: Kind, key: str = TOKEN) -> Item: ...\n"
    )
    for env in ({"TOKEN": "s3cr3t"}, {}):
        options = f"[tool.flashc.env]\nTOKEN = {json.dumps(env.get('TOKEN', 'other'))}\n"
        (tmp_path / ".env").write_text("".join(f"{k}={v}\n" for k, v in env.items()))
        files = {"w.py": source} if env else {"w.py": source, "pyproject.toml": options}
        compiled = compile_files(tmp_path, files)
        assert "s3cr3t" not in json.dumps(document(compiled))
