"""The command line as a user meets it: real processes, exit codes, streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from flashc_backends.targets import TARGETS
from tests.support.projects import EXAMPLES, ROOT, write

GOOD = 'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\nasync def run(x: int): return x\n'
BAD = GOOD.replace('name="w"', 'name="w", worker=1')


def flashc(
    *arguments: str, cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    paths = [str(ROOT / part) for part in (".", "ir", "backends")]
    return subprocess.run(
        [sys.executable, "-m", "flashc", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_is_silent_about_a_good_project(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": GOOD})
    run = flashc("check", str(tmp_path))
    assert (run.returncode, run.stderr) == (0, "")
    assert "nothing to report" in run.stdout


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize(("text", "status"), [(GOOD, 0), (BAD, 1)])
def test_the_exit_code_does_not_depend_on_closed_streams(
    closed: tuple[int, ...], text: str, status: int, tmp_path: Path
) -> None:
    write(tmp_path, {"worker.py": text})
    closing = " ".join(f"{number}>&-" for number in closed)
    command = f"exec {sys.executable} -m flashc check {tmp_path} {closing}"
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    environ = {**os.environ, "PYTHONPATH": paths}
    run = subprocess.run(
        ["/bin/sh", "-c", command], env=environ, capture_output=True, text=True, check=False
    )
    assert run.returncode == status, run.stderr
    assert "Traceback" not in run.stderr


def test_the_help_lists_every_command_by_the_first_sentence_of_its_own_help() -> None:
    def check(*group: str) -> int:
        """Check the commands of a group and of the groups in it; return their number."""
        help = flashc(*group, "--help").stdout
        listed = [line.split(maxsplit=1) for line in help.partition("Commands:\n")[2].splitlines()]
        for name, summary in listed:
            assert f"\n\n  {summary}" in flashc(*group, name, "--help").stdout
        return len(listed) + sum(check(*group, name) for name, _ in listed if name in GROUPS)

    assert check() > 20


GROUPS = ("preview", "platform", "cache")


def test_check_works_from_any_folder_and_on_the_current_one(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": BAD})
    there, here = flashc("check", str(tmp_path), cwd=Path("/")), flashc("check", cwd=tmp_path)
    assert there.returncode == here.returncode == 1
    assert there.stderr == here.stderr


def test_the_picture_shows_place_cause_and_cure(tmp_path: Path) -> None:
    text = GOOD.replace('name="w"', "name=NAME").replace(
        "\n\n", "\nimport platform\nNAME = platform.node()\n\n", 1
    )
    write(tmp_path, {"worker.py": text})
    assert flashc("check", str(tmp_path)).stderr == (
        "error[FC104]: the endpoint's name depends on a value that flashc cannot know\n"
        " --> worker.py:5:16\n"
        "  |\n"
        "3 | NAME = platform.node()\n"
        "  |        --------------- because of this: `platform.node(...)` depends on the machine\n"
        "...\n"
        "5 | @Endpoint(name=NAME)\n"
        "  |                ^^^^ not a constant\n"
        "  |\n"
        "  = help: write the value out, or compute it from constants\n"
        "  = help: or run the module to find the value: `--trace`\n"
        "  = help: run `flashc explain FC104`\n"
        "\n"
        "1 error\n"
    )


def test_json_goes_to_standard_output_and_fits_its_schema(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": BAD})
    run = flashc("check", str(tmp_path), "--format", "json")
    report = json.loads(run.stdout)
    jsonschema.validate(report, json.loads((ROOT / "spec" / "report.schema.json").read_text()))
    (found,) = report["diagnostics"]
    assert (found["code"], found["path"], found["start"]) == (
        "FC101",
        "worker.py",
        {"line": 3, "column": 21},
    )
    assert (run.returncode, run.stderr) == (1, "")


def test_build_writes_artifact_and_manifest_and_sums_up(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": GOOD, "tests/test_x.py": ""})
    run = flashc("build", str(tmp_path), "--python-version", "3.12", "--keep-build")
    assert run.returncode == 0, run.stderr
    assert "queue-based:\n  w: run (gpu any; 0-1 workers)" in run.stdout
    assert "left out: tests/" in run.stdout
    flash = tmp_path / ".flash"
    assert {path.name for path in flash.iterdir()} == {
        "artifact.tar.gz",
        "flash_manifest.json",
        "provenance.json",
        "sbom.cdx.json",
        ".build",
    }
    assert (flash / ".build" / "handler_w.py").is_file()


@pytest.mark.parametrize("output", ["elsewhere", "elsewhere/app.tar.gz"])
def test_output_is_a_folder_or_a_file(output: str, tmp_path: Path) -> None:
    write(tmp_path, {"app/worker.py": GOOD})
    run = flashc("build", "app", "-o", output, "--python-version", "3.12", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    name = "app.tar.gz" if output.endswith(".gz") else "artifact.tar.gz"
    assert (tmp_path / "elsewhere" / name).is_file()
    assert (tmp_path / "elsewhere" / "flash_manifest.json").is_file()


@pytest.mark.parametrize("target", TARGETS)
def test_emit_writes_each_target(target: str, tmp_path: Path) -> None:
    run = flashc(
        "emit",
        str(EXAMPLES / "pipeline"),
        "-t",
        target,
        "-o",
        str(tmp_path),
        "--python-version",
        "3.12",
    )
    assert run.returncode == 0, run.stderr
    expected = {
        "ir": "program.json",
        "stubs": "_flashc/stubs/scorers.py",
        "handlers": "handler_pipeline-api.py",
        "manifest": "flash_manifest.json",
        "artifact": "artifact.tar.gz",
    }
    assert any(path.is_file() for path in tmp_path.rglob("*"))
    assert (tmp_path / expected.get(target, "")).exists()


@pytest.mark.parametrize(("target", "schema"), [("ir", "ir"), ("manifest", "manifest")])
def test_documents_fit_their_schemas(target: str, schema: str, tmp_path: Path) -> None:
    run = flashc(
        "emit",
        str(EXAMPLES / "packages"),
        "-t",
        target,
        "-o",
        str(tmp_path),
        "--python-version",
        "3.12",
    )
    assert run.returncode == 0, run.stderr
    (path,) = tmp_path.glob("*.json")
    document = json.loads((ROOT / "spec" / f"{schema}.schema.json").read_text())
    jsonschema.validate(json.loads(path.read_text()), document)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "/no/such/folder"),
        ("nonsense",),
        ("build", "--locker", "none"),
        ("explain", "FC999"),
        ("explain",),
        ("emit",),
    ],
)
def test_wrong_usage_exits_with_2_and_no_traceback(arguments: tuple[str, ...]) -> None:
    run = flashc(*arguments)
    assert run.returncode == 2
    assert "Traceback" not in run.stderr


def test_a_python_that_no_image_has_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": GOOD})
    run = flashc("check", str(tmp_path), "--python-version", "3.9")
    assert run.returncode == 1
    assert "FC122" in run.stderr


def test_explain_prints_the_page() -> None:
    run = flashc("explain", "dynamic-endpoint-name")
    assert run.returncode == 0
    assert run.stdout.startswith("FC104: dynamic-endpoint-name\n====")
    assert "\n    import socket\n" in run.stdout
    assert "```" not in run.stdout


def test_version_imports_only_the_command_line() -> None:
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flashc", "--version"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/ir:{ROOT}/backends"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "flashc 0.1.0\n"
    for heavy in ("libcst", "pydantic", "rich", "docker", "httpx"):
        assert f"| {heavy}\n" not in run.stderr


def test_an_interrupted_build_leaves_the_previous_artifact(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": GOOD.replace('"w"', '"w", dependencies=["numpy", "pandas"]')})
    target = tmp_path / ".flash" / "artifact.tar.gz"
    target.parent.mkdir()
    target.write_text("the old one")
    process = subprocess.Popen(
        [sys.executable, "-m", "flashc", "build", str(tmp_path), "--python-version", "3.12"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/ir:{ROOT}/backends"},
        stderr=subprocess.PIPE,
        text=True,
        # A test run in a shell's background inherits that Ctrl+C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    assert "resolving" in process.stderr.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "interrupted\n" in rest
    assert "Traceback" not in rest
    assert target.read_text() == "the old one"
    assert [path.name for path in target.parent.iterdir()] == ["artifact.tar.gz"]


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--version"], ["click", "pydantic", "libcst", "flashc_ir"]),
        (["--help"], ["pydantic", "libcst", "httpx", "docker"]),
        (["explain", "FC104"], ["libcst", "httpx", "docker", "pygls"]),
        (["check"], ["libcst", "pydantic", "httpx", "docker", "pygls", "rich", "watchfiles"]),
    ],
)
def test_a_command_imports_only_what_it_uses(
    arguments: list[str], unwanted: list[str], tmp_path: Path
) -> None:
    write(tmp_path, {"worker.py": GOOD})
    flashc("check", cwd=tmp_path)  # the second time nothing needs to be compiled
    code = (
        "import os, sys\nfrom flashc.__main__ import main\n"
        "os._exit = sys.exit  # which would end this program before it prints\n"
        f"sys.argv = ['flashc', *{arguments!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print([m for m in {unwanted!r} if m in sys.modules])"
    )
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_current_folder_that_was_deleted_is_no_bug(tmp_path: Path) -> None:
    (gone := tmp_path / "gone").mkdir()
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$0" && exec "$1" -m flashc check .', str(gone), sys.executable],
        cwd=gone,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("the current folder does not exist any more")


@pytest.mark.parametrize("command", [("cache", "info"), ("cache", "clear")])
def test_a_cache_that_cannot_be_looked_at_is_a_problem_of_the_environment(
    command: tuple[str, str],
) -> None:
    run = flashc(*command, FLASHC_CACHE_DIR="/" + "x" * 300)
    assert run.returncode == 3
    assert run.stderr == f"Error: /{'x' * 300}: File name too long\n"


def test_a_file_of_options_that_cannot_be_looked_at_does_not_exist(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": GOOD})
    run = flashc("check", str(tmp_path), FLASHC_CONFIG_FILE="/" + "x" * 300)
    assert (run.returncode, run.stderr) == (0, "")
