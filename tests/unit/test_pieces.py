"""A build packs and verifies only the pieces of the archive that have changed, with the same result."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from flashc_backends import archive
from flashc_backends.archive import archive_mtime, write_archive
from flashc_backends.artifact.artifact import build
from flashc_backends.base import Draft, Services
from flashc_backends.verify import contents
from flashc_backends.verify.checks import verify_build
from flashc_core.cache import Store, disabled_cache
from flashc_core.diagnostics import Sink
from tests.support.projects import compile_files, context_of

# They run the same code hundreds of times, which measuring makes three times slower.
pytestmark = pytest.mark.no_cover

FILES = {
    "a.py": "from runpod_flash import Endpoint\n\n"
    '@Endpoint(name="a")\nasync def run(x: int):\n    from tools import part\n    return part.f(x)\n',
    "b.py": 'from runpod_flash import Endpoint\n\n@Endpoint(name="b")\nasync def go(x: int): return x\n',
    "tools/__init__.py": "",
    "tools/part.py": "import json\n\ndef f(x): return x\n",
    "note.txt": "n",
}
Drafts = dict[str, bytes]


def _remove(path: str) -> Callable[[Drafts], object]:
    return lambda drafts: drafts.pop(path)


def _replace(path: str, old: bytes, new: bytes) -> Callable[[Drafts], object]:
    def change(drafts: Drafts) -> None:
        assert old in drafts[path]
        drafts[path] = drafts[path].replace(old, new)

    return change


CHANGES: dict[str, tuple[Callable[[Drafts], object], bool]] = {  # the identity shows each of them
    "module": (_remove("tools/part.py"), True),  # an import in another piece has another meaning
    "package": (_remove("tools/__init__.py"), True),
    "both": (lambda d: (d.pop("tools/part.py"), d.pop("tools/__init__.py")), True),
    "endpoint": (_remove("a.py"), True),
    "runtime": (_remove("_flashc/queue.py"), True),
    "handler": (_replace("handler_b.py", b"'b'", b"'c'"), True),
    "modules": (_replace("handler_b.py", b"('b',)", b"()"), True),
    "function": (_replace("b.py", b"def go", b"def gone"), True),
    "syntax": (_replace("b.py", b"async def", b"async def\0"), True),
    "import": (_replace("tools/part.py", b"import json", b"import nosuchpackage"), True),
    "import before": (_replace("b.py", b"@Endpoint", b"import tools.part\n@Endpoint"), True),
    "standard library": (lambda d: d.update({"json.py": b"import nosuchpackage\n"}), True),
    "image": (lambda d: d.update({"handler.py": b""}), True),
    "key": (lambda d: d.update({"k.pem": b"-----BEGIN PRIVATE KEY-----"}), True),
    "text": (_replace("note.txt", b"n", b"m"), True),
    "nothing": (lambda d: None, False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_cached_pieces_change_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_FILES_OF_A_PIECE", 1)  # each file is a piece
    monkeypatch.setattr(contents, "_MANY", 1)  # other processes parse, also a single module
    compiled = compile_files(tmp_path / "app", FILES)
    made = build(compiled.valid, context_of(compiled.root, Sink()), tmp_path / "a.tar.gz")
    assert made is not None
    before = {d.path: d.read() for d in made.parts.drafts}
    after = dict(before)
    change, is_found = CHANGES[name]
    change(after)
    cache = Store(folder=tmp_path / "cache")
    for state, is_broken in (
        (before, False),
        (after, is_found),
        (before, False),
        (after, is_found),
    ):
        drafts = [Draft(path=path, content=content) for path, content in state.items()]
        bytes_and_problems: list[tuple[bytes, list[str]]] = []
        for each in (cache, disabled_cache()):
            target = tmp_path / "x.tar.gz"
            pieces = write_archive(target, drafts, [], archive_mtime({}), cache=each)
            assert len(pieces) == len(drafts)
            services = Services(sink=Sink(), compiler="this", cache=each)
            verify_build(target, [], pieces, services)
            found = [f"{d.path}: {d.message}" for d in services.sink]
            bytes_and_problems.append((target.read_bytes(), found))
        assert bytes_and_problems[0] == bytes_and_problems[1]
        assert bool(bytes_and_problems[0][1]) == is_broken


def test_an_edit_changes_one_piece(tmp_path: Path) -> None:
    drafts = {f"m{n}.py": b"x = 1\n" for n in range(2_000)}

    def written(state: Drafts) -> list[bytes]:
        target = tmp_path / "x.tar.gz"
        listed = [Draft(path=path, content=content) for path, content in state.items()]
        sizes, data = write_archive(target, listed, [], 0), target.read_bytes()
        ends = [sum(sizes[:number]) for number in range(len(sizes) + 1)]
        return [data[begin:end] for begin, end in pairwise(ends)]

    before = written(drafts)
    assert 16 < len(before) < 64
    for edit in ({"m7.py": b"x = 2\n"}, {"added.py": b""}, {"m1000.py": b"1" * 10_000}):
        after = written(drafts | edit)
        assert len(set(after) - set(before)) == 1


def test_a_large_file_is_a_piece_by_itself(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 2_000_000)
    large = Draft(path="m5", content=tmp_path / "large")
    drafts = [Draft(path=f"m{n}", content=b"") for n in range(10) if n != 5]
    cache = Store(folder=tmp_path / "cache")
    pieces = write_archive(tmp_path / "x.tar.gz", [*drafts, large], [], 0, cache=cache)
    assert len(pieces) == 3
    assert [usage.entries for usage in cache.usage()] == [2]


def test_a_byte_that_changes_on_disk_is_found_although_the_piece_is_known(tmp_path: Path) -> None:
    compiled = compile_files(tmp_path / "app", FILES)
    made = build(compiled.valid, context_of(compiled.root, Sink()), tmp_path / "a.tar.gz")
    assert made is not None
    target, cache = tmp_path / "x.tar.gz", Store(folder=tmp_path / "cache")
    pieces = write_archive(target, made.parts.drafts, [], archive_mtime({}), cache=cache)
    verify_build(target, [], pieces, Services(sink=Sink(), compiler="this", cache=cache))
    data = bytearray(target.read_bytes())
    target.write_bytes(bytes(data) + b"more")
    services = Services(sink=Sink(), compiler="this", cache=cache)
    verify_build(target, [], pieces, services)
    assert "it continues after its last file" in next(iter(services.sink)).message
    data[len(data) // 2] ^= 1
    target.write_bytes(data)
    services = Services(sink=Sink(), compiler="this", cache=cache)
    verify_build(target, [], pieces, services)
    assert "the archive can't be read" in next(iter(services.sink)).message
