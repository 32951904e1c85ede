"""A symbolic link to a file with credentials is treated as that file is: left out, or refused, and never quoted."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from flashc.cli.main import cli
from flashc.lsp.analysis import analyse
from flashc.project.discover import discover
from tests.support.projects import compile_folder

CANARY = "c4n4ry"
WORKER = """\
from runpod_flash import Endpoint

@Endpoint(name="w")
async def run(x: int):
    return x
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with credentials that are left out, and an ordinary file."""
    for name in ("conf", ".aws", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / ".env").write_text(f"TOKEN={CANARY} x\n")
    (tmp_path / ".aws" / "credentials").write_text(f"key = {CANARY}\n")
    (tmp_path / "data" / "words.txt").write_text("one\n")
    return tmp_path


def link(project: Path, links: dict[str, str]) -> None:
    for path, target in links.items():
        (project / path).symlink_to(target)


LEFT_OUT: list[tuple[dict[str, str], str]] = [
    ({"conf/a.txt": "../.env"}, "conf/a.txt"),
    ({"aws.cfg": ".aws/credentials"}, "aws.cfg"),
    ({"uv.lock": ".env"}, "uv.lock"),
    ({"one": ".env", "two": "one"}, "two"),
    ({"all": ".aws"}, "all/credentials"),
    ({"data/aws": "../.aws", "more": "data"}, "more/aws/credentials"),
    ({"a.txt": "conf/up/.env", "conf/up": ".."}, "a.txt"),
    ({".env.dev": "data/words.txt", "a.txt": ".env.dev"}, "a.txt"),
]


@pytest.mark.parametrize(("links", "path"), LEFT_OUT)
def test_a_link_to_excluded_credentials_is_excluded(
    project: Path, links: dict[str, str], path: str
) -> None:
    link(project, links)
    found = discover(project)
    assert path not in found.by_path
    assert {"data/words.txt", "worker.py"} <= found.by_path.keys()
    excluded = found.exclusion_of(path)
    assert excluded is not None
    assert excluded.source == "built-in"


def test_an_absolute_link_is_followed_too(project: Path) -> None:
    link(project, {"a.txt": str(project / ".env"), "b.txt": str(project / "data" / "words.txt")})
    assert {"b.txt"} == {"a.txt", "b.txt"} & discover(project).by_path.keys()


def test_links_to_ordinary_files_stay(project: Path) -> None:
    link(project, {"a.txt": "data/words.txt", "more": "data", "b.txt": "a.txt"})
    assert {"a.txt", "b.txt", "more/words.txt"} <= discover(project).by_path.keys()


def test_the_artifact_has_no_content_of_the_target(project: Path) -> None:
    link(project, {"conf/a.txt": "../.env", "all": ".aws", "b.txt": "data/words.txt"})
    result = CliRunner().invoke(cli, ["build", str(project), "--no-deps"])
    assert result.exit_code == 0, result.output
    with tarfile.open(project / ".flash" / "artifact.tar.gz") as archive:
        names = set(archive.getnames())
    assert {name for name in names if name.endswith("b.txt")}
    assert not any("a.txt" in name or "all" in name for name in names)


def test_a_link_to_refused_credentials_is_refused(project: Path) -> None:
    (project / "id_rsa").write_text(CANARY)
    link(project, {"conf/a.txt": "../id_rsa", "b.txt": "conf/a.txt"})
    found = {d.location.path: d.message for d in compile_folder(project).diagnostics}
    assert found.keys() == {"id_rsa", "conf/a.txt", "b.txt"}
    assert "it is a symbolic link to `id_rsa`" in found["conf/a.txt"]


def test_a_link_is_excluded_by_the_rule_that_excludes_its_target(project: Path) -> None:
    (project / "data" / "id_rsa").write_text(CANARY)
    (project / "data" / ".flashignore").write_text("id_rsa\n")
    link(project, {"a.txt": "data/id_rsa"})
    excluded = discover(project).exclusion_of("a.txt")
    assert excluded is not None
    assert (excluded.pattern, excluded.source) == ("id_rsa", "data/.flashignore")


def test_the_result_changes_with_the_target_of_a_link(project: Path) -> None:
    (project / "id_rsa").write_text("one\n")
    link(project, {"a.txt": "data/words.txt"})
    assert "1 error\n" in CliRunner().invoke(cli, ["check", str(project)]).stderr
    (project / "a.txt").unlink()
    link(project, {"a.txt": "id_rsa"})
    assert "2 errors\n" in CliRunner().invoke(cli, ["check", str(project)]).stderr


FORMATS = ("text", "json", "sarif", "github")
READ = ("requirements.txt", "pyproject.toml", "Pipfile", "setup.cfg", "worker2.py", "pylock.toml")


@pytest.mark.parametrize("target", [".env", "id_rsa"])
@pytest.mark.parametrize("path", READ)
def test_no_report_quotes_the_target(project: Path, path: str, target: str) -> None:
    (project / "id_rsa").write_text(f"TOKEN={CANARY} x\n")
    link(project, {path: target})
    for each in FORMATS:
        result = CliRunner().invoke(cli, ["check", str(project), "--format", each])
        assert CANARY not in result.output + result.stderr
    found = analyse(project, {}).diagnostics
    assert all(CANARY not in d.message for d in found)


@pytest.mark.parametrize("option", ["-r", "-c"])
def test_an_included_link_is_not_quoted(project: Path, option: str) -> None:
    link(project, {"more.txt": ".env"})
    (project / "requirements.txt").write_text(f"{option} more.txt\n")
    result = CliRunner().invoke(cli, ["check", str(project)])
    assert (
        "`more.txt` can't be read: it is a symbolic link to a file with credentials"
        in result.stderr
    )
    assert CANARY not in result.output + result.stderr


@pytest.mark.parametrize("text", ["TOKEN={0} x", "TOKEN='{0}'", "[[fault]]\nkind = '{0}'"])
@pytest.mark.parametrize("links", [{}, {"faults.toml": ".env"}])
def test_no_report_quotes_credentials_that_are_no_faults(
    project: Path, text: str, links: dict[str, str]
) -> None:
    (project / ".env").write_text(text.format(CANARY))
    link(project, links)
    arguments = ["--faults", str(project / next(iter(links), ".env")), "--plan"]
    for each in ("text", "json"):
        command = ["preview", str(project), *arguments, "--format", each]
        result = CliRunner().invoke(cli, command)
        assert result.exit_code == 1
        assert "FC525" in result.output + result.stderr
        assert CANARY not in result.output + result.stderr
