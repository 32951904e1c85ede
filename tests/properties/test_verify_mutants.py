"""Laws of `flashc verify`: it refuses every mutant of a good archive, and never crashes.

Who changes an archive may make its seal, its headers, its RECORDs and its identity anew.  What fits together
then is refused only by the provenance record of the build.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashc_backends.archive import SEAL_SIZE
from flashc_backends.artifact.artifact import build
from flashc_backends.verify.checks import verify_artifact
from flashc_core.diagnostics import Sink
from tests.support.archives import (
    files_of,
    forge_record,
    forged,
    in_order,
    put,
    sealed,
    tar_of,
)
from tests.support.package_index import Package, package_index
from tests.support.profiles import examples
from tests.support.projects import compile_files, context_of

FILES = {
    "worker.py": "from runpod_flash import Endpoint\nimport tools\n\n"
    '@Endpoint(name="w", dependencies=["alpha"])\nasync def run(x: int): return tools.twice(x)\n'
    'api = Endpoint(name="api", cpu="cpu3c-1-2")\n@api.get("/x")\nasync def x(): return {}\n',
    "tools.py": "import alpha\n\ndef twice(x): return x + x\n",
    "data/table.json": '{"a": [1, 2, 3]}',
    "data/empty.txt": "",
}
Member = tuple[tarfile.TarInfo, bytes]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good archive with a package in it, next to its provenance record."""
    folder = tmp_path_factory.mktemp("mutants")
    with package_index({}, [Package("alpha")]) as (index, _), pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_DEFAULT_INDEX", index)
        compiled = compile_files(folder / "app", FILES)
        sink = Sink()
        made = build(compiled.valid, context_of(compiled.root, sink), folder / "a.tar.gz")
    assert made is not None, [d.message for d in sink]
    return made.artifact


@pytest.fixture(scope="module")
def good(built: Path) -> bytes:
    """The bytes of the good archive."""
    return built.read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path that each mutant is written to."""
    return tmp_path_factory.mktemp("mutant") / "mutant.tar.gz"


def is_refused(data: bytes, place: Path, record: Path | None = None) -> bool:
    """Verify an archive, with a provenance record or without; only a finding about it refuses it."""
    place.write_bytes(data)
    sink = Sink()
    verify_artifact(place, sink, provenance=record)
    return any(found.rule.code == "FC413" for found in sink)


@st.composite
def bytes_changed(draw: st.DrawFn, data: bytes) -> bytes:
    """Return the bytes with a few of them changed, removed, added, repeated or moved."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        end = min(len(data), at + draw(st.integers(1, 40)))
        match draw(st.sampled_from(["flip", "remove", "add", "repeat", "cut", "move"])):
            case "flip":
                data = data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
            case "remove":
                data = data[:at] + data[end:] or data
            case "add":
                data = data[:at] + draw(st.binary(min_size=1, max_size=9)) + data[at:]
            case "repeat":
                data = data[:end] + data[at:end] + data[end:]
            case "cut":
                data = data[: at + 1]
            case _:
                data = data[at:] + data[:at]
    return data


