"""Laws of requirements: their texts, their sources, and the files in which they stand."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import Requirement

from flashc.project.requirements.texts import parse, with_marker
from flashc_core.source import Span
from flashc_ir.platform.markers import holds_on_workers, worker_environment
from flashc_ir.requirements import (
    Dependency,
    GitSource,
    PathSource,
    UrlSource,
    source_from_text,
)
from tests.support.projects import compile_files

NAMES = st.sampled_from(["gauge", "Big.Name", "under_score", "x2", "a-b-c"])
VERSIONS = st.lists(st.integers(0, 9), min_size=1, max_size=3).map(
    lambda parts: ".".join(map(str, parts))
)
BOUNDS = st.builds(
    lambda operator, version: f"{operator}{version}",
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    VERSIONS,
)
EXTRAS = st.lists(st.sampled_from(["cli", "http2"]), unique=True, max_size=2)
ATOMS = st.sampled_from(
    [
        "sys_platform == 'linux'",
        "sys_platform == 'win32'",
        "python_version >= '3.11'",
        "python_version < '3.12'",
        "platform_machine == 'arm64'",
        "extra == 'gpu'",
    ]
)
MARKERS = st.recursive(
    ATOMS,
    lambda inner: st.builds(
        lambda a, word, b: f"({a} {word} {b})", inner, st.sampled_from(["and", "or"]), inner
    ),
    max_leaves=3,
)


@st.composite
def requirements(draw: st.DrawFn) -> str:
    """A text of PEP 508 without a URL."""
    extras = draw(EXTRAS)
    bounds = draw(st.lists(BOUNDS, max_size=2))
    marker = draw(st.none() | MARKERS)
    text = draw(NAMES) + (f"[{','.join(extras)}]" if extras else "") + ",".join(bounds)
    return text if marker is None else f"{text} ; {marker}"


PARTS = st.text("abcxyz019-_", min_size=1, max_size=6).filter(lambda part: part[0] not in "-_.")
PATHS = st.builds(
    lambda up, parts: "../" * up + "/".join(parts),
    st.integers(0, 2),
    st.lists(PARTS, min_size=1, max_size=3),
)
SOURCES = st.one_of(
    st.builds(PathSource, PATHS),
    st.builds(PathSource, PATHS.map(lambda path: "/" + path.lstrip("./"))),
    st.builds(UrlSource, PATHS.map(lambda path: f"https://example.org/{path.lstrip('./')}")),
    st.builds(
        GitSource,
        st.sampled_from(
            ["https://example.org/a/b.git", "ssh://git@example.org/a.git", "file:///srv/a"]
        ),
        st.just("") | PARTS | st.builds("{}/{}".format, PARTS, PARTS),
        st.just("") | st.lists(PARTS, min_size=1, max_size=2).map("/".join),
    ),
)


@given(SOURCES)
def test_a_source_is_read_back_from_its_text(source: PathSource | UrlSource | GitSource) -> None:
    assert source_from_text(str(source)) == source


@given(SOURCES, requirements())
def test_a_requirement_with_a_source_is_read_back_from_its_text(
    source: PathSource | UrlSource | GitSource, text: str
) -> None:
    before, separator, marker = text.partition(" ; ")
    bare = Requirement(before)
    extras = f"[{','.join(sorted(bare.extras))}]" if bare.extras else ""
    requirement = str(Requirement(f"{bare.name}{extras}{separator}{marker}"))
    span = Span("requirements.txt", 1, 1, 1, 2)
    known = Dependency(name="x", requirement=requirement, span=span, source=source)
    found = parse(str(known))
    assert (found.source, found.requirement) == (source, requirement)


@given(requirements())
def test_nothing_of_a_requirement_is_dropped(text: str) -> None:
    found, expected = Requirement(parse(text).requirement), Requirement(text)
    assert found == expected
    assert (found.extras, found.specifier) == (expected.extras, expected.specifier)


@given(requirements(), MARKERS, st.sampled_from(["3.10", "3.12", "3.13"]))
def test_a_marker_that_is_added_holds_together_with_the_first(
    text: str, marker: str, version: str
) -> None:
    both = with_marker(text, marker)
    environment = worker_environment(version)
    expected = holds_on_workers(text, version) and Marker(marker).evaluate(environment)
    assert holds_on_workers(both, version) == expected


def pyproject(texts: list[str]) -> dict[str, str | bytes]:
    listed = json.dumps(texts)
    return {"pyproject.toml": f'[project]\nname = "app"\nversion = "1"\ndependencies = {listed}\n'}


def pip_file(texts: list[str]) -> dict[str, str | bytes]:
    return {"requirements.txt": "".join(f"{text}  # why\n" for text in texts)}


def included(texts: list[str]) -> dict[str, str | bytes]:
    lines = "".join(f"{text}\n" for text in texts)
    return {"requirements.txt": "-r conf/base.txt\n", "conf/base.txt": lines}


def pipfile(texts: list[str]) -> dict[str, str | bytes]:
    lines = ["[packages]"]
    for text in texts:
        parsed = Requirement(text)
        keys = [f"version = {json.dumps(str(parsed.specifier) or '*')}"]
        keys += [f"extras = {json.dumps(sorted(parsed.extras))}"] if parsed.extras else []
        keys += [f"markers = {json.dumps(str(parsed.marker))}"] if parsed.marker else []
        lines.append(f'"{parsed.name}" = {{ {", ".join(keys)} }}')
    return {"Pipfile": "\n".join(lines) + "\n"}


WORKER = (
    'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\nasync def run(x: int): return x\n'
)


@given(st.lists(requirements(), max_size=4, unique_by=lambda text: Requirement(text).name))
def test_the_same_requirements_are_found_in_every_file(texts: list[str]) -> None:
    expected = {Requirement(text) for text in texts if holds_on_workers(text, "3.12")}
    for files in (pyproject(texts), pip_file(texts), included(texts), pipfile(texts)):
        with tempfile.TemporaryDirectory() as folder:
            compiled = compile_files(Path(folder), {"worker.py": WORKER, **files})
        found = [Requirement(d.requirement) for d in compiled.valid.requirements]
        assert set(found) == expected
        assert len(found) == len(expected)


# Files that are wrong ------------------------------------------------------------------------------

DOCUMENT: dict[str, object] = {
    "project": {
        "name": "app",
        "version": "1",
        "dynamic": ["version"],
        "requires-python": ">=3.10",
        "dependencies": ["gauge>=1", "gadget @ ./lib"],
        "optional-dependencies": {"gpu": ["heavy", "app[more]"], "more": ["light"]},
    },
    "dependency-groups": {"dev": ["tester", {"include-group": "lint"}], "lint": ["linter"]},
    "tool": {
        "uv": {
            "sources": {
                "gauge": {"index": "ours"},
                "gadget": [{"path": "lib", "marker": "sys_platform == 'linux'"}],
                "heavy": {"git": "https://example.org/heavy.git", "rev": "v1"},
                "light": {"workspace": True},
            },
            "index": [{"name": "ours", "url": "https://example.org/simple", "explicit": True}],
            "workspace": {"members": ["lib"], "exclude": ["other"]},
            "constraint-dependencies": ["tester<2"],
            "override-dependencies": ["linter==1"],
            "find-links": ["lib"],
            "pip": {"extra-index-url": ["https://example.org/extra"]},
        },
        "poetry": {
            "name": "app",
            "source": [{"name": "theirs", "url": "https://example.org/p", "priority": "explicit"}],
            "dependencies": {
                "python": "^3.10",
                "pointer": "^1.2",
                "sail": {"version": "~2", "extras": ["x"], "python": ">=3.10", "source": "theirs"},
                "boat": [{"version": "<2", "python": "<3.12"}, {"path": "lib", "optional": True}],
            },
            "extras": {"gpu": ["boat"]},
            "group": {"dev": {"dependencies": {"mast": "*"}}},
        },
    },
}
SCALARS = st.sampled_from([0, True, "", "x", "@", "https://", "==", "../..", "[", "\0"])
VALUES = st.one_of(
    SCALARS,
    st.just([]),
    st.just({}),
    st.lists(SCALARS, min_size=1, max_size=2),
    st.dictionaries(st.sampled_from(["git", "path", "url", "x"]), SCALARS, min_size=1, max_size=2),
)


@st.composite
def mutated(draw: st.DrawFn, value: object) -> object:
    """The value with one of its parts replaced by something else."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0:
        return draw(VALUES)
    if isinstance(value, list):
        position = draw(st.integers(0, len(value) - 1))
        return [*value[:position], draw(mutated(value[position])), *value[position + 1 :]]
    key = draw(st.sampled_from(sorted(value)))
    return {**value, key: draw(mutated(value[key]))}


