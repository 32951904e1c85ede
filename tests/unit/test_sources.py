"""What a project says about the origin of a package decides which bytes are in the artifact."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from flashc.cli.main import cli
from tests.support.package_index import Package
from tests.support.package_stage import FORK, PRIVATE, WORKER, Stage, staged


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with staged(tmp_path, monkeypatch) as stage:
        yield stage


def wheel(text: bytes = FORK, version: str = "99.0") -> bytes:
    """Return a wheel of `gauge`."""
    return Package("gauge", version, module_text=text.decode()).content()


def files_of(content: bytes) -> dict[str, bytes]:
    """Return the modules in a wheel."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {n: archive.read(n) for n in archive.namelist() if n.endswith("/__init__.py")}


WHEEL = "gauge-99.0-py3-none-any.whl"
FORKS: dict[str, dict[str, str | bytes]] = {
    "a wheel in requirements.txt": {"requirements.txt": f"./wheels/{WHEEL}\n"},
    "a wheel relative to an included file": {
        "requirements.txt": "-r conf/base.txt\n",
        "conf/base.txt": f"../wheels/{WHEEL} ; python_version >= '3.8'\n",
    },
    "a name at a path": {"requirements.txt": f"gauge @ ./wheels/{WHEEL}\n"},
    "a folder with an unusual name": {
        "requirements.txt": f"./📦/{WHEEL}\n",
        f"📦/{WHEEL}": wheel(),
    },
    "dependencies=": {
        "worker.py": WORKER.replace(
            'cpu="cpu3c-1-2"', f'cpu="cpu3c-1-2", dependencies=["./wheels/{WHEEL}"]'
        )
    },
    "a source of uv": {
        "pyproject.toml": '[project]\nname = "app"\nversion = "1"\ndependencies = ["gauge"]\n'
        f'[tool.uv.sources]\ngauge = {{ path = "wheels/{WHEEL}" }}\n'
    },
    "a source of uv with a marker": {
        "pyproject.toml": '[project]\nname = "app"\nversion = "1"\ndependencies = ["gauge"]\n'
        "[tool.uv.sources]\ngauge = [\n"
        '  { path = "nowhere.whl", marker = "sys_platform == \'win32\'" },\n'
        f'  {{ path = "wheels/{WHEEL}", marker = "sys_platform == \'linux\'" }},\n]\n'
    },
    "a table of Poetry": {
        "pyproject.toml": '[tool.poetry]\nname = "app"\nversion = "1"\n'
        f'[tool.poetry.dependencies]\npython = "^3.11"\ngauge = {{ path = "wheels/{WHEEL}" }}\n'
    },
    "a Pipfile": {"Pipfile": f'[packages]\ngauge = {{ path = "./wheels/{WHEEL}" }}\n'},
    "a folder with wheels": {
        "requirements.txt": "--no-index\n--find-links ./wheels\ngauge\n",
    },
}


@pytest.mark.parametrize("place", FORKS)
def test_a_wheel_of_the_project_is_in_the_artifact_byte_by_byte(place: str, stage: Stage) -> None:
    done = stage.build({f"wheels/{WHEEL}": wheel(), **FORKS[place]})
    assert done.exit_code == 0, done.output + done.stderr
    assert stage.bundled() == files_of(wheel())
    assert stage.bundled() == {"gauge/__init__.py": FORK}


def locked(
    name: str, version: str, index: str, more: str = "", digest: Package | None = None
) -> str:
    """Return the entry of a package in a lock of PEP 751."""
    package = digest or Package(name, version)
    hashes = hashlib.sha256(package.content()).hexdigest()
    return (
        f'[[packages]]\nname = "{name}"\nversion = "{version}"\nindex = "{index}"\n{more}'
        f'[[packages.wheels]]\nurl = "https://files.example/{package.wheel}"\n'
        f'hashes = {{ sha256 = "{hashes}" }}\n'
    )


