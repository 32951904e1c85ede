"""The use cases as functions: what scripts call, with results that say everything and exceptions for callers."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import flashc.api
from flashc.api import (
    Dialect,
    UnknownRuleError,
    UnknownTargetError,
    Workspace,
    apply_fixes,
    build_project,
    check_project,
    emit_target,
    inspect_program,
    lock_project,
    measure_project,
    open_workspace,
    render_diagnostics,
    verify_artifact,
)
from flashc.frontend.flash import FLASH
from flashc_core.cache import Store, disabled_cache
from tests.support.console import run_flashc
from tests.support.projects import ROOT, write
from tests.support.toy_dialect import Toy

GOOD = (
    "from runpod_flash import Endpoint\n\n"
    '@Endpoint(name="w")\nasync def run(x: int) -> int:\n    return x\n'
)
FIXABLE = GOOD + "\napi = Endpoint(name='api')\n\n@api.get('hello')\nasync def hello(): return {}\n"
WRONG = GOOD.replace('"w"', '"w", worker=2')
TOY = 'import toy\n\napp = toy.App("a")\n\n@app.queue()\nasync def run(x: int) -> int:\n    return x\n'


class Heard:
    """A `Progress` that notes the phases."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def start(self, what: str, total: int | None = None, unit: str = "steps") -> None:
        self.phases.append(what)

    def advance(self, amount: int = 0) -> None:
        assert self.phases


def project(root: Path, text: str, **options: object) -> Workspace:
    write(root, {"worker.py": text})
    return open_workspace(root, {"python_version": "3.12", **options}, cache=disabled_cache())


def test_a_check_says_what_is_wrong_and_where(tmp_path: Path) -> None:
    workspace = project(tmp_path, WRONG)
    result = check_project(workspace)
    (found,) = result.diagnostics
    assert (found.rule.code, found.location.path) == ("FC101", "worker.py")
    assert (result.has_errors, result.endpoints) == (True, None)
    assert render_diagnostics(workspace, result.diagnostics) == run_flashc(tmp_path, "check").stderr
    clean = check_project(project(tmp_path, GOOD))
    assert (clean.has_errors, clean.diagnostics, clean.endpoints) == (False, (), 1)


def test_a_check_applies_select_and_ignore(tmp_path: Path) -> None:
    unused = GOOD + "api = Endpoint(name='api')\n"
    codes = {d.rule.code for d in check_project(project(tmp_path, unused)).diagnostics}
    (code,) = codes
    for options in ({"ignore": [code]}, {"ignore": code}, {"select": "FC0"}):
        assert check_project(project(tmp_path, unused, **options)).diagnostics == ()
    with pytest.raises(UnknownRuleError, match="FC999"):
        check_project(project(tmp_path, unused, select=["FC999"]))


def test_options_have_the_types_that_scripts_write(tmp_path: Path) -> None:
    workspace = project(tmp_path, GOOD, output="out", exclude=["a"], size_budget="2 kB")
    options = workspace.options
    assert (options.output, options.exclude, options.size_budget) == (Path("out"), ("a",), 2000)
    with pytest.raises(TypeError, match="pyton"):
        open_workspace(tmp_path, {"pyton_version": "3.12"})
    with pytest.raises(ValueError, match="much"):
        open_workspace(tmp_path, {"size_budget": "much"})


def test_fixes_are_shown_or_written(tmp_path: Path) -> None:
    workspace = project(tmp_path, FIXABLE)
    (found,) = check_project(workspace).diagnostics
    shown = apply_fixes(workspace, write=False)
    assert (tmp_path / "worker.py").read_text() == FIXABLE
    assert "-@api.get('hello')\n+@api.get('/hello')\n" in shown.diff()
    written = apply_fixes(workspace)
    assert written == shown
    assert (tmp_path / "worker.py").read_bytes() == written.changes["worker.py"].after
    left = check_project(workspace.reopen())
    assert found not in left.diagnostics
    assert not left.has_errors
    assert apply_fixes(workspace.reopen()).diff() == ""


