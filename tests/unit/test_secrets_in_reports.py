"""A report names a file with credentials, and never prints what the file holds."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from flashc.cli.main import cli
from flashc.lsp.analysis import analyse
from flashc.report.text import render
from flashc_core import rules
from flashc_core.credentials import is_token_as_user, masked, without_credentials
from flashc_core.diagnostics import Label, Sink
from flashc_core.source import Lines, Span, WholeFile
from tests.support.projects import ROOT, compile_folder

KEY = "hf_c0ffeeC0FFEEc0ffeeC0FFEE"
WORKER = """\
from runpod_flash import Endpoint

@Endpoint(name="w")
async def run(x: int):
    return x
"""
FORMATS = ["text", "json", "sarif", "github"]
PATH = "conf/credentials"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that ships a file with credentials, and links to one outside of it."""
    folder = tmp_path / "app"
    (folder / "conf").mkdir(parents=True)
    (folder / "worker.py").write_text(WORKER)
    (folder / PATH).write_text(f"{KEY}\n")
    return folder


def link_outside(project: Path) -> None:
    outside = project.parent / "home"
    outside.mkdir()
    (project / PATH).replace(outside / "credentials")
    (project / PATH).symlink_to(outside / "credentials")


def names_the_file_only(result: Result, output_format: str, code: str) -> None:
    """Check that a run reports `code` for the file, as a file, and prints nothing of its text."""
    assert result.exit_code == 1
    assert KEY not in result.output + result.stderr
    match output_format:
        case "text":
            lines = [line.strip() for line in result.stderr.splitlines()]
            assert f"--> {PATH}" in lines
        case "json":
            document = json.loads(result.stdout)
            schema = json.loads((ROOT / "spec" / "report.schema.json").read_text("utf-8"))
            jsonschema.validate(document, schema)
            found = [d for d in document["diagnostics"] if d["path"] == PATH]
            assert code in {d["code"] for d in found}
            assert all(d["start"] is None and d["end"] is None for d in found)
        case "sarif":
            document = json.loads(result.stdout)
            schema = json.loads((ROOT / "tests/data/sarif-2.1.0.schema.json").read_text("utf-8"))
            jsonschema.validate(document, schema)
            physical = [
                result["locations"][0]["physicalLocation"]
                for result in document["runs"][0]["results"]
                if result["ruleId"] == code
            ]
            found = [p for p in physical if p["artifactLocation"]["uri"] == PATH]
            assert found
            assert all("region" not in p for p in found)
        case _:
            assert f"::error file={PATH},title={code} " in result.stdout


@pytest.mark.parametrize("output_format", FORMATS)
def test_check(project: Path, output_format: str) -> None:
    link_outside(project)
    result = CliRunner().invoke(cli, ["check", str(project), "--format", output_format])
    names_the_file_only(result, output_format, "FC004")


@pytest.mark.parametrize("output_format", FORMATS)
def test_build(project: Path, output_format: str) -> None:
    arguments = [str(project), "--no-deps", "--format", output_format]
    result = CliRunner().invoke(cli, ["build", *arguments])
    names_the_file_only(result, output_format, "FC009")


@pytest.mark.parametrize("output_format", FORMATS)
def test_verify(project: Path, output_format: str) -> None:
    (project / PATH).replace(project / "kept")
    made = CliRunner().invoke(cli, ["build", str(project), "--no-deps"])
    assert made.exit_code == 0, made.output
    (project / "kept").replace(project / PATH)
    artifact = project / "artifact.tar.gz"
    with (
        tarfile.open(project / ".flash" / "artifact.tar.gz") as old,
        tarfile.open(artifact, "w:gz") as new,
    ):
        for member in old:
            if member.isfile():
                new.addfile(member, old.extractfile(member))
        new.add(project / PATH, PATH)
    result = CliRunner().invoke(cli, ["verify", str(artifact), "--format", output_format])
    names_the_file_only(result, output_format, "FC413")


def test_a_remark_on_a_whole_file_is_shown_after_its_path(project: Path) -> None:
    sink = Sink()
    sink.report(
        rules.BROKEN_ARTIFACT,
        WholeFile("worker.py"),
        "it is broken",
        label="the archive has it twice",
        secondary=(Label(Span("worker.py", 4, 1, 4, 6), "here"),),
    )
    shown = render(sink, lambda path: Lines((project / path).read_text()))
    assert " --> worker.py: the archive has it twice\n" in shown
    assert "4 | async def run(x: int):\n" in shown
    assert "1 |" not in shown


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("path", [".env", "conf/credentials", "../outside.env"])
def test_a_line_of_an_included_file_is_not_quoted(
    project: Path, path: str, output_format: str
) -> None:
    (project / path).write_text(f"six==1.17.0\nHF_TOKEN={KEY}\n")
    (project / "requirements.txt").write_text(f"# pins\n-r {path}\n")
    result = CliRunner().invoke(cli, ["check", str(project), "--format", output_format])
    assert result.exit_code == 1
    assert KEY not in result.output + result.stderr
    assert f"line 2 of `{path}` is not a valid requirement" in result.output + result.stderr
    if output_format == "text":
        assert "--> requirements.txt:2:1\n" in result.stderr
        assert "2 | -r " in result.stderr