def members_of(data: bytes) -> list[Member]:
    """Return the members of an archive with their contents."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found: list[Member] = []
        for info in archive:
            stream = archive.extractfile(info)
            found.append((info, b"" if stream is None else stream.read()))
        return found


NAMES = st.sampled_from(
    ["./worker.py", "./x.py", "x", "/etc/x", "../x", "./a/../../x", "./handler_w.py", "./é.py", "."]
    + [
        "./flash_manifest.json",
        "./requirements.txt",
        "./alpha-1.0.dist-info/RECORD",
        "./_flashc/x.py",
    ]
)
CONTENTS = st.binary(max_size=60) | st.sampled_from(
    [
        b"{}",
        b"[]",
        b"null",
        b"[" * 5000,
        b"alpha==1.0\n",
        b"a,b\n",
        b"\0",
        b"def f(:\n",
        b"MODULES = 5\n",
    ]
)


@st.composite
def members_changed(draw: st.DrawFn, data: bytes) -> bytes:
    """Return an archive with members added, removed, renamed, moved or changed, in form or content."""
    members = members_of(data)
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(members) - 1))
        info, content = members[index]
        match draw(st.sampled_from("add remove rename move content header kind twice".split())):
            case "add":
                members.insert(index, (tarfile.TarInfo(draw(NAMES)), draw(CONTENTS)))
            case "remove":
                members = members[:index] + members[index + 1 :] or members
            case "rename":
                info.name = draw(NAMES)
            case "move":
                members.insert(draw(st.integers(0, len(members) - 1)), members.pop(index))
            case "content":
                members[index] = (info, draw(CONTENTS))
            case "header":
                field = draw(st.sampled_from(["mtime", "uid", "gid", "mode", "uname", "gname"]))
                text = field.endswith("name")
                setattr(
                    info, field, draw(st.text("ab/é", max_size=5) if text else st.integers(0, 4095))
                )
            case "kind":
                info.type = draw(
                    st.sampled_from([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
                )
                info.linkname = draw(NAMES)
            case _:
                members.insert(index, (info, content))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=draw(st.sampled_from([0, 1, 2]))) as archive:
        for info, content in members:
            info.size = len(content) if info.isreg() else 0
            info.pax_headers = {}
            try:
                archive.addfile(info, io.BytesIO(content))
            except ValueError:  # this format can't write the header
                continue
    return stream.getvalue()


@settings(max_examples=examples(200))
@given(st.data())
def test_changed_bytes_are_refused(good: bytes, place: Path, data: st.DataObject) -> None:
    mutant = data.draw(bytes_changed(good))
    if mutant != good:
        assert is_refused(mutant, place)


@settings(max_examples=examples(100))
@given(st.data())
def test_changed_members_are_refused(good: bytes, place: Path, data: st.DataObject) -> None:
    packed = gzip.compress(data.draw(members_changed(good)), 1)
    assert is_refused(packed + data.draw(st.sampled_from([b"", good[-SEAL_SIZE:]])), place)


@settings(max_examples=examples(100))
@given(st.data())
def test_who_seals_a_mutant_crashes_nothing(
    good: bytes, built: Path, place: Path, data: st.DataObject
) -> None:
    """The seal alone proves nothing against someone who makes it anew; the provenance record does."""
    tar = data.draw(members_changed(good))
    assert is_refused(sealed(tar), place, built.with_name("provenance.json"))


@st.composite
def one_change(draw: st.DrawFn, data: bytes) -> bytes:
    """Return an archive in which one thing is changed and all the rest is as flashc writes it."""
    files = files_of(data)
    path = draw(st.sampled_from(sorted(files)))
    info, content = files[path]
    match draw(st.sampled_from("add remove rename order twice header pax kind content".split())):
        case "add":
            put(files, draw(NEW_NAMES), draw(CONTENTS))
            files = in_order(files)
        case "remove":
            del files[path]
        case "rename":
            files[draw(NEW_NAMES)] = files.pop(path)
            files = in_order(files)
        case "order":
            files = {path: files.pop(path), **files} if path != next(iter(files)) else {}
        case "twice":
            tar = tar_of(files)
            end = tar_of({path: files[path]})
            return tar.rstrip(b"\0") + bytes(-len(tar.rstrip(b"\0")) % 512) + end
        case "header":
            field, value = draw(st.sampled_from(sorted(HEADERS)))
            setattr(info, field, value)
        case "pax":
            return tar_of(files, {"comment": draw(st.text("ab/é", min_size=1, max_size=600))})
        case "kind":
            info.type = draw(st.sampled_from(KINDS))
            info.linkname = draw(st.sampled_from(["worker.py", "/etc/passwd", "../x"]))
            files[path] = (info, b"")
        case _:
            at = draw(st.integers(0, len(content)))
            changed = content[:at] + draw(st.binary(min_size=1, max_size=3)) + content[at:]
            files[path] = (info, changed)
    return tar_of(files)


NEW_NAMES = st.sampled_from(
    "new.py alpha/new.py _flashc/new.py _flashc/stubs/new.py handler_new.py data/é.txt "
    "alpha-1.0.dist-info/new beta-1.0.dist-info/RECORD sitecustomize.py new.pth bin/new".split()
)
HEADERS = {
    *((name, value) for name in ("uid", "gid") for value in (1, 1000, 2**21)),
    *(("mode", value) for value in (0, 0o600, 0o666, 0o755, 0o777, 0o4755, 0o2644, 0o1644)),
    *(("mtime", value) for value in (0, 1, 315532801, 2**33)),
    *(("uname", "root"), ("gname", "wheel"), ("devmajor", 1), ("devminor", 1)),
}
KINDS = [
    *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE),
    *(tarfile.BLKTYPE, tarfile.CONTTYPE, tarfile.AREGTYPE, tarfile.GNUTYPE_SPARSE),
]


@settings(max_examples=examples(100))
@given(st.data())
def test_one_change_is_refused_even_with_a_new_seal(
    good: bytes, place: Path, data: st.DataObject
) -> None:
    tar = data.draw(one_change(good))
    if tar != tar_of(files_of(good)):
        assert is_refused(sealed(tar), place)


@settings(max_examples=examples(60))
@given(st.data())
def test_a_forger_is_refused_by_the_provenance_record(
    good: bytes, built: Path, place: Path, data: st.DataObject
) -> None:
    """He computes the RECORD, the identity, the headers and the seal anew: a wheel's file, the project, the manifest."""
    files = files_of(good)
    path = data.draw(st.sampled_from(sorted(files)))
    info, content = files[path]
    files[path] = (info, content + data.draw(st.sampled_from([b" ", b"\n", b"#", b"x"])))
    forge_record(files)
    mutant = forged(files, place).read_bytes()
    assert is_refused(mutant, place, built.with_name("provenance.json"))