def test_fixes_see_the_files_of_an_editor(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": GOOD})
    workspace = open_workspace(
        tmp_path, cache=disabled_cache(), unsaved={"worker.py": FIXABLE.encode()}
    )
    assert "+@api.get('/hello')" in apply_fixes(workspace, write=False).diff()


def test_a_build_makes_an_artifact_that_verifies(tmp_path: Path) -> None:
    heard = Heard()
    result = build_project(project(tmp_path / "app", GOOD, output=tmp_path), progress=heard)
    assert result.diagnostics == ()
    assert (result.artifact, result.manifest) == (
        tmp_path / "artifact.tar.gz",
        tmp_path / "flash_manifest.json",
    )
    assert result.artifact is not None
    assert result.digest is not None
    assert result.summary
    assert heard.phases
    assert verify_artifact(result.artifact).diagnostics == ()
    assert verify_artifact(str(result.artifact)).has_errors is False
    failed = build_project(project(tmp_path / "bad", WRONG))
    assert (failed.artifact, failed.manifest, failed.digest) == (None, None, None)
    assert failed.has_errors


def test_a_file_that_is_no_artifact_is_a_diagnostic(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_text("text")
    assert verify_artifact(tmp_path / "a.tar.gz").has_errors
    assert verify_artifact(tmp_path / "absent.tar.gz").has_errors


def test_a_target_is_made_without_writing(tmp_path: Path) -> None:
    workspace = project(tmp_path, GOOD)
    (manifest,) = emit_target(workspace, "manifest").drafts
    assert manifest.path == "flash_manifest.json"
    assert b'"w"' in manifest.read()
    assert [path.name for path in tmp_path.iterdir()] == ["worker.py"]
    failed = emit_target(project(tmp_path, WRONG), "ir")
    assert (failed.drafts, failed.plan, failed.has_errors) == ((), None, True)
    with pytest.raises(UnknownTargetError, match=r"`docker`; there are ir, .*artifact"):
        emit_target(workspace, "docker")


def test_a_lock_and_sizes_without_requirements(tmp_path: Path) -> None:
    workspace = project(tmp_path, GOOD)
    lock = lock_project(workspace).lock
    assert lock is not None
    assert lock.entries == ()
    assert (tmp_path / "flash.lock").is_file()
    sizes = measure_project(workspace).sizes
    assert sizes is not None
    assert sizes.parts == ()
    assert [file.path for file in sizes.program.files] == ["worker.py"]
    broken = project(tmp_path / "broken", WRONG)
    assert lock_project(broken).lock is None
    assert measure_project(broken).sizes is None


def test_a_program_is_returned_even_with_errors(tmp_path: Path) -> None:
    result = inspect_program(project(tmp_path, WRONG))
    assert result.has_errors
    assert result.program is not None
    assert [module.name for module in result.program.modules] == ["worker"]


# Dialects ------------------------------------------------------------------------------------------------


def test_every_use_case_takes_dialects(tmp_path: Path) -> None:
    dialects: tuple[Dialect, ...] = (Toy(),)
    workspace = project(tmp_path / "app", TOY, output=tmp_path)
    assert (
        check_project(workspace).endpoints,
        check_project(workspace, dialects=dialects).endpoints,
    ) == (None, 1)
    assert inspect_program(workspace, dialects=dialects).program is not None
    assert emit_target(workspace, "manifest", dialects=dialects).drafts
    assert lock_project(workspace, dialects=dialects).lock is not None
    assert measure_project(workspace, dialects=dialects).sizes is not None
    artifact = build_project(workspace, dialects=dialects).artifact
    assert artifact is not None
    with tarfile.open(artifact) as archive:
        assert "./handler_run.py" in archive.getnames()
    assert apply_fixes(workspace, dialects=dialects).diff() == ""


def test_a_cached_result_is_of_its_dialects(tmp_path: Path) -> None:
    write(tmp_path / "app", {"worker.py": TOY})
    store = Store(folder=tmp_path / "cache")
    workspace = open_workspace(tmp_path / "app", {"python_version": "3.12"}, cache=store)

    class Changed(Toy):
        version = "2"
        packages = frozenset({"another"})

    def said(*dialects: Dialect) -> list[str]:
        found = check_project(workspace, dialects=dialects or None).diagnostics
        built = build_project(workspace, dialects=dialects or None).diagnostics
        assert found == built
        return [line for diagnostic in found for line in diagnostic.help]

    for _ in range(2):
        assert said() == said(FLASH) == [FLASH.how_to_declare]
        assert said(Toy()) == []
        assert said(Changed()) == [Toy.how_to_declare]


# The package ---------------------------------------------------------------------------------------------


def test_all_names_are_there_and_documented() -> None:
    assert flashc.api.__all__ == sorted(flashc.api.__all__)
    assert dir(flashc.api) == flashc.api.__all__
    for name in flashc.api.__all__:
        assert inspect.getdoc(getattr(flashc.api, name)), name
    with pytest.raises(AttributeError, match="no attribute 'check_projekt'"):
        getattr(flashc.api, "check_projekt")  # noqa: B009


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys, flashc.api\n"
        "print(sorted(m for m in sys.modules if m.startswith(('flashc', 'msgspec', 'libcst'))))\n"
        "from flashc.api import check_project, open_workspace\n"
        "print('flashc.compile' in sys.modules, 'flashc.frontend' in sys.modules)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["['flashc', 'flashc.api']", "False False"]


def test_the_example_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = (ROOT / "README.md").read_text().partition("### Use it from Python\n")[2]
    (example, *_) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    write(tmp_path, {"my-app/worker.py": WRONG})
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out == "FC101 worker.py `Endpoint` has no parameter `worker`\n"
    write(tmp_path, {"my-app/worker.py": GOOD})
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "my-app" / ".flash" / "artifact.tar.gz")
    ]
    assert verify_artifact(tmp_path / "my-app" / ".flash" / "artifact.tar.gz").diagnostics == ()
