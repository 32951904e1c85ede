"""`flashc diff`: what it compares with, its formats and exit codes, and bad input."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import jsonschema
import pytest
from schemas import SCHEMAS

from tests.support.console import run_flashc
from tests.support.projects import built, write

OLD = (
    "from flashc import Endpoint\n\n@Endpoint(name='w', cpu='cpu3c-1-2')\n"
    "async def run(a: int, b: str = 'x') -> int: ...\n"
)
KEEPS = OLD.replace("a: int", "a: int | None")
BREAKS = OLD.replace("a: int", "a: str")
FILES = {"w.py": OLD, "pyproject.toml": "[tool.flashc]\napp = 'shop'\npython-version = '3.12'\n"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "project", FILES)


def edit(project: Path, text: str) -> None:
    (project / "w.py").write_text(text)


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    subprocess.run(
        ["git", *who, *words], cwd=folder, check=True, capture_output=True, env=environment
    )


def test_a_manifest_an_artifact_and_a_folder_are_compared_with(
    project: Path, tmp_path: Path
) -> None:
    artifact = built(project, tmp_path / "old.tar.gz", no_install=True)
    run_flashc(project, "emit", "-t", "manifest", "-o", str(tmp_path / "out"))
    folder = shutil.copytree(project, tmp_path / "folder")
    for old in (artifact, tmp_path / "out" / "flash_manifest.json", folder):
        edit(project, OLD)
        same = run_flashc(project, "diff", str(old))
        assert (same.code, same.output) == (0, f"no change since {old} that callers notice\n")
        edit(project, KEEPS)
        kept = run_flashc(project, "diff", str(old))
        assert (kept.code, kept.stdout.splitlines()[1]) == (
            0,
            "  keeps calls: `a`: int -> int | None  (w.py:4)",
        )
        assert f"no change since {old} breaks calls" in kept.stdout
        edit(project, BREAKS)
        broken = run_flashc(project, "diff", str(old))
        assert (broken.code, broken.stdout.splitlines()[1:3]) == (
            1,
            ["  breaks calls: `a`: int -> str  (w.py:4)", "      for example: 1"],
        )


@pytest.mark.parametrize("below", [".", "apps/shop"])
def test_a_git_revision_is_compared_with(below: str, tmp_path: Path) -> None:
    project = write(tmp_path / "repo" / below, {**FILES, ".gitattributes": "w.py export-ignore\n"})
    git(tmp_path / "repo", "init", "--quiet", "--initial-branch", "main")
    git(tmp_path / "repo", "add", "-A")
    git(tmp_path / "repo", "commit", "--quiet", "-m", "one")
    git(tmp_path / "repo", "tag", "v1")
    edit(project, KEEPS)
    git(tmp_path / "repo", "commit", "--quiet", "-am", "two")
    edit(project, BREAKS)
    texts = {
        revision: run_flashc(project, "diff", revision).stdout.splitlines()[1]
        for revision in ("v1", "HEAD", "HEAD~1", "main")
    }
    assert texts["v1"] == texts["HEAD~1"] == "  breaks calls: `a`: int -> str  (w.py:4)"
    assert texts["HEAD"] == texts["main"] == "  breaks calls: `a`: int | None -> str  (w.py:4)"
    git(tmp_path / "repo", "diff", "--cached", "--quiet")  # the repository's index is as before


@pytest.mark.parametrize(
    "revision", ["nothing", "--output=x", "-h", "HEAD:w.py", "a\0b", "", "ä" * 300]
)
def test_what_is_no_revision_is_a_finding(revision: str, tmp_path: Path) -> None:
    project = write(tmp_path / "repo", FILES)
    git(project, "init", "--quiet")
    git(project, "add", "-A")
    git(project, "commit", "--quiet", "-m", "one")
    done = run_flashc(project, "diff", "--", revision)
    assert done.code in (1, 3)
    assert "FC640" in done.stderr or "FC641" in done.stderr
    assert sorted(p.name for p in project.iterdir()) == [".git", "pyproject.toml", "w.py"]


def test_a_revision_with_errors_offers_nothing(tmp_path: Path) -> None:
    project = write(tmp_path / "repo", {**FILES, "w.py": OLD.replace("name='w'", "nam='w'")})
    git(project, "init", "--quiet")
    git(project, "add", "-A")
    git(project, "commit", "--quiet", "-m", "one")
    edit(project, OLD)
    done = run_flashc(project, "diff", "HEAD")
    assert done.code == 1
    assert "FC640" in done.stderr
    assert "FC101" in done.stderr


def _archive(path: Path, name: str, data: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"{}", b'{"resources": []}', b'{"resources": 1}', b"\x1f\x8b\x08\x00bad", b"\xff" * 40,
        b'{"a":' * 3000, b'{"resources": {"w": ' + b"[" * 3000,
    ],
)  # fmt: skip
def test_a_file_that_is_no_manifest_is_a_finding(
    content: bytes, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "old").write_bytes(content)
    done = run_flashc(project, "diff", str(tmp_path / "old"))
    assert done.code == 1, done.output
    assert "FC640" in done.stderr


def test_an_artifact_may_consist_of_several_gzip_members(project: Path, tmp_path: Path) -> None:
    """Those of artifacts with packages do: each package is compressed once, and kept."""
    tar = gzip.decompress(built(project, tmp_path / "one.tar.gz", no_install=True).read_bytes())
    parts = [gzip.compress(tar[at : at + 512]) for at in range(0, len(tar), 512)]
    (tmp_path / "old.tar.gz").write_bytes(b"".join(parts))
    done = run_flashc(project, "diff", str(tmp_path / "old.tar.gz"))
    assert (done.code, done.stderr) == (0, "")


def test_an_archive_without_a_manifest_is_a_finding(project: Path, tmp_path: Path) -> None:
    for name, data in (("other.json", b"{}"), ("flash_manifest.json", b"no JSON")):
        archive = _archive(tmp_path / "old.tar.gz", name, data)
        done = run_flashc(project, "diff", str(archive))
        assert (done.code, "FC640" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    "resource",
    [
        {}, 1, None, {"signatures": 1}, {"signatures": {"run": {"parameters": [{"name": 1}]}}},
        {"functions": [1], "signatures": {}}, {"functions": {"a": 1}},
        {"signatures": {"run": {"parameters": [{"name": "a", "accepts": {"kind": "from 2030"}}]}}},
        {"signatures": {"run": {"parameters": [{"name": "a", "accepts": {"kind": "ref", "key": "a"}}],
                                "definitions": {"a": {"kind": "ref", "key": "a"}}}}},
        {"signatures": {"run": {"parameters": [{"name": "a", "accepts": {"kind": "record", "properties": [
            {"name": "x", "schema": {"kind": "ref", "key": "a"}}]}}],
            "definitions": {"a": {"kind": "union", "members": [{"kind": "ref", "key": "a"}]}}}}},
        {"signatures": {"run": {"parameters": [{"name": "a", "type": "list[" * 500}]}}},
        {"signatures": {"run": {"parameters": [{"name": "a", "type": "int | " * 5000 + "int"}]}}},
    ],
)  # fmt: skip
def test_manifests_of_other_tools_and_versions_are_compared_as_far_as_they_go(
    resource: object, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "old.json").write_text(json.dumps({"resources": {"w": resource}}))
    done = run_flashc(project, "diff", str(tmp_path / "old.json"))
    assert done.code in (0, 1)
    assert done.stderr == ""


def test_the_json_document_fits_its_schema(project: Path, tmp_path: Path) -> None:
    old = shutil.copytree(project, tmp_path / "folder")
    edit(project, BREAKS)
    done = run_flashc(project, "diff", str(old), "--format", "json")
    found = json.loads(done.stdout)
    jsonschema.validate(found, SCHEMAS["diff.schema.json"]())
    (change,) = found["changes"]
    assert (found["breaks"], change["example"], change["line"]) == (True, "1", 4)


def test_errors_of_the_project_itself_are_findings(project: Path, tmp_path: Path) -> None:
    old = shutil.copytree(project, tmp_path / "folder")
    edit(project, OLD.replace("name='w'", "nam='w'"))
    done = run_flashc(project, "diff", str(old))
    assert (done.code, done.stdout) == (1, "")
    assert "FC101" in done.stderr
