"""A law of the cache: whatever others have put into its folder, a command gives what it gives with an empty cache."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashc.api import build_project, check_project
from flashc_core.cache import Store
from tests.support.fuzzing import limits
from tests.support.mutations import BYTE_EDITS, changed_bytes, edits
from tests.support.package_index import Package, package_index
from tests.support.profiles import examples
from tests.support.projects import opened, write

APP = {
    "main.py": "from runpod_flash import Endpoint\nimport tools\nimport base\n\n"
    '@Endpoint(name=f"w-{tools.NAME}", dependencies=["alpha", "beta @ ./lib"], workers=1, no=2)\n'
    "def f(x: int) -> int:\n    import alpha\n    return base.f(x)\n",
    "tools.py": "import base\nNAME = base.NAME\n",
    "base.py": 'import os\nNAME = os.environ.get("STAGE", "dev")\ndef f(x): return x\n',
    "lib/pyproject.toml": '[project]\nname = "beta"\nversion = "1"\n'
    '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n',
    "data/table.json": "{}",
}
BUILT = {name: text.replace(", no=2", "").replace(', "beta @ ./lib"', "") for name, text in APP.items()}  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """Two projects, the folder of their cache, and what a check and a build give without a cache."""

    wrong: Path
    right: Path
    cache: Path
    found: str
    digest: str | None

    def run(self) -> None:
        """Check and build with the cache, and compare."""
        store = Store(folder=self.cache)
        assert repr(check_project(opened(self.wrong, cache=store))) == self.found
        artifact = self.right / ".flash" / "artifact.tar.gz"
        artifact.unlink(missing_ok=True)
        built = build_project(opened(self.right, cache=store))
        assert built.digest == self.digest, built.diagnostics
        assert built.diagnostics == ()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("forged")
    with package_index({}, [Package("alpha")]) as (index, _), pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_DEFAULT_INDEX", index)
        wrong, right = write(folder / "wrong", APP), write(folder / "right", BUILT)
        empty = Store(folder=folder / "empty")
        found = repr(check_project(opened(wrong, cache=empty)))
        digest = build_project(opened(right, cache=empty)).digest
        stage = Stage(wrong, right, folder / "cache", found, digest)
        assert digest is not None
        for _ in range(2):
            stage.run()
        shutil.copytree(stage.cache, folder / "good")
        yield stage


def restored(stage: Stage) -> Stage:
    """Return the stage with a cache that has all entries."""
    shutil.rmtree(stage.cache, ignore_errors=True)
    shutil.copytree(stage.cache.with_name("good"), stage.cache)
    return stage


def entries(cache: Path) -> list[Path]:
    return sorted(path for path in (cache / "v1").rglob("*") if path.is_file())


def sealed(path: Path, content: bytes, cache: Path, *, knows_secret: bool) -> bytes:
    """Return an entry with a digest that fits, as somebody writes it who knows the format."""
    kind, _, key = path.relative_to(cache / "v1").parts
    digest = hashlib.sha256(f"{kind}\0{key}\0".encode() + content).digest()
    if knows_secret:
        digest = hashlib.sha256((cache / "secret").read_bytes() + digest).digest()
    return content + digest


TRUSTED = frozenset(("pieces", "layers", "wheels", "wheel-names", "runtime", "locks"))
"""Kinds whose content is text or bytes, which are right if somebody has written them who knows the secret."""


def test_the_commands_write_entries_of_many_kinds(stage: Stage) -> None:
    listed = entries(restored(stage).cache)
    kinds = {path.relative_to(stage.cache / "v1").parts[0] for path in listed}
    assert len(kinds) >= 12, kinds
    assert len(listed) >= 20


@settings(max_examples=examples(25))
@given(
    number=st.integers(0, 2**20),
    how=st.sampled_from(["bytes", "parts", "other", "empty", "plain digest", "cut"]),
    todo=edits(BYTE_EDITS),
)
def test_a_forged_entry_is_a_miss(
    stage: Stage, number: int, how: str, todo: list[tuple[str, int, int, int]]
) -> None:
    """Also one by somebody who knows the secret, if its content is of another type at any depth."""
    good = restored(stage)
    listed = entries(good.cache)
    path, other = listed[number % len(listed)], listed[number // 7 % len(listed)]
    content = path.read_bytes()[:-32]
    knows = True
    if how == "bytes":
        content, knows = changed_bytes(content, todo, [b"\x90", b"\xc1", b"\xff", b"\0"]), False
    elif how == "parts":
        content = of_another_type(content, number)
    elif how == "other" and other.parts[-3] != path.parts[-3]:
        content = other.read_bytes()[:-32]
    elif how == "plain digest":
        content, knows = content[::-1], False
    else:
        content = content[: len(content) // 3] if how == "cut" else b""
    knows = knows and path.parts[-3] not in TRUSTED
    path.write_bytes(sealed(path, content, good.cache, knows_secret=knows))
    good.run()


def of_another_type(content: bytes, number: int) -> bytes:
    """Return the content with one of its parts replaced by a value that no type of an entry has.

    A part that is encoded itself is decoded first, so that parts at any depth are reached.
    """
    try:
        document = msgspec.msgpack.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return b"\xc1" + content
    places = list(parts_of(document))
    if not places:
        return msgspec.msgpack.encode(NO_VALUE)
    holder, key = places[number % len(places)]
    inside = holder[key]
    is_encoded = isinstance(inside, bytes) and number % 3
    holder[key] = of_another_type(inside, number // 3) if is_encoded else NO_VALUE
    return msgspec.msgpack.encode(document)


NO_VALUE = msgspec.msgpack.Ext(5, b"forged")


def parts_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each part of a document as the dict or list that contains it, and its key."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    for key, inner in list(pairs):
        yield value, key
        yield from parts_of(inner)


# Other things than files -----------------------------------------------------------------------------


def fifo(path: Path) -> None:
    os.mkfifo(path)


def huge(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(2**40)


def unreadable(path: Path) -> None:
    path.write_bytes(b"x" * 100)
    path.chmod(0)


def of_another_user(path: Path) -> None:
    path.write_bytes(KEPT[path])
    os.chown(path, 12345, 12345)


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def folder(path: Path) -> None:
    (path / "inside").mkdir(parents=True)


KEPT: dict[Path, bytes] = {}
THINGS: dict[str, Callable[[Path], None]] = {
    "pipe": fifo,
    "folder": folder,
    "huge file": huge,
    "unreadable file": unreadable,
    "endless file": link_to("/dev/zero"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to nothing": link_to("/nowhere/at/all"),
    "link to a file": link_to("/etc/passwd"),
    "empty file": Path.touch,
    "nothing": lambda path: None,
}
if os.geteuid() == 0:
    THINGS["file of another user"] = of_another_user


@pytest.mark.parametrize("place", ["entries", "secret", ".pruned", "CACHEDIR.TAG"])
@pytest.mark.parametrize("thing", THINGS)
def test_what_is_no_file_of_the_user_is_a_miss(thing: str, place: str, stage: Stage) -> None:
    cache = restored(stage).cache
    for path in entries(cache) if place == "entries" else [cache / place]:
        KEPT[path] = path.read_bytes() if path.is_file() else b""
        path.unlink(missing_ok=True)
        THINGS[thing](path)
    with limits():
        stage.run()
        stage.run()


@pytest.mark.parametrize("thing", ["link to a folder", "file", "pipe", "read-only folder"])
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_what_is_no_folder_of_the_cache_is_no_cache(
    thing: str, depth: int, stage: Stage, tmp_path: Path
) -> None:
    """At the cache itself, at its format, at a kind, or at a part of a kind."""
    cache = restored(stage).cache
    path = [cache, cache / "v1", cache / "v1" / "checks", next((cache / "v1" / "checks").iterdir())][depth]  # fmt: skip
    if thing == "read-only folder":
        path.chmod(0o500)
    else:
        shutil.rmtree(path)
        match thing:
            case "link to a folder":
                path.symlink_to(tmp_path)
            case "file":
                path.touch()
            case _:
                os.mkfifo(path)
    stage.run()
    if thing == "read-only folder":
        path.chmod(0o700)
    elif depth == 0:
        path.unlink()