def test_a_requirement_of_an_included_file_has_the_span_of_its_line(project: Path) -> None:
    (project / PATH).unlink()
    (project / "requirements.txt").write_text("-r conf/more.txt\n-r ../outside.txt\n")
    (project / "conf" / "more.txt").write_text("# pins\nsix==1.17.0\n")
    (project.parent / "outside.txt").write_text("\n\nidna\n")
    program = compile_folder(project).valid
    assert [(d.name, str(d.span)) for d in program.requirements] == [
        ("six", "conf/more.txt:2:1"),
        ("idna", "requirements.txt:2:1"),
    ]


def test_an_included_file_that_is_missing_is_a_finding(project: Path) -> None:
    (project / "requirements.txt").write_text("-r nowhere.txt\n")
    found = compile_folder(project).found("FC409")
    assert "nowhere.txt" in found.message
    assert str(project) not in found.message


def test_an_unsaved_list_of_requirements_is_read_from_the_editor(project: Path) -> None:
    (project / PATH).unlink()
    (project / "requirements.txt").write_text("six\n")
    found = analyse(project, {"requirements.txt": b"six\nbad here\n"}).diagnostics
    assert [(d.rule.code, str(d.location)) for d in found] == [("FC409", "requirements.txt:2:1")]


# Credentials in quoted source ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x @ https://me:secret@host/x.whl", "x @ https://**:******@host/x.whl"),
        ("https://me:p@ss@host/x", "https://**:****@host/x"),
        ("https://me:se/cret@host/x", "https://**:*******@host/x"),
        ("https://me:s/c@r?e#t@host/x", "https://**:*********@host/x"),
        ("https://:secret@host/x", "https://:******@host/x"),
        ("git+https://x:y@host/a.git@v1", "git+https://*:*@host/a.git@v1"),
        ("https://0123456789abcdef@host/x", "https://****************@host/x"),
        ("https://user@host/x", "https://****@host/x"),
        ("https://TOKENabc123:x-oauth-basic@host/x", "https://***********:x-oauth-basic@host/x"),
        ("https://me:${PASS}@host/x", "https://**:${PASS}@host/x"),
        ("https://oauth2:abc@host/x", "https://oauth2:***@host/x"),
        ("postgres://0123456789abcdef@h/db", "postgres://****************@h/db"),
        ("https://host/x?access_token=abc&y=1", "https://host/x?access_token=***&y=1"),
        ("postgres://u:p@h:5432/db", "postgres://u:*@h:5432/db"),
        ("key = 'hf_c0ffeeC0FFEEc0ff'", "key = 'hf_****************'"),
        ('env={"DB_PASSWORD": "x7Kq9mPz2vLw4nRt"}', 'env={"DB_PASSWORD": "****************"}'),
        ("API_KEY = 'x7Kq9mPz2vLw4nRt'", "API_KEY = '****************'"),
        # These have no credentials.
        ('env={"DB_PASSWORD": "change me"}', None),
        ("MONKEY = 'x7Kq9mPz2vLw4nRt'", None),
        ("git+https://git@github.com/x", None),
        ("https://${TOKEN}@host/x", None),
        ("https://${TOKEN}:x-oauth-basic@host/x", None),
        ("https://{user}@host/x", None),
        ("postgres://user@host/x", None),
        ("git+ssh://git@github.com/x@main", None),
        ("https://host:8080/a@b", None),
        ("https://host/x.git@v1#egg=x", None),
        ("see https://a.example: mail me@example.com", None),
    ],
)
def test_credentials_are_masked_where_they_stand(text: str, shown: str | None) -> None:
    assert masked(text) == (text if shown is None else shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x @ https://me:secret@host/x.whl", "x @ https://host/x.whl"),
        ("https://me:p@ss@host/x", "https://host/x"),
        ("https://me@corp:p@ss@host:8080/x", "https://host:8080/x"),
        ("https://me:p?a#s's@host/x", "https://host/x"),
        ("https://me:s/c@r?e#t@host/x", "https://host/x"),
        ("https://:secret@host", "https://host"),
        ("https://me:secret@/x", "https:///x"),
        ("git+https://x:y@host/a.git@v1", "git+https://host/a.git@v1"),
        ("git+ssh://git@github.com:a/b.git@main", "git+ssh://github.com:a/b.git@main"),
        ("-f https://a:p@ss@b/c https://d:s/t@e", "-f https://b/c https://e"),
        # These have no credentials.
        ("https://host:8080/a@b", None),
        ("https://[::1]:8080/a@b", None),
        ("https://host/x.git@v1#egg=x", None),
        ("see https://a.example: mail me@example.com", None),
    ],
)
def test_messages_have_no_user_and_no_password_of_a_url(text: str, shown: str | None) -> None:
    assert without_credentials(text) == (text if shown is None else shown)


