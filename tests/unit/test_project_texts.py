"""Test that every file of a project is read by the rules of one reader: unsaved text counts, and no link is followed out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from flashc.api.check import check_project
from flashc.project.excluded_modules import excluded_with_endpoints
from flashc.project.inputs import InputDigests, file_input
from flashc.project.python_version import pinned_python
from flashc.project.workspace import Workspace, open_workspace
from flashc_core.cache import disabled_cache
from flashc_ir.program import Exclusion
from tests.support.projects import ROOT, write

WORKER = """\
from runpod_flash import Endpoint

@Endpoint(name="w")
async def run(x: int) -> int:
    return x
"""

# Modules that read other files than those of a project.
_OTHER_READERS = {
    "flashc/project/project_texts.py": "the reader itself",
    "flashc/project/user_options.py": "the options of the user, in the user's own folder",
    "flashc/project/starter_files.py": "the templates of a new project, which are in flashc",
    "flashc/frontend/trace_runner.py": "the output of the process that runs the project's code",
    "flashc/passes/check_dependencies.py": "the lists in an installed distribution",
}
_READING = {"open", "read_bytes", "read_text", "fdopen"}
_OF_COLLECTOR = {"self.read_bytes", "collector.read_bytes"}  # they call the reader


def opened(root: Path, unsaved: dict[str, bytes] | None = None) -> Workspace:
    return open_workspace(root, {}, cache=disabled_cache(), unsaved=unsaved or {})


def found(workspace: Workspace) -> list[tuple[str, str]]:
    return [(each.rule.code, each.path) for each in workspace.project.findings]


def all_found(workspace: Workspace) -> list[tuple[str, str]]:
    return [(each.rule.code, each.path) for each in check_project(workspace).diagnostics]


@pytest.mark.parametrize("name", [".flashignore", ".gitignore", "lib/.flashignore"])
@pytest.mark.parametrize("on_disk", ["nothing", "another"])
def test_an_unsaved_ignore_file_has_the_effect_of_a_saved_one(
    name: str, on_disk: str, tmp_path: Path
) -> None:
    root = write(tmp_path, {"w.py": WORKER, "lib/w.py": "", "lib/v.py": ""})
    if on_disk == "another":
        write(root, {name: "v.py\n"})
    project = opened(root, {name: b"w.py\n"}).project
    write(root, {name: "w.py\n"})
    saved = opened(root).project
    assert project.files == saved.files
    assert {*saved.exclusions} - {*project.exclusions} <= {
        Exclusion(name, Path(name).name, "built-in")
    }
    assert project.exclusion_of("lib/w.py") is not None
    assert project.exclusion_of("lib/v.py") is None


def test_an_ignore_file_that_is_emptied_in_an_editor_excludes_nothing(tmp_path: Path) -> None:
    root = write(tmp_path, {"w.py": WORKER, ".flashignore": "w.py\n"})
    assert "w.py" in opened(root, {".flashignore": b""}).project.by_path


@pytest.mark.parametrize("name", [".flashignore", ".gitignore", "lib/.gitignore"])
def test_an_ignore_file_that_is_a_link_out_of_the_project_is_a_finding(
    name: str, tmp_path: Path
) -> None:
    write(tmp_path, {"ignored": "w.py\n"})
    root = write(tmp_path / "app", {"w.py": WORKER, "lib/w.py": ""})
    (root / name).symlink_to(tmp_path / "ignored")
    workspace = opened(root)
    assert found(workspace) == [("FC004", name)]
    assert not [each for each in workspace.project.exclusions if each.source == name]


def test_an_ignore_file_may_be_a_link_inside_of_the_project(tmp_path: Path) -> None:
    root = write(tmp_path / "app", {"w.py": WORKER, "v.py": "", "tools/ignored": "v.py\n"})
    (root / ".flashignore").symlink_to("tools/ignored")
    workspace = opened(root)
    assert found(workspace) == []
    assert workspace.project.exclusion_of("v.py") is not None


def test_ignore_files_of_the_repository_above_the_project_count(tmp_path: Path) -> None:
    write(tmp_path, {".git/HEAD": "", ".gitignore": "v.py\n"})
    root = write(tmp_path / "app", {"w.py": WORKER, "v.py": ""})
    project = opened(root).project
    (exclusion,) = [each for each in project.exclusions if each.path == "v.py"]
    assert exclusion.source == "../.gitignore"


def test_unsaved_files_of_the_configuration_need_no_file_on_disk(tmp_path: Path) -> None:
    root = write(tmp_path, {"w.py": WORKER})
    unsaved = {
        "pyproject.toml": b'[tool.flashc]\noutput = "out"\n',
        ".env": b"STAGE_OF_TEST=one\n",
        ".python-version": b"3.12\n",
    }
    workspace = opened(root, unsaved)
    assert workspace.options.output == root / "out"
    assert workspace.environment["STAGE_OF_TEST"] == "one"
    declared = pinned_python(workspace.project)
    assert declared is not None
    assert declared.text == "3.12"


def test_unsaved_text_decides_whether_an_excluded_module_declares_an_endpoint(
    tmp_path: Path,
) -> None:
    root = write(tmp_path, {".flashignore": "w.py\n", "w.py": ""})
    assert not _excluded(opened(root))
    assert _excluded(opened(root, {"w.py": WORKER.encode()})) == ["w.py"]


def test_an_excluded_link_out_of_the_project_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"outside/w.py": WORKER})
    root = write(tmp_path / "app", {".flashignore": "w.py\nlinked\n"})
    (root / "w.py").symlink_to(tmp_path / "outside" / "w.py")
    (root / "linked").symlink_to(tmp_path / "outside")
    assert not _excluded(opened(root))


def _excluded(workspace: Workspace) -> list[str]:
    workspace = workspace.for_sdks(frozenset({"runpod_flash"}))
    return [each.path for each in excluded_with_endpoints(workspace.project, ("Endpoint(",))]


def test_unsaved_text_of_an_included_list_of_requirements_counts(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "w.py": WORKER,
            "requirements.txt": "-r more/base.txt\n",
            "more/base.txt": "-c ../limits.txt\nattrs\n",
            "limits.txt": "attrs<99\n",
        },
    )
    assert "FC409" not in {code for code, _ in all_found(opened(root))}
    wrong = b"attrs\nnot a requirement\n"
    assert ("FC409", "more/base.txt") in all_found(opened(root, {"more/base.txt": wrong}))
    nested = {"requirements.txt": b"-r more/base.txt\n", "limits.txt": b"not a requirement\n"}
    assert ("FC409", "limits.txt") in all_found(opened(root, nested))


def test_a_list_of_requirements_is_not_included_by_a_link_out_of_the_project(
    tmp_path: Path,
) -> None:
    write(tmp_path, {"outside.txt": "attrs\n"})
    root = write(
        tmp_path / "app",
        {"w.py": WORKER, "requirements.txt": "\n-r link.txt\n", ".flashignore": "link.txt\n"},
    )
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (diagnostic,) = [d for d in check_project(opened(root)).diagnostics if d.path != "w.py"]
    assert diagnostic.rule.code == "FC409"
    assert diagnostic.line == 2
    assert diagnostic.message == (
        "`requirements.txt`: `link.txt` can't be read: it is a symbolic link that leaves the project"
    )


def test_the_digest_of_an_input_is_that_of_the_unsaved_text(tmp_path: Path) -> None:
    root = write(tmp_path, {"w.py": WORKER, ".flashignore": "data.txt\n", "data.txt": "saved"})
    item = file_input("data.txt")
    saved = InputDigests(opened(root).project, {}).digest(item)
    typed = InputDigests(opened(root, {"data.txt": b"typed"}).project, {}).digest(item)
    assert saved != typed
    write(root, {"data.txt": "typed"})
    assert InputDigests(opened(root).project, {}).digest(item) == typed


def test_no_other_module_opens_files_of_a_project() -> None:
    reading = {
        path
        for package in ("project", "frontend", "incremental", "evaluator", "passes", "lsp")
        for file in (ROOT / "flashc" / package).rglob("*.py")
        for path in [file.relative_to(ROOT).as_posix()]
        if _reads_files(ast.parse(file.read_text(encoding="utf-8")))
    }
    assert reading == set(_OTHER_READERS)


def _reads_files(tree: ast.AST) -> bool:
    """Return whether a module calls a function that opens a file on disk."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr in _READING:
            if ast.unparse(called) not in _OF_COLLECTOR:
                return True
        elif isinstance(called, ast.Name) and called.id == "open":
            return True
    return False
