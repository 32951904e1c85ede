"""Bad weather: limits, full disks, closed streams, odd variables.  One line says what to do; nothing is a bug report."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from flashc_core.environment_failures import EnvironmentFailure, environment_failure, source_date
from tests.support.projects import write

WORKER = """from runpod_flash import Endpoint

@Endpoint(name="w", workers=(0, 3))
async def w(x: int) -> int: return x
"""
CODES = {0, 1, 2, 3}
Limits = Mapping[int, int]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "app", {"worker.py": WORKER})


def flashc(
    *arguments: str,
    folder: Path,
    limits: Limits | None = None,
    streams: str = "",
    program: str = "",
    variables: Mapping[str, str | None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run flashc in a process of its own.

    `streams` are redirections of a shell.  `program` is Python code that starts the command line.
    """

    def apply_limits() -> None:
        for kind, limit in (limits or {}).items():
            resource.setrlimit(kind, (limit, limit))

    given = {**os.environ, "FLASHC_CACHE_DIR": str(folder / "cache"), **(variables or {})}
    paths = os.pathsep.join(part for part in sys.path if part)
    environment = {name: value for name, value in given.items() if value is not None}
    start = ["-c", program] if program else ["-m", "flashc"]
    command = [sys.executable, *start, *arguments]
    if streams:
        command = ["/bin/sh", "-c", f'"$@" {streams}', "sh", *command]
    return subprocess.run(
        command,
        env={**environment, "PYTHONPATH": paths},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
        preexec_fn=apply_limits,
    )


def is_calm(done: subprocess.CompletedProcess[str]) -> bool:
    """Return whether a run ended as the design says: no traceback, no bug report, no other exit code."""
    printed = done.stdout + done.stderr
    ugly = ("Traceback", "this is a bug", "Exception ignored", "Fatal Python error")
    return done.returncode in CODES and not any(text in printed for text in ugly)


FILES, SIZE, MEMORY = resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS


@pytest.mark.parametrize(
    ("limits", "code", "words"),
    [
        ({FILES: 6}, 3, "Too many open files"),  # a build holds its outputs until all are written
        ({FILES: 20}, 0, ""),
        ({SIZE: 0}, 3, "no folder for temporary files can be written"),
        ({SIZE: 1}, 3, ""),
        ({MEMORY: 30 << 20}, 3, "there is not enough memory"),
        ({MEMORY: 60 << 20}, 3, "no process or thread can be started"),
    ],
    ids=["6 files", "20 files", "no bytes", "one byte", "30 MiB", "60 MiB"],
)
def test_low_limits(limits: Limits, code: int, words: str, project: Path) -> None:
    done = flashc("build", "app", folder=project.parent, limits=limits)
    assert is_calm(done), done.stderr
    assert done.returncode == code, done.stderr
    assert words in done.stderr


@pytest.mark.parametrize(
    "streams",
    [
        *("0<&-", "1>&-", "2>&-", "0<&- 1>&-", "0<&- 2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"),
        *("2>/dev/full", "0</dev/full", "| true", "2>&1 | true"),
    ],
)
def test_closed_streams(streams: str, project: Path) -> None:
    for arguments in (("check", "app"), ("explain", "FC104")):
        done = flashc(*arguments, folder=project.parent, streams=streams)
        assert is_calm(done), done.stderr
        assert done.returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [("emit", "app", "--target", "ir"), ("explain", "FC104"), ("--help",), ("--version",)],
)
def test_a_full_standard_output_is_an_error(arguments: tuple[str, ...], project: Path) -> None:
    done = flashc(*arguments, folder=project.parent, streams="1>/dev/full")
    assert is_calm(done), done.stderr
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("explain", "FC104")])
def test_a_reader_that_has_left_is_no_error(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = flashc(*arguments, folder=tmp_path, streams="| true")
    assert is_calm(done), done.stderr


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *(("", 0), ("4294967295", 0)),
        *((wrong, 3) for wrong in ("x", "-1", "9" * 25)),
    ],
)
def test_a_date_that_is_none_is_said(value: str, code: int, project: Path) -> None:
    done = flashc("build", "app", folder=project.parent, variables={"SOURCE_DATE_EPOCH": value})
    assert is_calm(done), done.stderr
    assert done.returncode == code
    assert ("SOURCE_DATE_EPOCH is" in done.stderr) == bool(code)


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"},
        {"LC_ALL": "xx_YY.bogus", "LANG": "xx"},
        {"PYTHONIOENCODING": "ascii"},
        {"HOME": None, "FLASHC_CACHE_DIR": None},
        {"HOME": "", "FLASHC_CACHE_DIR": None},
        {"HOME": "relative/x", "FLASHC_CACHE_DIR": None},
        {"HOME": "/dev/null", "FLASHC_CACHE_DIR": None},
        {"HOME": "/proc", "FLASHC_CACHE_DIR": None, "XDG_CACHE_HOME": "/proc/x"},
        {"FLASHC_CACHE_DIR": "/dev/null"},
        {"TMPDIR": "/nonexistent"},
        {"TMPDIR": "/dev/null"},
        {"COLUMNS": "-1", "TERM": "bogus"},
        {"PATH": ""},
        {"TZ": "bogus/x"},
    ],
    ids=lambda variables: " ".join(f"{k}={v}" for k, v in variables.items()),
)
def test_odd_variables(variables: dict[str, str | None], project: Path) -> None:
    done = flashc("build", "app", folder=project.parent, variables=variables)
    assert is_calm(done), done.stderr
    assert done.returncode in (0, 3)


