"""`flash.lock`: its content, its use by builds, and which endpoint needs which package."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st
from pip_requirements_parser import RequirementsFile
from uv import find_uv_bin

from flashc.cli.main import cli
from flashc_backends.dependencies.installed import installed
from flashc_backends.dependencies.lock import (
    DIRECT,
    InvalidLock,
    Lock,
    Locked,
    parse_compiled,
    read,
    render,
)
from flashc_backends.dependencies.tools import DependencyError
from flashc_core.cache import open_store
from flashc_core.diagnostics import Sink
from tests.support.projects import write

# They compile many projects, which measuring makes two to three times slower.
pytestmark = pytest.mark.no_cover

WORKERS = (
    "from runpod_flash import Endpoint\n\n"
    '@Endpoint(name="a", dependencies=["python-dateutil==2.9.0.post0"])\n'
    "async def a():\n    import dateutil\n"
    '@Endpoint(name="b", dependencies=["text-unidecode"])\n'
    "async def b():\n    import text_unidecode\n"
)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write(tmp_path / "app", {"worker.py": WORKERS})


def flashc(command: str, app: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [command, str(app), "--python-version", "3.12", *arguments])


def test_the_lock_has_hashes_reasons_endpoints_and_no_address(app: Path) -> None:
    assert flashc("lock", app).exit_code == 0
    text = (app / "flash.lock").read_text()
    assert re.search(r"python-dateutil==2\.9\.0\.post0 \\\n    --hash=sha256:[0-9a-f]{64}", text)
    assert "# endpoint a needs: python-dateutil six\n" in text
    assert "# endpoint b needs: text-unidecode\n" in text
    assert "://" not in text
    lock = read(text)
    assert lock.chain("six") == ("python-dateutil", "six")
    assert lock.chain("text-unidecode") == ("text-unidecode",)
    assert not lock.chain("numpy")
    assert render(lock) == text


def test_standard_tools_read_the_lock(app: Path) -> None:
    assert flashc("lock", app).exit_code == 0
    parsed = RequirementsFile.from_file(str(app / "flash.lock"))
    assert not parsed.invalid_lines
    assert [r.name for r in parsed.requirements] == ["python-dateutil", "six", "text-unidecode"]
    assert all(r.is_pinned and r.hash_options for r in parsed.requirements)
    command = [find_uv_bin(), "pip", "install", "--dry-run", "--require-hashes", "--no-config"]
    command += [
        "--python",
        sys.executable,
        "--target",
        str(app / "t"),
        "-r",
        str(app / "flash.lock"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Would install 3 packages" in done.stderr


def test_a_build_installs_what_the_lock_says_and_says_when_it_is_stale(app: Path) -> None:
    flashc("lock", app)
    assert flashc("build", app, "--locked").exit_code == 0
    with tarfile.open(app / ".flash" / "artifact.tar.gz") as archive:
        member = archive.extractfile("./requirements.txt")
        assert member is not None
        assert member.read().decode() == read((app / "flash.lock").read_text()).requirements
        assert "./flash.lock" not in archive.getnames()
    write(app, {"worker.py": WORKERS.replace('"text-unidecode"', '"text-unidecode<1.3"')})
    before = (app / "flash.lock").read_bytes()
    refused = flashc("build", app, "--locked")
    assert "FC412" in refused.output
    assert refused.exit_code == 1
    warned = flashc("build", app)
    assert "FC411" in warned.output
    assert warned.exit_code == 0
    assert (app / "flash.lock").read_bytes() == before


def test_without_a_lock_locked_fails_and_plain_builds_do_not(app: Path) -> None:
    assert "FC412" in flashc("build", app, "--locked").output
    assert "FC411" not in flashc("build", app).output


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"garbage\n", "it was not written by this version of flashc"),
        (b"\xff\n", "it is not UTF-8"),
        (None, "it is not a file"),
    ],
)
def test_a_lock_that_can_not_be_used_is_one_finding(
    content: bytes | None, reason: str, app: Path
) -> None:
    if content is None:
        (app / "flash.lock").mkdir()
    else:
        (app / "flash.lock").write_bytes(content)
    for options, rule in ((["--locked"], "error[FC412]"), ([], "warning[FC411]")):
        shown = flashc("build", app, *options).output
        assert [line for line in shown.splitlines() if "[FC" in line] == [
            f"{rule}: `flash.lock` can't be used: {reason}"
        ]


def test_such_a_lock_names_no_package_of_a_repository(app: Path) -> None:
    files = {"requirements.txt": "git+https://127.0.0.1:1/x.git\n", "flash.lock": "garbage\n"}
    result = flashc("build", write(app, files))
    assert isinstance(result.exception, SystemExit)
    assert "error[FC410]" in result.output


def test_versions_are_kept_until_they_are_to_be_upgraded(app: Path) -> None:
    write(app, {"worker.py": WORKERS.replace('"text-unidecode"', '"text-unidecode==1.2"')})
    flashc("lock", app)
    write(app, {"worker.py": WORKERS})
    flashc("lock", app)
    assert "text-unidecode==1.2" in (app / "flash.lock").read_text()
    flashc("lock", app, "--upgrade")
    assert "text-unidecode==1.2 " not in (app / "flash.lock").read_text()


def test_constraints_limit_and_do_not_ask(app: Path) -> None:
    files = {"requirements.txt": "-c limits.txt\n", "limits.txt": "text-unidecode<1.3\nnumpy<2\n"}
    write(app, files)
    flashc("lock", app)
    text = (app / "flash.lock").read_text()
    assert "text-unidecode==1.2" in text
    assert "numpy" not in text


def test_a_conflict_shows_who_wants_what(app: Path) -> None:
    clash = WORKERS.replace('"text-unidecode"', '"python-dateutil<2.9"')
    write(app, {"worker.py": clash.replace("text_unidecode", "dateutil")})
    shown = flashc("build", app).output
    assert "FC401" in shown
    assert "`a` asks for `python-dateutil==2.9.0.post0`" in shown
    assert "`b` asks for `python-dateutil<2.9`" in shown


@pytest.mark.parametrize("text", ["", "numpy==1\n", "# format: 9\n# python: 3.12\n# inputs: x\n"])
def test_what_flashc_did_not_write_is_refused(text: str, app: Path) -> None:
    with pytest.raises(InvalidLock):
        read(text)
    write(app, {"flash.lock": text})
    assert "FC411" in flashc("build", app).output
    assert (app / "flash.lock").read_text() == text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("six==", "--index-url http://127.0.0.1:1/simple\nsix==", "which is not a hash"),
        ("    # via", "    --no-deps\n    # via", "which is not a hash"),
        ("six==", "-r other.txt\nsix==", "which is not a hash"),
        ("\npython-dateutil==", "\n-e .\npython-dateutil==", "`-e .`, which is not a package"),
        ("six==", "six>=", "is not an exact version"),
        ("six==", "six six==", "is not a requirement"),
    ],
)
def test_a_lock_can_give_an_installer_no_options(old: str, new: str, words: str, app: Path) -> None:
    flashc("lock", app)
    text = (app / "flash.lock").read_text()
    assert old in text
    changed = text.replace(old, new, 1)
    write(app, {"flash.lock": changed})
    with pytest.raises(InvalidLock, match=re.escape(words)):
        read(changed)
    refused = flashc("build", app, "--locked")
    assert refused.exit_code == 1
    assert "FC412" in refused.output


def test_a_cached_lock_that_can_not_be_read_is_a_miss(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASHC_CACHE_DIR", str(tmp_path / "cache"))
    assert flashc("lock", app).exit_code == 0
    store = open_store()
    (entry,) = [path for path in (store.folder / "v1" / "locks").rglob("*") if path.is_file()]
    store.write("locks", entry.name, b"\xff garbage")
    (app / "flash.lock").unlink()
    assert flashc("lock", app).exit_code == 0
    assert read((app / "flash.lock").read_text()).entries


_NAMES = st.sampled_from([f"p{n}-x" for n in range(6)])
_ENTRIES = st.dictionaries(_NAMES, st.sets(st.one_of(_NAMES, st.just(DIRECT)), min_size=1))


@given(_ENTRIES, st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.sets(_NAMES)))
def test_reading_undoes_rendering(
    entries: dict[str, set[str]], endpoints: dict[str, set[str]]
) -> None:
    lock = Lock(
        inputs="0" * 64,
        python_version="3.12",
        entries=tuple(
            Locked(name, f"{name}==1.0 \\\n    --hash=sha256:{'a' * 64}", tuple(sorted(via)))
            for name, via in sorted(entries.items())
        ),
        endpoints=tuple((name, tuple(sorted(roots))) for name, roots in sorted(endpoints.items())),
    )
    assert read(render(lock)) == lock
    for name in entries:
        way = lock.chain(name)
        assert not way or (way[-1] == name and DIRECT in entries[way[0]])
    everything = lock.needed_by(entries)
    assert everything == set(entries)


def test_the_tools_own_annotations_are_understood() -> None:
    text = (
        "numpy==2 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via\n    #   pandas\n"
        "    #   scipy\npandas==3 \\\n    --hash=sha256:cc\n    # via -r /tmp/requirements.in\n"
    )
    numpy, pandas = parse_compiled(text)
    assert (numpy.via, numpy.version) == (("pandas", "scipy"), "2")
    assert pandas.via == (DIRECT,)
    assert pandas.text == "pandas==3 \\\n    --hash=sha256:cc"


def test_the_bill_of_materials_and_the_provenance_are_valid_and_say_what_is_in_it(
    app: Path,
) -> None:
    assert flashc("build", app).exit_code == 0
    first = {p.name: p.read_bytes() for p in (app / ".flash").iterdir() if p.is_file()}
    bill = first["sbom.cdx.json"].decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    document = json.loads(bill)
    assert [c["purl"].partition("@")[0] for c in document["components"]] == [
        "pkg:pypi/python-dateutil",
        "pkg:pypi/six",
        "pkg:pypi/text-unidecode",
    ]
    (app_itself,) = [d for d in document["dependencies"] if d["ref"] == "app"]
    assert len(app_itself["dependsOn"]) == 2
    record = json.loads(first["provenance.json"])
    digest = hashlib.sha256(first["artifact.tar.gz"]).hexdigest()
    assert record["subject"] == [{"name": "artifact.tar.gz", "digest": {"sha256": digest}}]
    inputs = record["predicate"]["buildDefinition"]["resolvedDependencies"]
    worker = hashlib.sha256((app / "worker.py").read_bytes()).hexdigest()
    assert {"name": "worker.py", "digest": {"sha256": worker}} in inputs
    assert str(app) not in first["provenance.json"].decode() + bill
    for name in ("artifact.tar.gz", "sbom.cdx.json"):
        (app / ".flash" / name).unlink()
        assert flashc("build", app).exit_code == 0
    assert {p.name: p.read_bytes() for p in (app / ".flash").iterdir() if p.is_file()} == first


def test_what_has_no_wheel_is_built_when_that_is_allowed_and_pure(app: Path) -> None:
    write(app, {"worker.py": WORKERS.replace('"text-unidecode"', '"docopt==0.6.2"')})
    refused = flashc("build", app)
    assert "FC402" in refused.output
    assert "`b` asks for `docopt==0.6.2`" in refused.output
    assert "--allow-build" in refused.output
    assert flashc("build", app, "--allow-build").exit_code == 0
    with tarfile.open(app / ".flash" / "artifact.tar.gz") as archive:
        assert "./docopt.py" in archive.getnames()


def test_a_published_wheel_may_have_the_tag_of_the_machine_that_built_it(tmp_path: Path) -> None:
    info = tmp_path / "fast-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: cp312-cp312-linux_x86_64\n")
    (found,) = installed(tmp_path, "3.12", Sink(), may_be_built=False)
    assert found.name == "fast"


def test_native_code_that_was_built_here_does_not_travel(tmp_path: Path) -> None:
    info = tmp_path / "fast-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: cp311-cp311-linux_x86_64\n")
    sink = Sink()
    with pytest.raises(DependencyError):
        installed(tmp_path, "3.12", sink, may_be_built=True)
    assert "it is not pure Python" in next(iter(sink)).message