def toml(value: object) -> str:
    """A value as an inline value of TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@given(mutated(DOCUMENT), st.booleans())
def test_a_document_with_a_wrong_part_gets_findings_and_raises_nothing(
    document: object, chosen: bool
) -> None:
    tables = document.items() if isinstance(document, dict) else ()
    text = "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in tables)
    files: dict[str, str | bytes] = {
        "worker.py": WORKER,
        "pyproject.toml": text,
        "lib/pyproject.toml": '[project]\nname = "gadget"\nversion = "1"\n',
        "uv.lock": text,
        "Pipfile": "packages = " + toml(dict(tables).get("tool", {})) + "\n",
    }
    with tempfile.TemporaryDirectory() as folder:
        found = compile_files(
            Path(folder),
            files,
            extras=("gpu",) if chosen else (),
            groups=("dev",) if chosen else (),
            python_version=None,
        )
    assert found.program is not None or found.diagnostics


TOKENS = st.sampled_from(
    "gauge pointer[x] == >= 1.0 ; python_version < '3.11' and @ git+https://example.org/a.git@v1 "
    "file:///srv/a ./lib ../lib[x] https://example.org/a-1.0-py3-none-any.whl #egg=gauge -e -r -c "
    "lib/pyproject.toml --hash=sha256:00 --index-url --find-links --pre --no-binary --weird \\ $ "
    "${HOME} http:// ://@: [ ] ( ) \\\n requirements.txt # ~ git+ssh://git@example.org:a/b".split(
        " "
    )
)
LINES = st.lists(TOKENS, max_size=6).map(" ".join)


@given(st.lists(LINES, max_size=5), LINES)
def test_any_text_gets_requirements_or_findings_and_raises_nothing(
    lines: list[str], declared: str
) -> None:
    worker = WORKER.replace('name="w"', f'name="w", dependencies=[{declared!r}]')
    files: dict[str, str | bytes] = {
        "worker.py": worker,
        "requirements.txt": "\n".join(lines),
        "lib/pyproject.toml": '[project]\nname = "lib"\nversion = "1"\n',
    }
    with tempfile.TemporaryDirectory() as folder:
        found = compile_files(Path(folder), files)
    assert found.program is not None or found.diagnostics
