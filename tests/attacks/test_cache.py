"""A cache that somebody else has written to, and one that is emptied while builds run."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flashc.api import build_project, check_project, verify_artifact
from flashc_core.cache import Store
from tests.support.package_index import Package, package_index
from tests.support.projects import opened, write

FILES = {
    "main.py": "from runpod_flash import Endpoint\nimport tools\n\n"
    '@Endpoint(name="w", dependencies=["alpha"])\ndef f(x: int) -> int:\n    import alpha\n    return x\n',
    "tools.py": "SIZE = 3\n",
}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project that needs a package of an index on this machine."""
    with package_index({}, [Package("alpha")]) as (index, _):
        monkeypatch.setenv("UV_DEFAULT_INDEX", index)
        yield write(tmp_path / "app", FILES)


def seal(path: Path, content: bytes, cache: Path) -> None:
    """Write an entry with a seal that fits, as somebody can who knows the format and the secret."""
    kind, _, key = path.relative_to(cache / "v1").parts
    digest = hashlib.sha256(f"{kind}\0{key}\0".encode() + content).digest()
    seal = hashlib.sha256((cache / "secret").read_bytes() + digest).digest()
    path.write_bytes(content + seal)


def entries(cache: Path) -> list[Path]:
    return [path for path in sorted((cache / "v1").rglob("*")) if path.is_file()]


def test_a_changed_layer_is_not_built_in(app: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = build_project(opened(app, cache=Store(folder=cache)))
    assert first.artifact is not None, first.diagnostics
    (layer,) = (cache / "v1" / "layers").glob("*/*")
    content = gzip.decompress(layer.read_bytes()[:-32])
    assert b"VERSION = '1.0'" in content
    seal(layer, gzip.compress(content.replace(b"VERSION = '1.0'", b"VERSION = 'bad'")), cache)
    first.artifact.unlink()
    second = build_project(opened(app, cache=Store(folder=cache)))
    assert second.digest == first.digest
    assert verify_artifact(first.artifact).diagnostics == ()


@pytest.mark.parametrize("spoil", ["garbage", "swap"])
def test_an_entry_is_bound_to_its_kind_and_its_key(spoil: str, app: Path, tmp_path: Path) -> None:
    """Garbage has its own SHA-256 after it; a swapped entry is a valid one of another kind."""
    cache = tmp_path / "cache"
    first = build_project(opened(app, cache=Store(folder=cache)))
    assert first.artifact is not None
    contents = [path.read_bytes() for path in entries(cache)]
    for path, other in zip(entries(cache), [*contents[1:], contents[0]], strict=True):
        path.write_bytes(other if spoil == "swap" else b"{}" + hashlib.sha256(b"{}").digest())
    assert check_project(opened(app, cache=Store(folder=cache))).diagnostics == first.diagnostics
    first.artifact.unlink()
    second = build_project(opened(app, cache=Store(folder=cache)))
    assert (second.digest, second.diagnostics) == (first.digest, first.diagnostics)


def test_builds_go_on_while_the_cache_is_emptied(app: Path, tmp_path: Path) -> None:
    store, stop, problems = Store(folder=tmp_path / "cache"), threading.Event(), list[object]()

    def empty() -> None:
        while not stop.is_set():
            try:
                store.clear()
            except OSError as error:
                problems.append(error)

    emptying = threading.Thread(target=empty)
    emptying.start()
    try:
        for number in range(3):
            result = build_project(opened(app, cache=store, output=tmp_path / f"out{number}"))
            problems += result.diagnostics
            assert result.artifact is not None
            assert result.artifact.is_file()
    finally:
        stop.set()
        emptying.join()
    assert problems == []
