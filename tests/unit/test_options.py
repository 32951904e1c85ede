"""`[tool.flashc]` and flags become one set of options; what can't be used is reported with its line."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from flashc.project.discover import discover
from flashc.project.options import Options, read_options
from flashc.project.user_options import USER_ONLY, user_options
from flashc.report.text import render
from flashc.sdk import context
from flashc_core.diagnostics import Sink
from tests.support.builds import worker
from tests.support.projects import compile_files, opened, write


def read(root: Path, **flags: object) -> tuple[Options, list[tuple[str, int, str]]]:
    sink = Sink()
    options = read_options(discover(root.resolve()), flags, sink)
    return options, [(d.rule.code, d.line, d.message) for d in sink]


def test_flags_override_the_table(tmp_path: Path) -> None:
    text = '[tool.flashc]\napp = "shop"\npython-version = "3.11"\nexclude = ["a"]\n'
    write(tmp_path, {"pyproject.toml": text})
    options, found = read(tmp_path, python_version="3.12", app=None)
    assert (options.app, options.python_version, options.exclude) == ("shop", "3.12", ("a",))
    assert not found


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[tool.flashc]\nx = 1\npython_versoin = '3.12'\n", 2, "no key `x`"),
        ("[tool.flashc]\n\nno-deps = 'yes please'\n", 3, "`no-deps`: "),
        ("[tool.flashc]\nsize_budget = 'big'\nx = 1\n", 2, "`size_budget`: `big` is not a size"),
        ("[tool.flashc\n", 1, "can't be used"),
    ],
)
def test_what_can_not_be_used_is_reported(text: str, line: int, words: str, tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": text})
    _, found = read(tmp_path)
    assert {code for code, _, _ in found} == {"FC008"}
    assert found[0][1] == line
    assert words in found[0][2]


@pytest.mark.parametrize("key", [f.name for f in fields(Options) if f.name not in USER_ONLY])
def test_a_wrong_value_is_reported_with_an_example_that_is_accepted(
    key: str, tmp_path: Path
) -> None:
    name = key.replace("_", "-")
    write(tmp_path, {"pyproject.toml": f"[tool.flashc]\n{name} = 3.5\n"})
    sink = Sink()
    read_options(discover(tmp_path.resolve()), {}, sink)
    (found,) = sink
    (help,) = found.help
    if key == "smoke":
        assert help.startswith("write `[tool.flashc.smoke.NAME]`, and below it `input = ")
        return
    assert help.startswith(f"write, for example, `{name} = ")
    example = help.removeprefix("write, for example, ").strip("`")
    write(tmp_path, {"pyproject.toml": f"[tool.flashc]\n{example}\n"})
    options, problems = read(tmp_path)
    assert not problems
    assert getattr(options, key) != getattr(Options(), key)


@pytest.mark.parametrize(
    "text",
    [
        "smoke = 1",
        "smoke.w = 1",
        "smoke.w = {}",
        "smoke.w = { input = 1 }",
        "smoke.w = { path = 'x' }",
        "smoke.w = { path = '/', method = 'x' }",
        "smoke.w = { path = '/', status = 3 }",
        "smoke.w = { path = '/', timeout = 0 }",
        "smoke.w = { path = '/', x = 0 }",
        "smoke.w = { path = '/', body = nan }",
        "extras = ['gpu']",
        "groups = ['gpu']",
    ],
)
def test_what_can_not_be_used_of_the_table_is_reported_with_help(text: str, tmp_path: Path) -> None:
    toml = f"[project]\nname = 'app'\n[tool.flashc]\n{text}\n"
    found = compile_files(tmp_path, {"worker.py": worker(), "pyproject.toml": toml}).found("FC008")
    assert found.help


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Pipfile", "[[source]]\nurl = 'ftp://x'\n"),
        ("Pipfile", "[[source]]\nname = 'x'\n"),
        ("pyproject.toml", "[[tool.uv.index]]\nname = 'x'\n"),
        (
            "pyproject.toml",
            "[tool.poetry]\nname = 'a'\n[[tool.poetry.source]]\nname='x'\nurl = 'ftp://x'\n",
        ),
    ],
)
def test_an_index_that_can_not_be_used_is_reported_with_help(
    name: str, text: str, tmp_path: Path
) -> None:
    found = compile_files(tmp_path, {"worker.py": worker(), name: text}).diagnostics
    assert all(each.help for each in found)


def test_a_wrong_key_does_not_hide_others(tmp_path: Path) -> None:
    text = '[tool.flashc]\napp = "shop"\nsize-budget = "big"\nlocked = "maybe"\nx = 1\nno-deps = true\n'
    write(tmp_path, {"pyproject.toml": text})
    options, found = read(tmp_path, python_version="3.12")
    assert sorted(line for _, line, _ in found) == [3, 4, 5]
    assert (options.app, options.no_deps, options.python_version) == ("shop", True, "3.12")
    assert options.size_budget is None
    assert not options.locked


def test_a_wrong_key_that_a_flag_overrides_is_not_reported(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": '[tool.flashc]\nsize-budget = "big"\n'})
    options, found = read(tmp_path, size_budget="1 kB")
    assert options.size_budget == 1000
    assert not found


def test_env_gives_values_for_variables_that_constants_read(tmp_path: Path) -> None:
    worker = (
        "import os\nfrom runpod_flash import Endpoint\n\n"
        '@Endpoint(name="w-" + os.environ["STAGE"])\nasync def run(x: int): return x\n'
    )
    result = compile_files(tmp_path, {"worker.py": worker}, env={"STAGE": "prod"})
    assert [e.resource for e in result.valid.deployed] == ["w-prod"]


def test_the_projects_dotenv_is_read_and_never_shipped(tmp_path: Path) -> None:
    worker = (
        "import os\nfrom dotenv import load_dotenv\nfrom runpod_flash import Endpoint\nload_dotenv()\n"
        'STAGE = os.getenv("STAGE_OF_TEST", "dev")\n'
        '@Endpoint(name=f"w-{STAGE}", env={"TOKEN": os.environ["TOKEN_OF_TEST"]})\n'
        "async def run(x: int): return x\n"
    )
    files = {"worker.py": worker, ".env": "STAGE_OF_TEST=prod\nTOKEN_OF_TEST=hunter2\n"}
    program = compile_files(tmp_path, files).valid
    assert [e.resource for e in program.deployed] == ["w-prod"]
    assert ".env" not in {file.path for file in program.files}
    assert "hunter2" not in repr(program)


@pytest.mark.parametrize(
    ("text", "wrong", "named"),
    [
        ('A=1\nB="secret\nC=3\n', [2], ["A", "C"]),
        ("\r\n\r\n  \r\nexport 'B = secret\r\nC=3", [4], ["C"]),
        ("\ufeffA: secret\n\n# more\n?\n\nB='x' secret\nC=${A}3\n", [1, 6], ["C"]),
        ('A="two\nlines"\nB\n\n=secret\n', [5], ["A"]),
    ],
)
def test_a_line_of_dotenv_that_can_not_be_parsed_is_a_warning(
    text: str, wrong: list[int], named: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = opened(write(tmp_path, {"worker.py": worker(), ".env": text.encode()}))
    assert [(d.rule.code, str(d.location)) for d in workspace.findings] == [
        ("FC012", f".env:{line}:1") for line in wrong
    ]
    shown = render(workspace.findings, workspace.project.lines)
    assert "secret" not in shown.replace("a secret", "")
    assert set(named) <= set(workspace.environment)
    assert not caplog.records


def test_scripts_pass_over_such_a_line_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, {"pyproject.toml": "", ".env": 'A=1\nB="secret\nRUNPOD_API_KEY=key\n'})
    monkeypatch.chdir(tmp_path)
    for name in ("A", "RUNPOD_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    found = context.current()
    assert {name: each.value for name, each in found.variables.items()} == {
        "A": "1",
        "RUNPOD_API_KEY": "key",
    }
    assert not caplog.records


def test_a_requirement_in_the_form_of_conda_is_explained(tmp_path: Path) -> None:
    files = {"pyproject.toml": '[project]\nname = "a"\ndependencies = ["pillow=11", "=>"]\n'}
    messages = [
        d.message for d in compile_files(tmp_path, files).diagnostics if d.rule.code == "FC114"
    ]
    assert any(
        message.endswith("`=` is not a version operator; write `==`") for message in messages
    )
    assert any(message.startswith("`=>` is not a valid requirement: ") for message in messages)


def test_the_output_of_a_user_who_does_not_exist_is_a_plain_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLASHC_OUTPUT", "~.out")
    assert user_options(Sink())["output"] == Path("~.out")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("FLASHC_OUTPUT", "~/out")
    assert user_options(Sink())["output"] == Path("/home/me/out")