INDEXES: dict[str, dict[str, str | bytes]] = {
    "--index-url": {"requirements.txt": "--index-url PRIVATE\ngauge\n"},
    "--extra-index-url": {"requirements.txt": "--extra-index-url PRIVATE\ngauge\npointer\n"},
    "an explicit index of uv": {
        "pyproject.toml": '[project]\nname = "app"\nversion = "1"\n'
        'dependencies = ["gauge", "pointer"]\n[tool.uv.sources]\ngauge = { index = "ours" }\n'
        '[[tool.uv.index]]\nname = "ours"\nurl = "PRIVATE"\nexplicit = true\n'
    },
    "a source of Poetry": {
        "pyproject.toml": '[tool.poetry]\nname = "app"\nversion = "1"\n[tool.poetry.dependencies]\n'
        'pointer = "*"\ngauge = { version = "^1", source = "ours" }\n'
        '[[tool.poetry.source]]\nname = "ours"\nurl = "PRIVATE"\npriority = "explicit"\n'
    },
    "a supplemental source of Poetry": {
        "pyproject.toml": '[tool.poetry]\nname = "app"\nversion = "1"\n[tool.poetry.dependencies]\n'
        'pointer = "*"\ngauge = "^1"\n'
        '[[tool.poetry.source]]\nname = "more"\nurl = "PUBLIC"\npriority = "supplemental"\n'
        '[[tool.poetry.source]]\nname = "ours"\nurl = "PRIVATE"\n'
    },
    "a lock of PEP 751": {
        "pylock.toml": 'lock-version = "1.0"\ncreated-by = "a test"\n'
        + locked("pointer", "1.0", "PUBLIC")
        + locked("other", "1.0", "PUBLIC", "marker = \"sys_platform == 'win32'\"\n")
        + locked("gauge", "1.0", "PRIVATE", digest=PRIVATE[0])
    },
    "a source of Pipenv": {
        "Pipfile": '[[source]]\nname = "ours"\nurl = "PRIVATE"\n[packages]\ngauge = "*"\n'
    },
}


@pytest.mark.parametrize("place", INDEXES)
def test_the_index_that_the_project_names_is_asked(place: str, stage: Stage) -> None:
    done = stage.build(INDEXES[place])
    assert done.exit_code == 0, done.output + done.stderr
    assert stage.bundled()["gauge/__init__.py"] == b"VERSION = 'private'\n"
    if place in ("an explicit index of uv", "a source of Poetry", "a lock of PEP 751"):
        assert not stage.missed, "an explicit index was asked for another package"


def test_a_new_file_in_a_folder_with_wheels_is_found(stage: Stage) -> None:
    files: dict[str, str | bytes] = {"requirements.txt": "--no-index\n-f wheels\ngauge\n"}
    assert stage.build({f"wheels/{WHEEL}": wheel(), **files}).exit_code == 0
    newer = wheel(b"VERSION = 'newer'\n", "100.0")
    assert stage.build({"wheels/gauge-100.0-py3-none-any.whl": newer}).exit_code == 0
    assert stage.bundled() == {"gauge/__init__.py": b"VERSION = 'newer'\n"}


def test_a_version_that_an_extra_index_lacks_comes_from_the_public_one(stage: Stage) -> None:
    """An index for one package often has old versions of others."""
    text = f"--extra-index-url {stage.private}\ngauge>=2\n"
    done = stage.build({"requirements.txt": text})
    assert done.exit_code == 0, done.output + done.stderr
    assert stage.bundled() == {"gauge/__init__.py": b"VERSION = '2.0'\n"}


def test_an_index_with_a_password_is_refused_and_a_variable_is_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = stage.private.replace("http://", "http://user:hunter2@")
    refused = stage.build({"requirements.txt": f"--index-url {address}\ngauge\n"})
    assert refused.exit_code == 1
    assert "${NAME}" in refused.stderr
    assert "hunter2" not in refused.stderr + refused.output
    address = stage.private.replace("http://", "http://user:${SECRET}@")
    missing = stage.build({"requirements.txt": f"--index-url {address}\ngauge\n"})
    assert "FC123" in missing.stderr
    monkeypatch.setenv("SECRET", "hunter2")
    assert stage.build({"requirements.txt": f"--index-url {address}\ngauge\n"}).exit_code == 0


def test_a_given_hash_is_checked(stage: Stage) -> None:
    right = hashlib.sha256(Package("gauge", "1.0").content()).hexdigest()
    line = "gauge==1.0 --hash=sha256:{}\n"
    assert stage.build({"requirements.txt": line.format(right)}).exit_code == 0
    wrong = stage.build({"requirements.txt": line.format("0" * 64)})
    assert wrong.exit_code == 1
    assert "FC417" in wrong.stderr
    assert f"sha256:{right}" in wrong.stderr