TOKEN = "Zk3vQ9xW1mN7bT5rY2cL8pJ4"
GITHUB = "ghp_yFkQX0L8dW2pZr5UjMb7Vt1HnCe4GaSo9iKx"


@pytest.mark.parametrize(
    ("user", "password", "is_token"),
    [
        (GITHUB, "", True),
        (TOKEN, "", True),
        ("0d1f8c92ab34e7756b90c21fd8ea4730", "", True),
        ("abc", "x-oauth-basic", True),
        ("${TOKEN}", "x-oauth-basic", False),
        ("${TOKEN}", "", False),
        ("git", "", False),
        ("ada", "", False),
        ("contoso2024engineering", "", False),
        ("continuous-integration", "", False),
        ("x-access-token", "", False),
    ],
)
def test_the_user_of_a_url_is_a_token_or_a_name(user: str, password: str, is_token: bool) -> None:
    assert is_token_as_user(user, password) == is_token


@pytest.mark.parametrize("user", [GITHUB, TOKEN, "Abc123xyz", f"{GITHUB}:x-oauth-basic"])
@pytest.mark.parametrize(
    "line", ["git+https://{}@a.dev/b.git", "--index-url https://{}@a.dev/simple"]
)
def test_no_output_shows_a_token_that_is_the_user_of_a_url(
    tmp_path: Path, line: str, user: str
) -> None:
    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / "requirements.txt").write_text(f"{line.format(user)}\n")
    arguments = [["check", "--format", each] for each in FORMATS]
    for command, *options in (*arguments, ["emit", "--target", "ir"]):
        result = CliRunner().invoke(cli, [command, str(tmp_path), *options])
        assert "FC128" in result.output + result.stderr or "FC409" in result.output + result.stderr
        assert user.partition(":")[0] not in result.output + result.stderr


@pytest.mark.parametrize(
    "url",
    [
        "git+ssh://git@a.dev/b.git",
        "git+https://git@a.dev/b.git",
        "git+https://contoso@a.dev/b.git",
        "git+https://${TOKEN}@a.dev/b.git",
        "git+https://${TOKEN}:x-oauth-basic@a.dev/b.git",
        "git+https://x-access-token:${TOKEN}@a.dev/b.git",
    ],
)
def test_a_user_that_is_no_token_is_no_finding(tmp_path: Path, url: str) -> None:
    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / "requirements.txt").write_text(f"{url}\n")
    assert compile_folder(tmp_path).codes == []


def test_the_text_of_the_ir_has_no_credentials(tmp_path: Path) -> None:
    template = 'template=PodTemplate(startScript="curl https://ci:swordfish7@files.shop.dev")'
    text = WORKER.replace("import Endpoint", "import Endpoint, PodTemplate")
    (tmp_path / "worker.py").write_text(text.replace('"w"', f'"w", {template}'))
    result = CliRunner().invoke(cli, ["emit", str(tmp_path), "--target", "ir"])
    assert "files.shop.dev" in result.output
    assert "swordfish7" not in result.output + result.stderr


@given(st.text(), st.text("abc:/@?#&=$ \"'", max_size=30))
def test_masking_keeps_all_positions_and_is_done_once(before: str, after: str) -> None:
    text = f"{before}://{after}"
    assert len(masked(text)) == len(text)
    assert masked(masked(text)) == masked(text)


URL = "https://me:hunter2@host.example/gauge-1.0-py3-none-any.whl"


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize(
    "files",
    [
        {"worker.py": WORKER.replace('"w"', f'"w", dependencies=["gauge @ {URL}"]')},
        {"worker.py": WORKER, "requirements.txt": f"gauge @ {URL}\nx y\n--index-url {URL}\n"},
        {"worker.py": WORKER.replace('"w"', f'"w", wrong="{URL}"')},
        {
            "worker.py": WORKER,
            "pyproject.toml": f'[project]\nname = "a"\ndependencies = ["{URL}"]\n',
        },
    ],
)
def test_no_format_shows_the_password_of_a_url(
    tmp_path: Path, files: dict[str, str], output_format: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    result = CliRunner().invoke(cli, ["check", str(tmp_path), "--format", output_format])
    assert result.exit_code == 1, result.output
    assert "hunter2" not in result.output + result.stderr
