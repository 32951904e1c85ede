"""Files that list requirements: what they ask for, and from where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flashc.project.requirements.invalid_text import InvalidText
from flashc.project.requirements.texts import parse
from flashc_core.source import Lines
from flashc_ir.requirements import GitSource, IndexSource, PathSource, Source, UrlSource
from tests.support.projects import compile_files, write
from tests.support.requirement_projects import PROJECT, WORKER, compiled, found


def test_extras_and_groups_are_chosen_by_options(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": f'{PROJECT}dependencies = ["one"]\n'
        '[project.optional-dependencies]\nworker = ["two", "app[deep]"]\ndeep = ["three"]\n'
        '[dependency-groups]\ngpu = ["four", { include-group = "base" }]\nbase = ["five"]\n'
    }
    assert found(tmp_path, files) == ["one"]
    assert found(tmp_path, files, extras=("worker",)) == ["one", "two", "three"]
    assert found(tmp_path, files, groups=("gpu",)) == ["one", "four", "five"]
    wrong = compiled(tmp_path, files, extras=("wroker",)).found("FC008")
    assert wrong.message == "the project has no extra `wroker`"
    assert wrong.help == ("the extras are deep, worker",)
    wrong = compiled(tmp_path, files, groups=("cpu",)).found("FC008")
    assert wrong.message == "the project has no dependency group `cpu`"
    assert wrong.help == ("the groups are base, gpu",)
    by_self = {**files, "requirements.txt": "-e .[worker]\n"}
    assert found(tmp_path, by_self) == ["one", "two", "three"]


OFFERS: dict[str, tuple[dict[str, str], str]] = {
    "an extra": (
        {"pyproject.toml": f'{PROJECT}[project.optional-dependencies]\nw = ["gauge"]\n'},
        "the extra `w`",
    ),
    "a group": (
        {"pyproject.toml": f'{PROJECT}[dependency-groups]\ndev = ["gauge>1"]\n'},
        "the group `dev`",
    ),
    "a group of Poetry": (
        {
            "pyproject.toml": '[tool.poetry]\nname = "a"\n'
            '[tool.poetry.group.dev.dependencies]\ngauge = "*"\n'
        },
        "Poetry's group `dev`",
    ),
    "another file": ({"requirements-gpu.txt": "gauge==1\n"}, "`requirements-gpu.txt`"),
    "a file in a folder": ({"requirements/dev.txt": "gauge\n"}, "`requirements/dev.txt`"),
    "setup.cfg": ({"setup.cfg": "[options]\ninstall_requires =\n  gauge>1\n"}, "`setup.cfg`"),
    "setup.cfg, after a comment": (
        {"setup.cfg": "[options]\ninstall_requires =\n  one\n# for tests\n; = x\n  gauge\n"},
        "`setup.cfg`",
    ),
    "setup.cfg, with a colon": (
        {"setup.cfg": "[options]\ninstall_requires: gauge\n"},
        "`setup.cfg`",
    ),
    "Pipenv": ({"Pipfile": '[dev-packages]\ngauge = "*"\n'}, "`[dev-packages]` of the Pipfile"),
}


@pytest.mark.parametrize("kind", OFFERS)
def test_a_finding_names_the_list_that_is_not_read(kind: str, tmp_path: Path) -> None:
    files, place = OFFERS[kind]
    worker = WORKER.replace("return x", "import gauge; return gauge")
    problem = compile_files(tmp_path, {**files, "worker.py": worker}).found("FC318")
    assert f"only {place} lists `gauge`" in problem.message


@pytest.mark.parametrize("separator", ["=", ":"])
def test_the_span_of_a_value_in_setup_cfg_is_without_its_option(
    separator: str, tmp_path: Path
) -> None:
    text = f"[options]\npackages = one\ninstall_requires {separator} gauge>1\nzip_safe = no\n"
    (offer,) = compiled(tmp_path, {"setup.cfg": text}).valid.offers
    assert offer.name == "gauge"
    assert Lines(text).slice(offer.span).strip() == "gauge>1"


@pytest.mark.parametrize("space", [" ", "\n  "])
def test_a_file_that_setup_cfg_names_is_no_package(space: str, tmp_path: Path) -> None:
    text = f"[options]\ninstall_requires ={space}file: requirements.txt\n"
    assert not compiled(tmp_path, {"setup.cfg": text}).valid.offers


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000, "nowhere"])
@pytest.mark.parametrize("ending", [".whl", ".tar.gz", ""])
def test_a_path_that_can_not_exist_does_not_exist(name: str, ending: str, tmp_path: Path) -> None:
    files = {"requirements.txt": f"gauge-kit @ ./{name}{ending}\n"}
    if ending == ".whl":
        files = {
            "pyproject.toml": f'{PROJECT}dependencies = ["gauge-kit"]\n'
            f'[tool.uv.sources]\ngauge-kit = {{ path = "{name}{ending}" }}\n'
        }
    assert "does not exist" in compiled(tmp_path, files).found("FC416").message


OTHER_SPELLINGS = {
    "Poetry": {
        "pyproject.toml": '[tool.poetry]\nname = "a"\n'
        '[tool.poetry.group.dev.dependencies]\nGauge_Kit = "*"\n'
    },
    "Pipenv": {"Pipfile": '[dev-packages]\nGauge_Kit = "*"\n'},
    "a group": {"pyproject.toml": f'{PROJECT}[dependency-groups]\ndev = ["Gauge.Kit"]\n'},
    "another file": {"requirements-gpu.txt": "Gauge-_Kit==1\n"},
}


@pytest.mark.parametrize("kind", OTHER_SPELLINGS)
def test_a_name_on_such_a_list_may_be_spelled_otherwise(kind: str, tmp_path: Path) -> None:
    (offer,) = compiled(tmp_path, OTHER_SPELLINGS[kind]).valid.offers
    assert offer.name == "gauge-kit"


LOCKS: dict[str, dict[str, str]] = {
    "uv": {
        "pyproject.toml": f'{PROJECT}dependencies = ["gauge"]\n',
        "uv.lock": '[[package]]\nname = "gauge"\nversion = "1.5"\n'
        'source = { registry = "https://example.org/simple" }\n'
        '[[package]]\nname = "app"\nversion = "1"\nsource = { virtual = "." }\n',
    },
    "uv with markers": {
        "pyproject.toml": f'{PROJECT}dependencies = ["gauge"]\n',
        "uv.lock": '[[package]]\nname = "gauge"\nversion = "1.5"\n'
        "resolution-markers = [\"python_full_version >= '3.11'\"]\n"
        'source = { registry = "https://example.org/simple" }\n'
        '[[package]]\nname = "gauge"\nversion = "1.4"\n'
        "resolution-markers = [\"python_full_version < '3.11'\"]\n"
        'source = { registry = "https://example.org/simple" }\n',
    },
    "Poetry": {
        "pyproject.toml": '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\ngauge = "^1"\n',
        "poetry.lock": '[[package]]\nname = "gauge"\nversion = "1.5"\n',
    },
    "Pipenv": {
        "Pipfile": '[packages]\ngauge = "*"\n',
        "Pipfile.lock": '{"default": {"gauge": {"version": "==1.5", "hashes": ["sha256:00"]}}}',
    },
}


@pytest.mark.parametrize("kind", LOCKS)
def test_the_lock_of_another_tool_limits_the_versions(kind: str, tmp_path: Path) -> None:
    limits = [d for d in compiled(tmp_path, LOCKS[kind]).valid.requirements if d.constraint]
    assert [each.requirement.partition(";")[0] for each in limits] == ["gauge==1.5"]


_UV = {"pyproject.toml": f'{PROJECT}dependencies = ["gauge"]\n'}
_POETRY = {"pyproject.toml": '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\ngauge = "*"\n'}
_PIPENV = {"Pipfile": '[packages]\ngauge = "*"\n'}
_REGISTRY = 'source = { registry = "x" }\n'
BROKEN_LOCKS: dict[str, tuple[dict[str, str], str, str]] = {
    "uv: no name": (_UV, "uv.lock", f'[[package]]\nversion = "1"\n{_REGISTRY}'),
    "uv: no such name": (_UV, "uv.lock", f'[[package]]\nname = "!"\nversion = "1"\n{_REGISTRY}'),
    "uv: no version": (_UV, "uv.lock", f'[[package]]\nname = "g"\nversion = "a b"\n{_REGISTRY}'),
    "uv: no marker": (
        _UV,
        "uv.lock",
        f'[[package]]\nname = "g"\nversion = "1"\nresolution-markers = ["("]\n{_REGISTRY}',
    ),
    "Poetry: no name": (_POETRY, "poetry.lock", '[[package]]\nversion = "1"\n'),
    "Poetry: no version": (_POETRY, "poetry.lock", '[[package]]\nname = "g"\nversion = "a; b"\n'),
    "Pipenv: no version": (_PIPENV, "Pipfile.lock", '{"default": {"g": {"version": "==a b"}}}'),
    "Pipenv: no name": (_PIPENV, "Pipfile.lock", '{"default": {"!": {"version": "==1"}}}'),
}


UNREADABLE = {
    "cut off": b"[tool.flashc",
    "nested too deeply": b"a = " + b"[" * 300 + b"]" * 300,
    "not UTF-8": b"a = '\xff'",
    "with a null character": b"a\0 = 1",
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml",
        "uv.toml",
        "uv.lock",
        "poetry.lock",
        "Pipfile",
        "Pipfile.lock",
        "pylock.toml",
    ],
)
def test_a_document_that_can_not_be_used_is_one_finding_with_help(
    name: str, content: bytes, tmp_path: Path
) -> None:
    others = {
        "pyproject.toml": "[tool.poetry]\nname = 'app'\n",
        "Pipfile": "[packages]\n",
        "worker.py": WORKER,
    }
    (found,) = compile_files(tmp_path, {**others, name: content}).diagnostics
    assert (found.rule.code, found.path) == ("FC008", name)
    assert found.message.startswith(f"`{name}` can't be used: ")
    assert found.help


@pytest.mark.parametrize("kind", BROKEN_LOCKS)
def test_a_lock_that_no_tool_would_write_is_an_error(kind: str, tmp_path: Path) -> None:
    files, name, text = BROKEN_LOCKS[kind]
    problem = compiled(tmp_path, {**files, name: text}).found("FC114")
    assert problem.path == name
    assert "write the lock again" in problem.help[0]


@pytest.mark.parametrize("name", ["pyproject.toml", "uv.lock", "Pipfile", "Pipfile.lock"])
def test_a_file_that_nests_without_end_is_an_error(name: str, tmp_path: Path) -> None:
    files = {**_UV, **_PIPENV, name: ("" if name == "Pipfile.lock" else "a = ") + "[" * 100_000}
    assert "FC008" in compiled(tmp_path, files, python_version=None).codes


SOURCES: dict[str, tuple[str, Source]] = {
    "an index": (
        'gauge = { index = "ours" }\n[[tool.uv.index]]\nname = "ours"\nurl = "https://example.org/"',
        IndexSource("ours"),
    ),
    "a folder": ('gauge = { path = "lib" }', PathSource("lib")),
    "a marker": (
        'gauge = [\n{ path = "no", marker = "sys_platform == \'win32\'" },\n'
        '{ path = "lib", marker = "sys_platform == \'linux\'" },\n]',
        PathSource("lib"),
    ),
    "a branch": (
        'gauge = { git = "https://example.org/g.git", branch = "main", subdirectory = "py" }',
        GitSource("https://example.org/g.git", "main", "py"),
    ),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("place", ["pyproject.toml", "requirements.txt", "worker.py"])
def test_a_source_of_uv_holds_wherever_the_package_is_asked_for(
    kind: str, place: str, tmp_path: Path
) -> None:
    table, source = SOURCES[kind]
    listed = '"gauge"' if place == "pyproject.toml" else ""
    files = {
        "pyproject.toml": f"{PROJECT}dependencies = [{listed}]\n[tool.uv.sources]\n{table}\n",
        "lib/pyproject.toml": '[project]\nname = "gauge"\nversion = "1"\n',
    }
    if place == "requirements.txt":
        files["requirements.txt"] = "gauge>=1\n"
    if place == "worker.py":
        files["worker.py"] = WORKER.replace('name="w"', 'name="w", dependencies=["gauge"]')
    program = compiled(tmp_path, files).valid
    (endpoint,) = program.code_endpoints
    (dependency,) = (*program.requirements, *endpoint.configuration.dependencies)
    assert dependency.source == source


def test_uv_toml_replaces_the_indexes_of_pyproject(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": f'{PROJECT}[[tool.uv.index]]\nurl = "https://one.example/"\n',
        "uv.toml": 'index-strategy = "unsafe-best-match"\n[[index]]\nurl = "https://two.example/"\n',
    }
    settings = compiled(tmp_path, files).valid.resolver
    assert [index.url for index in settings.indexes] == ["https://two.example/"]
    assert settings.options == (("index-strategy", "unsafe-best-match"),)


LOCATIONS: dict[str, tuple[str, Source | None]] = {
    "gauge @ file:///a/gauge-1.0.tar.gz": ("", PathSource("/a/gauge-1.0.tar.gz")),
    "gauge @ file:///a/gauge-1.0.tar.gz#subdirectory=y": ("`#subdirectory=y`", None),
    "gauge @ ./gauge#subdirectory=y": ("`#subdirectory=y`", None),
    "./lib#egg=gauge&subdirectory=y": ("`#subdirectory=y`", None),
    "gauge @ https://h/a.tar.gz#subdirectory=y": (
        "",
        UrlSource("https://h/a.tar.gz#subdirectory=y"),
    ),
    "./lib#egg=gauge": ("", PathSource("lib")),
    "gauge @ ./lib#egg=gauge": ("", PathSource("lib")),
    "./a#b/gauge-1.0.zip": ("", PathSource("a#b/gauge-1.0.zip")),
    "./gauge-1.0.zip#md5=00": ("`md5:00`", None),
    "./gauge-1.0.tar.gz": ("", PathSource("gauge-1.0.tar.gz")),
    "./gauge-1.0.tgz": ("", PathSource("gauge-1.0.tgz")),
    "./gauge-1.0.tar.bz2": ("", PathSource("gauge-1.0.tar.bz2")),
    "https://h/gauge-1.0.tar.xz": ("", UrlSource("https://h/gauge-1.0.tar.xz")),
    "./gauge.tgz": ("not the name of a wheel or a source archive", None),
    "./gauge-1.0.tar": ("does not say which package it is", None),
}


@pytest.mark.parametrize("text", LOCATIONS)
def test_each_part_of_a_location_counts_or_is_an_error(text: str) -> None:
    problem, source = LOCATIONS[text]
    if source is None:
        with pytest.raises(InvalidText, match=problem):
            parse(text)
    else:
        parsed = parse(text)
        assert (parsed.name, parsed.source) == ("gauge", source)


def test_a_hash_behind_a_path_is_checked() -> None:
    digits = "0" * 64
    assert parse(f"./gauge-1.0.zip#sha256={digits}").hashes == (f"sha256:{digits}",)


PATTERNS = {
    **{each: each for each in ("**", "../**/x", "/", "", "a/**/b", "[", "../*", ".", "./", "..")},
    "a long name": "x" * 300,
    "a null byte": "a\\u0000/*",
    "many parts": "*/" * 2000,
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_pattern_of_a_workspace_does_not_search_the_disk(pattern: str, tmp_path: Path) -> None:
    files = {
        "pyproject.toml": f'{PROJECT}dependencies = ["gauge"]\n[tool.uv.sources]\n'
        f'gauge = {{ workspace = true }}\n[tool.uv.workspace]\nmembers = ["{pattern}"]\n'
    }
    assert "FC114" in compiled(tmp_path / "app", files).codes


@pytest.mark.parametrize("name", ["Pipfile", "uv.lock", "uv.toml", ".python-version", "more.txt"])
def test_a_named_pipe_is_not_read(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    files = {"pyproject.toml": PROJECT, "requirements.txt": "gauge\n"}
    compiled(tmp_path, files, python_version=None)


def test_an_index_that_no_file_defines_is_an_error(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": f'{PROJECT}dependencies = ["gauge"]\n'
        '[tool.uv.sources]\ngauge = { index = "ours" }\n'
    }
    assert "FC008" in compiled(tmp_path, files).codes


def test_a_member_that_the_workspace_lacks_is_an_error_at_the_requirement(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": f'{PROJECT}dependencies = ["gauge"]\n'
        "[tool.uv.sources]\ngauge = { workspace = true }\n"
    }
    problem = compiled(tmp_path, files).found("FC114")
    assert "no member `gauge`" in problem.message
    assert problem.line == 4


def test_a_file_outside_of_the_project_is_not_quoted(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "password = [hunter2\n"})
    assert compiled(tmp_path / "app", {"pyproject.toml": PROJECT}).codes == []


INCLUDES = {
    "a file that is not there": "-c gone.txt\n",
    "the file itself": "-r requirements.txt\n",
    "a URL": "-r https://packages.example/list.txt\n",
}


@pytest.mark.parametrize("name", INCLUDES)
def test_a_wrong_include_hides_no_other_wrong_line(name: str, tmp_path: Path) -> None:
    files = {"requirements.txt": f"{INCLUDES[name]}idna=3\n"}
    messages = [each.message for each in compiled(tmp_path, files).diagnostics]
    assert len(messages) == 2
    assert "`idna=3` is not a valid requirement" in messages[1]
