"""Lists of requirements that others include: which files they are, and how often they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pip_requirements_parser import RequirementsFile

from flashc.project.workspace import open_workspace
from flashc_core.cache import disabled_cache
from tests.support.projects import compile_workspace, write
from tests.support.requirement_projects import WORKER, compiled, found


def linked(root: Path, folder: str = "real/deep") -> Path:
    """Return the root of a project in `root` with lists in two folders, and a link `lnk` to a folder."""
    app = root / "app"
    write(app, {"a.txt": "top\n", "real/a.txt": "-r b.txt\nreal\n", "real/b.txt": "beside\n"})
    write(app, {"real/deep/c.txt": "", "real/deep/x/c.txt": ""})
    (app / "lnk").symlink_to(folder)
    return app


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lnk/../a.txt", ["beside", "real"]),
        ("./real/../lnk//../a.txt", ["beside", "real"]),
        ("lnk/x/../../a.txt", ["beside", "real"]),
        ("lnk/../../a.txt", ["top"]),
        ("real/deep/../../a.txt", ["top"]),
        ("../app/lnk/../a.txt", ["beside", "real"]),
    ],
)
def test_a_list_is_the_file_that_the_system_opens(
    name: str, expected: list[str], tmp_path: Path
) -> None:
    assert found(linked(tmp_path), {"requirements.txt": f"-r {name}\n"}) == expected
    limits = {"requirements.txt": f"{expected[0]}\n-c {name}\n"}
    assert found(tmp_path / "app", limits)[0] == expected[0]


def test_a_finding_names_the_list_that_the_system_opens(tmp_path: Path) -> None:
    app = linked(tmp_path)
    write(app, {"real/b.txt": "good\nnot good\n"})
    problem = compiled(app, {"requirements.txt": "-r lnk/../a.txt\n"}).found("FC409")
    assert (problem.path, problem.line) == ("real/b.txt", 2)


def test_unsaved_text_of_a_list_behind_a_link_counts(tmp_path: Path) -> None:
    app = linked(tmp_path)
    write(app, {"worker.py": WORKER, "requirements.txt": "-r lnk/../a.txt\n"})
    unsaved = {"real/a.txt": b"unsaved\n"}
    workspace = open_workspace(app, {}, cache=disabled_cache(), unsaved=unsaved)
    assert [str(each) for each in compile_workspace(workspace).valid.requirements] == ["unsaved"]


@pytest.mark.parametrize("name", ["sub/../a.txt", "a.txt/../a.txt", "lnk/../sub/../a.txt"])
def test_a_path_over_a_folder_that_is_not_there_can_not_be_read(name: str, tmp_path: Path) -> None:
    files = {"requirements.txt": f"six\n-r {name}\n"}
    problem = compiled(linked(tmp_path), files).found("FC409")
    assert "can't be read: " in problem.message
    assert problem.line == 2


def test_a_link_and_two_dots_do_not_leave_the_project(tmp_path: Path) -> None:
    write(tmp_path, {"other/a.txt": "secret\n", "other/deep/c.txt": ""})
    app = linked(tmp_path, "../other/deep")
    problem = compiled(app, {"requirements.txt": "-r lnk/../a.txt\n"}).found("FC409")
    assert "it is a symbolic link that leaves the project" in problem.message


def test_a_list_that_includes_itself_over_a_link_is_an_error(tmp_path: Path) -> None:
    app = linked(tmp_path)
    write(app, {"real/b.txt": "-r ../lnk/../a.txt\n"})
    problem = compiled(app, {"requirements.txt": "-r lnk/../a.txt\n"}).found("FC409")
    assert "`real/a.txt` includes itself" in problem.message
    outside = {"requirements.txt": "-r ../out/lnk/../a.txt\n"}
    write(tmp_path, {"out/real/a.txt": "-r ../lnk/../a.txt\n", "out/real/deep/c.txt": ""})
    (tmp_path / "out/lnk").symlink_to("real/deep")
    assert "includes itself" in compiled(app, outside).found("FC409").message


def test_each_list_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    depth = 12
    files = {f"l{n}.txt": f"-r l{n + 1}.txt\nr{n}\n-r l{n + 1}.txt\n" for n in range(depth)}
    files |= {f"l{depth}.txt": "last\n", "requirements.txt": "-r l0.txt\n-c l0.txt\n"}
    parsed: list[bool] = []
    original: Callable[..., Iterator[object]] = RequirementsFile.parse

    def parse(path: str, *, is_constraint: bool) -> Iterator[object]:
        parsed.append(is_constraint)
        return original(path, is_constraint=is_constraint)

    monkeypatch.setattr(RequirementsFile, "parse", parse)
    result = compiled(tmp_path, files).valid.requirements
    wanted = [each.requirement for each in result if not each.constraint]
    assert wanted == ["last", *(f"r{n}" for n in reversed(range(depth)))]
    assert [each.requirement for each in result if each.constraint] == ["r0"]
    assert sorted(parsed) == [False] * (depth + 2) + [True]


def test_a_list_limits_and_asks_with_its_hashes_if_it_is_included_for_both(tmp_path: Path) -> None:
    line = f"six==1 --hash=sha256:{'a' * 64}\n"
    lists = "-c list.txt\n-r list.txt\n-c list.txt\n-r list.txt\n"
    result = compiled(tmp_path, {"requirements.txt": lists, "list.txt": line}).valid.requirements
    assert sorted(each.constraint for each in result) == [False, True]
    assert {each.hashes for each in result} == {(f"sha256:{'a' * 64}",)}


def test_the_index_of_the_list_that_is_included_last_counts(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "-r a.txt\n-r b.txt\n-r a.txt\nsix\n",
        "a.txt": "-r deep.txt\n",
        "deep.txt": "--index-url https://a.example/simple\n",
        "b.txt": "--index-url https://b.example/simple\n",
    }
    indexes = compiled(tmp_path, files).valid.resolver.indexes
    assert [index.url for index in indexes] == ["https://a.example/simple"]