def test_uv_lock_decides_the_version(stage: Stage) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "app"\nversion = "1"\ndependencies = ["gauge"]\n',
        "uv.lock": 'version = 1\n[[package]]\nname = "gauge"\nversion = "1.0"\n'
        'source = { registry = "PRIVATE" }\n',
    }
    assert stage.build(dict(files)).exit_code == 0
    assert stage.bundled()["gauge/__init__.py"] == b"VERSION = '1.0'\n"
    (stage.app / "uv.lock").unlink()
    assert stage.build({"pyproject.toml": files["pyproject.toml"]}).exit_code == 0
    assert stage.bundled()["gauge/__init__.py"] == b"VERSION = '2.0'\n"


def test_a_wheel_keeps_its_programs_and_no_launcher_of_this_machine(stage: Stage) -> None:
    """A program in the wheel's scripts is run by other packages; a launcher names an interpreter."""
    info, data = "gauge-99.0.dist-info", "gauge-99.0.data/scripts"
    program = b"\x7fELF" + bytes(14) + b"\x3e\x00" + bytes(44)
    members = {
        "gauge/__init__.py": FORK,
        f"{data}/measure": program,
        f"{data}/report": b"#!python\nprint(1)\n",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: gauge\nVersion: 99.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": b"[console_scripts]\ngauge = gauge:VERSION\n",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(
            f"{info}/RECORD", "".join(f"{n},,\n" for n in (*members, f"{info}/RECORD"))
        )
    done = stage.build(
        {f"wheels/{WHEEL}": buffer.getvalue(), "requirements.txt": f"./wheels/{WHEEL}\n"}
    )
    assert done.exit_code == 0, done.output + done.stderr
    with tarfile.open(stage.app / ".flash" / "artifact.tar.gz") as packed:
        found = {member.name: member for member in packed if "/bin/" in member.name}
        assert set(found) == {"./bin/measure", "./bin/report"}
        assert all(member.mode & 0o100 for member in found.values())
        texts = {name: packed.extractfile(member) for name, member in found.items()}
        contents = {name: stream.read() for name, stream in texts.items() if stream is not None}
    assert contents["./bin/measure"] == program
    assert contents["./bin/report"] == b"#!/usr/bin/env python3\nprint(1)\n"
    verified = CliRunner().invoke(cli, ["verify", str(stage.app / ".flash" / "artifact.tar.gz")])
    assert verified.exit_code == 0, verified.stderr


