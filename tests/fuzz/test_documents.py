"""Wrong documents that flashc reads on their own: each reader answers with a value, or refuses with its own error."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import strategies as st

from flashc.api import check_project, emit_target
from flashc.cli.saved_plan import read_plan
from flashc.frontend.trace_answer import TraceFailed, common_answer, read_answer
from flashc.project.user_options import FILE_VARIABLE, user_options
from flashc_backends.cloud.keys import KeyFileError, find_key, remove_key, save_key
from flashc_backends.dependencies.lock import InvalidLock, parse_compiled, read, render
from flashc_backends.dependencies.record import InvalidRecord, has_hash, read_record, write_record
from flashc_backends.manifest.documents import InvalidDocument, known_part, read_document
from flashc_backends.manifest.endpoint_record import EndpointRecord
from flashc_backends.manifest.manifest_model import Manifest
from flashc_backends.platform.fault_file import WrongFaults, read_faults, unknown_endpoints
from flashc_core.credential_files import why_credentials
from flashc_core.credentials import masked
from flashc_core.diagnostics import Sink
from flashc_core.documents import UnreadableDocument, parse_json, parse_toml
from flashc_core.encoding import Undecodable, decode, encode
from flashc_ir import codec
from tests.support import valid_documents as valid
from tests.support.fuzzing import Reader, corpus, fuzz
from tests.support.mutations import (
    as_json,
    as_toml,
    wrong_bytes,
    wrong_document,
    wrong_parts,
)
from tests.support.projects import compile_files, opened, write

FUNCTION = {
    "module": "worker",
    "qualname": "run",
    "file": "worker.py",
    "line": 4,
    "kind": "function",
}
SITE = {"file": "worker.py", "module": "worker", "position": [3, 3, 1, 20]}
TRACED = {
    "endpoints": [
        {
            **SITE,
            "dialect": "flash",
            "arguments": {
                "name": {"value": "w"},
                "gpu": {"enum": ["GpuGroup", "ANY"]},
                "env": {"pairs": [[{"value": "A"}, {"parts": ["x", "HOME", "y"]}]]},
                "workers": {"sequence": ["tuple", [{"value": 0}, {"value": 3}]]},
                "volume": {"sdk": "NetworkVolume", "dialect": "flash", "arguments": {"name": {"variable": "V"}}},
                "other": {"unknown": "it is a socket"},
            },
            "problem": None,
            "targets": [{**SITE, "target": FUNCTION}],
            "routes": [{**SITE, "method": "GET", "path": {"value": "/x"}, "target": FUNCTION}],
        }
    ],
    "failed": {"tools": "ValueError: x"},
}  # fmt: skip


def refused_by(
    *errors: type[Exception],
) -> Callable[[Callable[[Any], object]], Callable[[Any], None]]:
    """Make a reader of a function that refuses wrong input with these exceptions."""

    def wrap(function: Callable[[Any], object]) -> Callable[[Any], None]:
        def run(given: Any) -> None:
            with suppress(*errors):
                function(given)

        return run

    return wrap


def in_file(name: str, function: Callable[[Path], object]) -> Callable[[bytes], None]:
    """Make a reader of a file's content from one of its path."""

    def run(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(content)
            function(path)

    return run


@refused_by(InvalidLock)
def read_lock(data: bytes) -> None:
    """Read a lock, and everything that its entries say."""
    text = data.decode("utf-8", "replace")
    parse_compiled(text)
    lock = read(text)
    for entry in lock.entries:
        str(entry.source)
        assert entry.version is not None
        entry.with_hashes(entry.hashes).with_source("x")
        lock.chain(entry.name)
    lock.needed_by(name for _, names in lock.endpoints for name in names)
    assert read(render(lock)).entries == lock.entries


@refused_by(InvalidRecord)
def read_installed_files(data: bytes) -> None:
    """Read a RECORD, and compare its hashes."""
    entries = read_record(data.decode("utf-8", "replace"))
    for entry in entries:
        has_hash(entry, "00" * 32, b"x")
    write_record(entries)


@refused_by(TraceFailed)
def read_two_answers(given: tuple[bytes, bytes]) -> None:
    """Read the answers of two runs of `--trace`, and compare them."""
    one, other = (read_answer(data, {"worker", "tools"}, {"flash"}) for data in given)
    common_answer(one, other)
    common_answer(one, one)


def read_user_options(data: bytes) -> None:
    """Read the user's own options from a file."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder, "config.toml")
        path.write_bytes(data)
        patch.setenv(FILE_VARIABLE, str(path))
        user_options(Sink())
        check_project(opened(write(Path(folder) / "app", {"worker.py": valid.SMALL_WORKER})))


@refused_by(KeyFileError)
def change_key_file(path: Path) -> None:
    """Find, write and remove the key in a file; the rest of the file keeps its meaning."""
    with suppress(KeyFileError):
        find_key({}, path)
    save_key(path, "rpa_new")
    found = find_key({}, path)
    assert found is not None
    assert found.value == "rpa_new"
    assert remove_key(path)


@refused_by(WrongFaults)
def read_fault_file(data: bytes) -> None:
    """Read a file of faults, and look for its endpoints."""
    text = data.decode("utf-8", "replace")
    unknown_endpoints(read_faults(text), {"w"}, text)


@refused_by(InvalidDocument)
def read_manifest(data: bytes) -> None:
    """Read a manifest, also one that has more keys than flashc knows."""
    with suppress(UnreadableDocument):
        known_part(parse_json(data), Manifest)
    read_document(data, Manifest)


@refused_by(Undecodable)
def decode_source(data: bytes) -> None:
    """Decode a Python file, and encode its text again."""
    encode(decode(data)[0])


def find_credentials(data: bytes) -> None:
    """Look for credentials in a file's content and in a text."""
    for name in ("service.json", "id_rsa", "a.pem", "x.txt"):
        why_credentials(name, len(data), lambda: data)
    masked(data.decode("utf-8", "replace"))


def of_program(folder: Path) -> tuple[bytes, dict[str, Any]]:
    """Return a program as JSON text, and its manifest."""
    compiled = compile_files(folder, {"worker.py": valid.WORKER, "tools.py": valid.TOOLS})
    text = codec.dump(compiled.valid).encode()
    (manifest,) = emit_target(opened(folder), "manifest").drafts
    return text, parse_json(manifest.read())


with tempfile.TemporaryDirectory() as _folder:
    PROGRAM, MANIFEST = of_program(Path(_folder))

ANSWERS = wrong_parts(TRACED).map(as_json) | wrong_bytes(as_json(TRACED))
SECRETS = ["-----BEGIN PRIVATE KEY-----\nAAAA\n", '{"type": "service_account", "private_key": "x"}', "ghp_" + "a1" * 18]  # fmt: skip
READERS = [
    Reader("flash.lock", wrong_bytes(valid.LOCK, words=["    # via", "# endpoint w asks for: x", "\\\n", "@ "]), read_lock, 80),
    Reader("RECORD", wrong_bytes(valid.RECORD), read_installed_files, 200),
    Reader("answers of --trace", st.tuples(ANSWERS, ANSWERS), read_two_answers, 200),
    Reader("manifest", wrong_document([MANIFEST], as_json), read_manifest, 30),
    Reader("record of an endpoint", wrong_document([{"left_to_others": ["x"]}], as_json),
           refused_by(InvalidDocument)(lambda data: read_document(data, EndpointRecord)), 60),
    Reader("program", wrong_document([parse_json(PROGRAM)], as_json),
           refused_by(codec.CodecError)(lambda data: codec.load(data.decode("utf-8", "replace"))), 60),
    Reader("saved plan", wrong_document([{"app": "a", "environment": "e", "steps": []}], as_json),
           in_file("plan.json", refused_by(click.ClickException)(read_plan)), 60),
    Reader("faults", wrong_bytes(valid.FAULTS, (Path(__file__).parents[2] / "spec/faults.toml").read_bytes()), read_fault_file, 15),
    Reader("config.toml of the user", wrong_document([valid.USER_OPTIONS], as_toml), read_user_options, 40),
    Reader("config.toml with the key", wrong_bytes(valid.KEY_FILE, words=["[default]", "api_key = ", "apikey='x'\n", "[[default]]", "default.api_key=1\n"]),
           in_file("config.toml", change_key_file), 60),
    Reader("TOML", wrong_document([valid.PYPROJECT], as_toml, *corpus("*.toml")),
           refused_by(UnreadableDocument)(lambda data: parse_toml(data.decode("utf-8", "replace"))), 100),
    Reader("JSON", wrong_document([valid.JSON_DATA], as_json, *corpus("*.json")), refused_by(UnreadableDocument)(parse_json), 100),
    Reader("encodings of sources", wrong_bytes(valid.WORKER, "# coding: latin-1\nx = 'é'\n".encode("latin-1"), words=["# coding: utf-7\n", "# coding: rot13\n", "# coding: undefined\n", "# coding: idna\n", "# vim: set fileencoding=mbcs :\n", "# coding: utf-16\n", "# coding: cp037\n", "# coding: punycode\n", "# coding: unicode_escape\n", "# coding: zlib\n", "# coding: \0\n"]), decode_source, 100),
    Reader("credentials", wrong_bytes(*SECRETS, *corpus("*.env*", "*.json", most=10)), find_credentials, 60),
]  # fmt: skip


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_wrong_document_is_refused(reader: Reader) -> None:
    fuzz(reader)