def test_a_record_of_another_artifact_refuses_it(
    good: bytes, built: Path, place: Path, tmp_path: Path
) -> None:
    record = built.with_name("provenance.json")
    assert not is_refused(good, place, record)
    other = tmp_path / "provenance.json"
    other.write_bytes(
        record.read_bytes().replace(hashlib.sha256(good).hexdigest().encode(), b"0" * 64)
    )
    assert is_refused(good, place, other)
    assert is_refused(good, place, tmp_path / "missing.json")


def test_every_byte_counts(good: bytes, place: Path) -> None:
    """Each byte of the seal, and of the headers of the first and the last gzip member."""
    assert not is_refused(good, place)
    for at in (*range(16), *range(len(good) - SEAL_SIZE - 16, len(good))):
        assert is_refused(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], place), at


def test_every_byte_of_every_header_counts(good: bytes, place: Path) -> None:
    """Of the first file of a package, and of a file of the project, even with a new seal."""
    tar = gzip.decompress(good)
    for name in (b"./alpha", b"./worker.py"):
        begin = tar.index(name)
        for at in range(begin, begin + 512):
            changed = tar[:at] + bytes([tar[at] ^ 1]) + tar[at + 1 :]
            assert is_refused(sealed(changed), place), (name, at - begin)


@pytest.mark.parametrize(
    "path",
    "flash_manifest.json handler_w.py _flashc/app.py worker.py alpha/__init__.py".split(),
)
def test_another_header_of_a_file_is_refused_even_with_a_new_seal(
    good: bytes, place: Path, path: str
) -> None:
    for field, value in sorted(HEADERS):
        files = files_of(good)
        setattr(files[path][0], field, value)
        if tar_of(files) != tar_of(files_of(good)):
            assert is_refused(sealed(tar_of(files)), place), (path, field, value)