WRONG: dict[str, tuple[str, str]] = {
    "no such file": ("./wheels/gauge-1.0-py3-none-any.whl", "FC416"),
    "no package": ("./empty", "FC409"),
    "another name": ("pointer @ ./wheels/gauge-99.0-py3-none-any.whl", "FC409"),
    "no name": ("git+https://example.org/", "FC409"),
    "an option": ("gauge --config-settings x=1", "FC409"),
    "no binary": ("--no-binary gauge", "FC409"),
    "no index": ("--index-url ftp://example.org/", "FC409"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_can_not_be_honoured_is_an_error_at_its_line(kind: str, stage: Stage) -> None:
    line, code = WRONG[kind]
    files: dict[str, str | bytes] = {
        "empty/notes.md": "",
        f"wheels/{WHEEL}": wheel(),
        "requirements.txt": f"# one line\n{line}\n",
    }
    done = stage.build(files)
    assert done.exit_code == 1, done.output + done.stderr
    assert f"error[{code}]" in done.stderr
    assert "requirements.txt:2:1" in done.stderr


# A lock of PEP 751 --------------------------------------------------------------------------------

HEAD = 'lock-version = "1.0"\ncreated-by = "a test"\n'


def test_a_lock_of_pep_751_alone_is_the_list_of_requirements(stage: Stage) -> None:
    text = HEAD + locked("gauge", "1.0", "PUBLIC") + locked("pointer", "1.0", "PUBLIC")
    done = stage.build({"pylock.toml": text})
    assert done.exit_code == 0, done.output + done.stderr
    assert stage.bundled()["gauge/__init__.py"] == b"VERSION = '1.0'\n"
    assert "pointer/__init__.py" in stage.bundled()


def test_a_lock_of_pep_751_limits_what_other_files_ask_for(stage: Stage) -> None:
    text = HEAD + locked("gauge", "1.0", "PUBLIC") + locked("pointer", "1.0", "PUBLIC")
    done = stage.build({"pylock.toml": text, "requirements.txt": "gauge\n"})
    assert done.exit_code == 0, done.output + done.stderr
    assert stage.bundled() == {"gauge/__init__.py": b"VERSION = '1.0'\n"}


def test_a_wrong_hash_in_a_lock_of_pep_751_is_found(stage: Stage) -> None:
    text = HEAD + locked("gauge", "1.0", "PUBLIC", digest=Package("gauge", "1.0", module_text="x"))
    refused = stage.build({"pylock.toml": text})
    assert "error[FC417]" in refused.stderr
    assert "--> pylock.toml:4:1" in refused.stderr


def test_sources_of_a_lock_of_pep_751(stage: Stage) -> None:
    digest = hashlib.sha256(wheel()).hexdigest()
    text = (
        f'{HEAD}[[packages]]\nname = "gauge"\n[packages.archive]\npath = "wheels/{WHEEL}"\n'
        f'hashes = {{ sha256 = "{digest}" }}\n'
    )
    done = stage.build({f"wheels/{WHEEL}": wheel(), "pylock.toml": text})
    assert done.exit_code == 0, done.output + done.stderr
    assert stage.bundled() == {"gauge/__init__.py": FORK}


@pytest.mark.parametrize(
    ("marker", "options", "is_bundled"),
    [
        ("'dev' in dependency_groups", (), False),
        ("'dev' in dependency_groups", ("--group", "dev"), True),
        ("'dev' not in dependency_groups", (), True),
        ("'main' in dependency_groups", (), True),
        ("'fast' in extras and python_version >= '3.8'", (), False),
        ("'fast' in extras or 'main' in dependency_groups", (), True),
    ],
)
def test_extras_and_groups_of_a_lock_of_pep_751(
    stage: Stage, marker: str, options: tuple[str, ...], is_bundled: bool
) -> None:
    groups = 'extras = ["fast"]\ndependency-groups = ["dev", "main"]\ndefault-groups = ["main"]\n'
    more = f'marker = "{marker}"\n'
    text = (
        HEAD + groups + locked("gauge", "1.0", "PUBLIC") + locked("pointer", "1.0", "PUBLIC", more)
    )
    done = stage.build({"pylock.toml": text}, *options)
    assert done.exit_code == 0, done.output + done.stderr
    assert ("pointer/__init__.py" in stage.bundled()) is is_bundled


UNUSABLE = {
    "another format": ("x = 1\n", "it is no lock of PEP 751"),
    "other systems": (
        f"environments = [\"sys_platform == 'win32'\"]\n{HEAD}packages = []\n",
        "it is for other systems than workers",
    ),
    "another version control": (
        f'{HEAD}[[packages]]\nname = "gauge"\n[packages.vcs]\ntype = "hg"\n'
        'url = "https://code.example/gauge"\ncommit-id = "1"\n',
        "`gauge` is not a valid requirement: only git repositories are supported",
    ),
    "a later version": (HEAD.replace("1.0", "9.0") + "packages = []\n", "it is no lock of PEP 751"),
}


@pytest.mark.parametrize(("text", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_lock_of_pep_751_that_can_not_be_honoured_is_an_error(
    stage: Stage, text: str, reason: str
) -> None:
    refused = stage.build({"pylock.toml": text})
    assert refused.exit_code == 1
    assert reason in refused.stderr


def test_a_lock_of_pep_751_is_not_included_by_a_list(stage: Stage) -> None:
    refused = stage.build({"pylock.toml": HEAD, "requirements.txt": "-r pylock.toml\n"})
    assert "flashc reads `pylock.toml` by itself" in refused.stderr
    assert "--> requirements.txt:1:1" in refused.stderr


def test_a_supplemental_source_alone_is_refused(stage: Stage) -> None:
    text = (
        '[tool.poetry]\nname = "app"\nversion = "1"\n[tool.poetry.dependencies]\ngauge = "^1"\n'
        '[[tool.poetry.source]]\nname = "ours"\nurl = "PRIVATE"\npriority = "supplemental"\n'
    )
    refused = stage.build({"pyproject.toml": text})
    assert "needs a primary source" in refused.stderr
    assert 'write `priority = "explicit"`, and `source = "ours"`' in refused.stderr
