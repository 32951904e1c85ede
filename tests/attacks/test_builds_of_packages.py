"""What a package tries when it is resolved, built or locked: nothing runs that the user has not allowed."""

from __future__ import annotations

import io
import os
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flashc.api import build_project, lock_project
from flashc_backends.dependencies import tool_process
from flashc_backends.dependencies.tool_environment import tool_environment
from flashc_core.cache import disabled_cache
from tests.support.package_index import Package, package_index
from tests.support.projects import opened, write
from tests.support.tracing import HAS_SANDBOX, needs_sandbox

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
MARKS = """\
import os, pathlib
pathlib.Path({mark!r}).write_text(os.environ.get("ATTACK_SECRET", "-") + os.environ["HOME"])
"""
SETUP = """\
from setuptools import setup
setup(name="evil", version="1.0", py_modules=["evil"])
"""


def source_archive(place: Path, mark: Path) -> Path:
    """Write a source distribution whose build script writes the file `mark`."""
    return archive_with_script(place, MARKS.format(mark=str(mark)))


def archive_with_script(place: Path, before: str) -> Path:
    """Write a source distribution whose build script begins with the code `before`."""
    files = {
        "setup.py": before + SETUP,
        "evil.py": "X = 1\n",
        "PKG-INFO": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
    }
    with tarfile.open(place, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"evil-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return place


def app_with(folder: Path, requirement: str) -> Path:
    text = f"from runpod_flash import Endpoint\n\n@Endpoint(name='w', dependencies=[{requirement!r}])\n"
    return write(folder, {"main.py": f"{text}def f(x: int) -> int: return x\n"})


def app_with_script(folder: Path, before: str) -> Path:
    """Write an app that requires a package whose build script begins with the code `before`."""
    archive = archive_with_script(folder / "evil-1.0.tar.gz", before)
    return app_with(folder / "app", f"evil @ {archive.as_uri()}")


@pytest.mark.parametrize("locker", ["uv", "pip-tools"])
def test_no_build_script_runs_unless_it_is_allowed(locker: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    archive = source_archive(tmp_path / "evil-1.0.tar.gz", mark)
    app = app_with(tmp_path / "app", f"evil @ {archive.as_uri()}")
    flags = {"locker": locker, "python_version": RUNNING}
    for result in (
        build_project(opened(app, disabled_cache(), **flags)),
        lock_project(opened(app, disabled_cache(), **flags)),
    ):
        assert result.has_errors
    assert not mark.exists()


def test_an_allowed_build_script_is_named_and_sees_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTACK_SECRET", "canary")
    mark = tmp_path / "ran"
    archive = source_archive(tmp_path / "evil-1.0.tar.gz", mark)
    app = app_with(tmp_path / "app", f"evil @ {archive.as_uri()}")
    result = build_project(opened(app, disabled_cache(), allow_build=True))
    found = [d for d in result.diagnostics if d.rule.code == "FC422"]
    assert found, [(d.message, d.notes) for d in result.diagnostics]
    assert "`evil` was built from source" in found[0].message
    told = mark.read_text()
    assert told.startswith("-")
    assert not told.endswith(str(Path.home()))


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package index on this machine, with two packages."""
    with package_index({}, [Package("alpha"), Package("beta")]) as (address, _):
        monkeypatch.setenv("UV_DEFAULT_INDEX", address)
        monkeypatch.setenv("PIP_INDEX_URL", address)
        yield address


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("locker", ["uv", "pip-tools"])
def test_no_module_of_the_project_is_imported(
    locker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_with(tmp_path / "app", "alpha==1.0")
    for name in ("build", "click", "pip", "piptools", "sitecustomize", "packaging"):
        write(app, {f"{name}.py": f"open({str(tmp_path / 'ran')!r}, 'w')\n"})
    write(app, {".flashignore": "click.py\npip.py\npiptools.py\nsitecustomize.py\npackaging.py\n"})
    monkeypatch.chdir(app)
    flags = {"locker": locker, "python_version": RUNNING}
    result = build_project(opened(app, disabled_cache(), **flags))
    assert result.artifact is not None, [(d.message, d.notes) for d in result.diagnostics]
    assert not (tmp_path / "ran").exists()


FORGED = {
    "a package": ("", "beta==1.0 \\\n    --hash=sha256:{hash}\n    # via\n    #   the app\n"),
    "a source": ("alpha==1.0", "alpha @ http://127.0.0.1:1/alpha-1.0-py3-none-any.whl"),
    "a version": ("alpha==1.0", "alpha==0.9"),
    "an option": ("    # via", "    --index-url http://127.0.0.1:1/simple\n    # via"),
}


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("kind", FORGED)
def test_a_changed_lock_is_refused(kind: str, tmp_path: Path) -> None:
    from hashlib import sha256

    app = app_with(tmp_path / "app", "alpha==1.0")
    assert not lock_project(opened(app, disabled_cache())).has_errors
    lock = app / "flash.lock"
    old, new = FORGED[kind]
    text = lock.read_text()
    new = new.format(hash=sha256(Package("beta").content()).hexdigest())
    at = text.index("# endpoint") if not old else text.index(old)
    lock.write_text(text[:at] + new + text[at + len(old) :])
    result = build_project(opened(app, disabled_cache(), locked=True))
    codes = {d.rule.code for d in result.diagnostics}
    assert codes & {"FC412", "FC423"}, codes
    assert result.artifact is None


def test_credentials_of_indexes_are_in_no_variable(tmp_path: Path) -> None:
    given = {
        "UV_INDEX_URL": "https://ci:se%20cret-1@a.shop.dev/simple",
        "UV_INDEX": "corp=https://me:p@secret-8@b.shop.dev/simple other=https://secret-2@c.shop.dev/simple",
        "UV_INDEX_CORP_USERNAME": "ci",
        "UV_INDEX_CORP_PASSWORD": "secret-3",
        "UV_PUBLISH_TOKEN": "secret-4",
        "UV_KEYRING_PROVIDER": "disabled",
        "PIP_EXTRA_INDEX_URL": "https://ci:p@secret-5@d.shop.dev/simple",
        "UV_FIND_LINKS": "https://ci:a/b@secret-7@f.shop.dev/simple",
        "NETRC": str(tmp_path / "own"),
    }
    (tmp_path / "own").write_text("machine e.shop.dev login ci password secret-6\n")
    (tmp_path / "home").mkdir()
    kept = tool_environment(given, home=tmp_path / "home")
    assert "secret" not in repr(kept)
    assert "se%20cret" not in repr(kept)
    assert kept["UV_INDEX_URL"] == "https://a.shop.dev/simple"
    assert kept["UV_INDEX"] == "corp=https://b.shop.dev/simple other=https://c.shop.dev/simple"
    assert kept["UV_KEYRING_PROVIDER"] == "disabled"
    assert list((tmp_path / "home").iterdir()) == []
    netrc = Path(kept["NETRC"])
    assert netrc.stat().st_mode & 0o777 == 0o600
    lines = netrc.read_text().splitlines()
    assert lines[0] == 'machine a.shop.dev login "ci" password "se cret-1"'
    assert 'machine b.shop.dev login "ci" password "secret-3"' in lines
    assert 'machine c.shop.dev login "secret-2" password ""' in lines
    assert 'machine d.shop.dev login "ci" password "p@secret-5"' in lines
    assert 'machine f.shop.dev login "ci" password "a/b@secret-7"' in lines
    assert "machine e.shop.dev login ci password secret-6" in lines


def test_a_tool_that_may_run_code_gets_few_variables(tmp_path: Path) -> None:
    given = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "HF_TOKEN": "x", "UV_INDEX_URL": "u"}
    given |= {"HTTPS_PROXY": "p", "PYTHONPATH": "x", "LD_PRELOAD": "x", "HOME": "/root"}
    kept = tool_environment(given, home=tmp_path)
    assert kept["HOME"] == str(tmp_path)
    assert kept.keys() - {"UV_CACHE_DIR", "PIP_CACHE_DIR", "NETRC"} == {
        *("PATH", "UV_INDEX_URL", "HTTPS_PROXY", "HOME", "COLUMNS")
    }
    assert tool_environment(given, home=None).items() >= given.items()


STAYS = """\
import subprocess
quiet = subprocess.DEVNULL
subprocess.Popen(["{python}", "-c", "import os, time; {session}; {mark}"], stdout=quiet, stderr=quiet)
"""


def commands() -> list[bytes]:
    """Return the command lines of all processes."""
    found: list[bytes] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(file.read_bytes())
    return found


def wait_until_gone(mark: str) -> None:
    """Wait until no process has `mark` in its command."""
    limit = time.monotonic() + 60
    while any(mark.encode() in command for command in commands()):
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.mark.parametrize(
    "held",
    [pytest.param(True, marks=needs_sandbox), False],
    ids=["with namespaces", "without namespaces"],
)
def test_no_process_of_a_build_script_stays(
    held: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process group and, where the kernel grants it, in a process namespace."""
    if not held:
        monkeypatch.setattr(tool_process, "find_bubblewrap", lambda _options: None)
    mark = f"time.sleep({100_000 + os.getpid()})"
    session = "os.setsid()" if held else "None"
    before = STAYS.format(python=sys.executable, session=session, mark=mark)
    app = app_with_script(tmp_path, before)
    result = build_project(opened(app, disabled_cache(), allow_build=True))
    assert result.artifact is not None, [(d.message, d.notes) for d in result.diagnostics]
    wait_until_gone(mark)


@pytest.mark.parametrize("kind", ["script", "child"])
def test_a_build_without_end_is_stopped(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script itself, or a child that keeps its output open, for which uv waits."""
    monkeypatch.setattr(tool_process, "LIMIT", 3)
    mark = f"time.sleep({200_000 + os.getpid()})"
    child = (
        f"import subprocess\nsubprocess.Popen([{sys.executable!r}, '-c', 'import time; {mark}'])\n"
    )
    app = app_with_script(tmp_path, child if kind == "child" else f"import time\n{mark}\n")
    result = build_project(opened(app, disabled_cache(), allow_build=True))
    assert result.artifact is None
    assert any("took more than 3 s" in d.message for d in result.diagnostics)
    wait_until_gone(mark)


def test_a_build_script_sees_no_secret_in_any_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And, with namespaces, not the processes that started it."""
    monkeypatch.setenv("ATTACK_SECRET", "canary-of-builds")
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "canary-of-builds")
    seen = tmp_path / "seen"
    before = f"""\
import glob, os, pathlib
secret = any(b"canary" + b"-of-builds" in pathlib.Path(each).read_bytes() for each in glob.glob("/proc/self/environ"))
pathlib.Path({str(seen)!r}).write_text(repr([secret, os.path.exists("/proc/{os.getpid()}"), os.listdir(os.environ["HOME"])]))
"""
    app = app_with_script(tmp_path, before)
    result = build_project(opened(app, disabled_cache(), allow_build=True))
    assert result.artifact is not None, [(d.message, d.notes) for d in result.diagnostics]
    assert seen.read_text() == repr([False, not HAS_SANDBOX, []])
