"""Hashes in lists of requirements, and sources that can't be used: kept, or an error at their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.requirement_projects import PROJECT, WORKER, compiled

_URL = "https://example.org/gauge-1-py3-none-any.whl"
_UV_SOURCE = (
    f'{PROJECT}dependencies = [LIST]\n[tool.uv.sources]\ngauge = {{ url = "{_URL}#HASH" }}\n'
)
_WITH_DEPENDENCY = WORKER.replace('name="w"', f'name="w", dependencies=["gauge @ {_URL}#HASH"]')
# A place that gives a hash, as the files of the project; `HASH` stands for `algorithm=digits`.
PLACES_OF_HASHES = {
    "an endpoint": {"worker.py": _WITH_DEPENDENCY},
    "requirements.txt": {"requirements.txt": f"gauge @ {_URL}#HASH\n"},
    "a URL without a name": {"requirements.txt": f"{_URL}#egg=gauge&HASH\n"},
    "an option of pip": {"requirements.txt": "gauge==1 --hash=HASH\n"},
    "a file on this machine": {
        "requirements.txt": "gauge @ file:///nowhere/gauge-1-py3-none-any.whl#HASH\n"
    },
    "uv": {"pyproject.toml": _UV_SOURCE.replace("LIST", '"gauge"')},
    "uv, asked for elsewhere": {
        "pyproject.toml": _UV_SOURCE.replace("LIST", ""),
        "requirements.txt": "gauge\n",
    },
    "Poetry": {
        "pyproject.toml": '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\n'
        f'gauge = {{ url = "{_URL}#HASH" }}\n'
    },
    "Pipenv": {"Pipfile": f'[packages]\ngauge = {{ file = "{_URL}#HASH" }}\n'},
    "Pipenv's lock": {
        "Pipfile": '[packages]\ngauge = "*"\n',
        "Pipfile.lock": '{"default": {"gauge": {"version": "==1", "hashes": ["HASH"]}}}',
    },
}


def _with_hash(place: str, algorithm: str, digits: str) -> dict[str, str]:
    is_url = "lock" not in place and "option" not in place
    given = f"{algorithm}{'=' if is_url else ':'}{digits}"
    return {name: text.replace("HASH", given) for name, text in PLACES_OF_HASHES[place].items()}


@pytest.mark.parametrize("place", PLACES_OF_HASHES)
@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_hash_of_any_place_is_kept(place: str, algorithm: str, tmp_path: Path) -> None:
    result = compiled(tmp_path, _with_hash(place, algorithm, "00AA"))
    program = result.program
    if place == "a file on this machine":
        assert result.codes == ["FC416"]  # the file is not there
        return
    assert program is not None
    (endpoint,) = program.code_endpoints
    asked = (*program.requirements, *endpoint.configuration.dependencies)
    assert {each for dependency in asked for each in dependency.hashes} == {f"{algorithm}:00aa"}


@pytest.mark.parametrize("place", PLACES_OF_HASHES)
@pytest.mark.parametrize(
    ("algorithm", "digits"),
    [("md5", "00"), ("sha1", "00"), ("sha224", "00"), ("blake2b", "00"), ("SHA256", "00")],
)
def test_a_hash_that_cannot_be_checked_is_an_error(
    place: str, algorithm: str, digits: str, tmp_path: Path
) -> None:
    result = compiled(tmp_path, _with_hash(place, algorithm, digits))
    (problem,) = [each for each in result.diagnostics if "hash" in each.message]
    assert problem.rule.code in ("FC114", "FC409", "FC416")
    assert problem.line > 0


def test_a_hash_without_digits_is_an_error(tmp_path: Path) -> None:
    for digits in ("", "xyz", "00&subdirectory=x#"):
        files = {"requirements.txt": f"gauge @ {_URL}#sha256={digits}\n"}
        codes = compiled(tmp_path, files).codes
        assert codes == (["FC409"] if "&" not in digits else [])


def test_a_source_that_cannot_be_used_is_reported_only_if_a_requirement_needs_it(
    tmp_path: Path,
) -> None:
    table = "[tool.uv.sources]\ngauge = { workspace = true }\n"
    files = {"pyproject.toml": f"{PROJECT}{table}"}
    assert compiled(tmp_path / "unused", files).codes == []
    files["requirements.txt"] = "gauge>=1\n"
    problem = compiled(tmp_path / "used", files).found("FC416")
    assert (problem.path, problem.line) == ("requirements.txt", 1)
    assert "the workspace has no member `gauge`" in problem.message