def test_a_current_folder_that_was_deleted(project: Path) -> None:
    gone = str(project.parent / "gone")
    program = (
        f"import os; os.mkdir({gone!r}); os.chdir({gone!r}); os.rmdir({gone!r})\n"
        "from flashc.__main__ import main\nmain()"
    )
    for arguments in (("check",), ("build", str(project)), ("init", "new"), ("cache", "info")):
        done = flashc(*arguments, folder=project.parent, program=program)
        assert is_calm(done), done.stderr


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write into a folder; root, for whom modes do not count, needs a mount for that."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield
        folder.chmod(0o755)
        return
    name = str(folder)
    if subprocess.run(["mount", "--bind", name, name], check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", name], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", name], check=True)


def test_a_project_that_is_read_only(project: Path) -> None:
    with read_only(project):
        done = flashc("build", "app", folder=project.parent)
    assert is_calm(done), done.stderr
    assert done.returncode == 3


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system of 64 kB; skip the test if that is not allowed here."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if (
        shutil.which("mount") is None
        or subprocess.run(mount, check=False, capture_output=True).returncode
    ):
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(project: Path) -> None:
    """The project, the cache and temporary files are on it in turn."""
    with small_disk(project.parent / "disk") as disk:
        shutil.copytree(project, disk / "app")
        (disk / "filler").write_bytes(b"")
        with (disk / "filler").open("ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"0" * 4096)
            except OSError:
                pass
        for arguments, variables in (
            (("build", "disk/app"), {}),
            (("lock", "disk/app"), {}),
            (("init", "disk/new"), {}),
            (("build", "app"), {"FLASHC_CACHE_DIR": str(disk / "cache")}),
            (("build", "app"), {"TMPDIR": str(disk)}),
        ):
            done = flashc(*arguments, folder=project.parent, variables=variables)
            assert is_calm(done), (arguments, done.stderr)


INTERRUPTING = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
{ignored}
from flashc.__main__ import main
main()
"""
IGNORED = "signal.signal(signal.SIGINT, signal.SIG_IGN)"


@pytest.mark.parametrize(
    "module",
    [
        *("flashc.incremental.reader_process", "flashc_core.processes", "click", "flashc.cli.main"),
        *("flashc.cli.check", "flashc.api", "flashc.compile", "flashc.passes"),
    ],
)
def test_ctrl_c_during_imports_is_one_line(module: str, project: Path) -> None:
    program = INTERRUPTING.format(module=module, ignored="")
    done = flashc("check", "app", folder=project.parent, program=program)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "interrupted")


def test_a_program_in_the_background_is_not_interrupted(project: Path) -> None:
    program = INTERRUPTING.format(module="click", ignored=IGNORED)
    done = flashc("check", "app", folder=project.parent, program=program)
    assert done.returncode == 0


def test_a_date_is_a_number_of_seconds() -> None:
    for right in ("0", "1700000000", "007"):
        assert source_date({"SOURCE_DATE_EPOCH": right}) == int(right)
    for wrong in ("1e9", " 1", "4294967296", "１２", "1.5", "+1", "1_0", "\n"):
        with pytest.raises(EnvironmentFailure, match="SOURCE_DATE_EPOCH is"):
            source_date({"SOURCE_DATE_EPOCH": wrong})


def test_failures_of_the_machine_are_told_from_bugs() -> None:
    def raised(act: Callable[[], object]) -> BaseException:
        try:
            act()
        except BaseException as error:
            return error
        raise AssertionError

    def in_a_group() -> None:
        raise ExceptionGroup("two", [KeyError("a"), OSError(28, "No space left on device", "f")])

    def from_another() -> None:
        try:
            raise MemoryError
        except MemoryError as error:
            raise ValueError("it") from error

    assert "free space" in str(environment_failure(raised(in_a_group)))
    assert "not enough memory" in str(environment_failure(raised(from_another)))
    for bug in (KeyError("a"), FileNotFoundError(2, "No such file", "x"), RuntimeError("no")):
        assert environment_failure(bug) is None


WITHOUT_MEMORY = """
import resource
from flashc_core.environment_failures import environment_failure, hold_reserve

def raised(number):
    try:
        if number:
            raise raised(number - 1)
        raise MemoryError
    except Exception as error:
        return error

hold_reserve()
failure, taken, size = raised(20), [], 1 << 20
resource.setrlimit(resource.RLIMIT_AS, (40 << 20, 40 << 20))
while size:
    try:
        taken = (bytes(size), taken)
    except MemoryError:
        size //= 2
reason = environment_failure(failure)
taken = []
print(reason)
"""


def test_a_lack_of_memory_is_told_when_none_is_left(tmp_path: Path) -> None:
    done = flashc(folder=tmp_path, program=WITHOUT_MEMORY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("there is not enough memory")


@pytest.mark.parametrize(
    ("limit", "is_memory"), [(30 << 20, True), (resource.RLIM_INFINITY, False)]
)
def test_an_error_of_the_interpreter_is_a_lack_of_memory_only_under_a_limit(
    limit: int, is_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limits(_number: int) -> tuple[int, int]:
        return limit, limit

    monkeypatch.setattr(resource, "getrlimit", limits)
    found = environment_failure(SystemError("error return without exception set"))
    assert (found is not None and "not enough memory" in found) is is_memory
