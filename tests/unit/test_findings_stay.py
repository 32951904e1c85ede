"""A finding never disappears because another one exists.

Every rule page's example, and every section of the chapters that shows findings, is compiled alone and next
to a module with a mistake of its own; the examples of the rule pages also next to mistakes in other files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from flashc_core.rules import RULES
from tests.support.chapters import read_sections
from tests.support.console import run_flashc
from tests.support.package_index import Package, package_index
from tests.support.projects import ROOT, compile_files, write
from tests.unit.test_rule_pages import DECLARED, example_of, has_example


@dataclass(frozen=True)
class Mistakes:
    """Things that are wrong and have nothing to do with the rest of a project.

    `files` are added to the project, after the text of a file of the same name.  `links` are symbolic links to
    nothing.  `expected` are the findings, as codes and paths.
    """

    expected: frozenset[tuple[str, str]]
    files: Mapping[str, str | bytes]
    links: tuple[str, ...] = ()


# Mistakes in modules, which different stages find: the front end, the check of imports, the check of names.
_HEAD = "from runpod_flash import Endpoint\n\n@Endpoint(name='unrelated-"
IN_MODULES = Mistakes(
    frozenset(
        {("FC101", "unrelated_a.py"), ("FC304", "unrelated_b.py"), ("FC202", "unrelated_c.py")}
    ),
    {
        "unrelated_a.py": f"{_HEAD}a', worker=3)\nasync def run(x): return x\n",
        "unrelated_b.py": f"{_HEAD}b')\nasync def run(x):\n    import unrelated_package.gone\n",
        "unrelated_c.py": f"{_HEAD}c')\nasync def run(x): return x\n"
        "@Endpoint(name='unrelated-c')\nasync def walk(x): return x\n",
        "unrelated_package/__init__.py": "",
    },
)
UNREAD = Mistakes(
    frozenset({("FC001", "unrelated_d.py"), ("FC002", "unrelated_e.py")}),
    {
        "unrelated_d.py": f"{_HEAD}d'\nasync def run(x): return x\n",
        "unrelated_e.py": f"# \xff\n{_HEAD}e')\nasync def run(x): return x\n".encode("latin-1"),
    },
)
# Mistakes in files that declare no endpoint: a wrong requirement, an option that is refused, an unknown key.
IN_FILES = Mistakes(
    frozenset(
        {("FC409", "requirements.txt"), ("FC008", "pyproject.toml"), ("FC010", "unrelated.txt")}
    ),
    {
        "requirements.txt": "--client-cert unrelated.pem\nunrelated=2\n",
        "pyproject.toml": "nonsense = 1\n",
    },
    ("unrelated.txt",),
)
# The module that a project without endpoints needs may be there, or be the one that can't be read.
_ABOUT_MODULES = {"FC006"}


def pages() -> dict[str, dict[str, str]]:
    """The files of every example, by the code of its rule."""
    return {rule.code: example_of(rule.code) for rule in RULES if has_example(rule.code)}


def sections() -> dict[str, dict[str, str]]:
    """The files of every section that shows findings, by its name."""
    return {
        section.name: section.files
        for chapter in sorted((ROOT / "spec").glob("[0-9]*.md"))
        for section in read_sections(chapter)
        if any(block.kind == "findings" for block in section.snapshots)
    }


PAGES, SECTIONS = pages(), sections()


def together(files: Mapping[str, str], mistakes: Mistakes) -> dict[str, str | bytes]:
    """The files of a project with mistakes."""
    both: dict[str, str | bytes] = {**files}
    for path, text in mistakes.files.items():
        before = files.get(path, "")
        if path == "pyproject.toml" and "[tool.flashc]" not in before:
            before = f"{before}[tool.flashc]\n"
        both[path] = f"{before}{text}" if isinstance(text, str) else text
    return both


def check(name: str, files: Mapping[str, str], each: tuple[Mistakes, ...], folder: Path) -> None:
    """Check that all findings about a project stay next to mistakes."""
    version = DECLARED.get(name, "3.12")
    alone = compile_files(folder / "alone" / "app", files, python_version=version).diagnostics
    for number, mistakes in enumerate(each):
        root = folder / str(number) / "app"
        root.mkdir(parents=True)
        for link in mistakes.links:
            (root / link).symlink_to("nothing")
        found = compile_files(root, together(files, mistakes), python_version=version).diagnostics
        assert mistakes.expected <= {(d.rule.code, d.location.path) for d in found}
        exempt = set[str]() if mistakes is IN_FILES else _ABOUT_MODULES
        lost = {each for each in alone if each.rule.code not in exempt}.difference(found)
        assert not lost, [(d.rule.code, d.message) for d in lost]


@pytest.mark.no_cover  # it runs the same code hundreds of times, which measuring makes three times slower
@pytest.mark.parametrize("code", PAGES)
def test_a_finding_of_a_page_stays(code: str, tmp_path: Path) -> None:
    check(code, PAGES[code], (IN_MODULES, UNREAD, IN_FILES), tmp_path)


@pytest.mark.no_cover
@pytest.mark.parametrize("name", SECTIONS)
def test_a_finding_of_a_section_stays(name: str, tmp_path: Path) -> None:
    check(name, SECTIONS[name], (IN_MODULES,), tmp_path)


def _worker(name: str, arguments: str, body: str = "return x") -> str:
    return f"from runpod_flash import Endpoint\n\n@Endpoint(name='{name}', {arguments})\nasync def run(x):\n    {body}\n"


# Projects with a finding that only a build can make; the index has `metrics` 1.0 and 2.0.
BUILT = {
    "FC401": {"a.py": _worker("a", "dependencies=['metrics<2', 'metrics>=2']", "import metrics")},
    "FC404": {"a.py": _worker("a", ""), "logger.py": ""},
    "FC405": {"a.py": _worker("a", ""), "handler_a.py": ""},
    "FC406": {"a.py": _worker("a", "dependencies=['metrics']"), "metrics.py": ""},
    "FC411": {"a.py": _worker("a", "dependencies=['metrics']", "import metrics"), "flash.lock": ""},
    "FC414": {"a.py": _worker("a", ""), "pyproject.toml": "[tool.flashc]\nsize-budget = '1 kB'\n"},
}


@pytest.mark.parametrize("code", BUILT)
def test_a_finding_of_a_build_stays_next_to_a_warning(code: str, tmp_path: Path) -> None:
    """An error of an earlier stage ends a build; a warning does not."""
    write(tmp_path / "app", BUILT[code] | {"b.py": _worker("b", "datacenter='US-XX-9'")})
    packages = [Package("metrics", "1.0"), Package("metrics", "2.0")]
    with package_index({}, packages) as (address, _):
        variables = {"UV_DEFAULT_INDEX": address, "UV_CACHE_DIR": str(tmp_path / "uv")}
        variables["FLASHC_CACHE_DIR"] = str(tmp_path / "cache")
        shown = run_flashc(
            tmp_path / "app", "build", "--python-version", "3.12", variables=variables
        ).output
    assert f"[{code}]" in shown
    assert "[FC110]" in shown


@pytest.mark.parametrize(
    ("arguments", "is_reported"), [("name='a'", True), ("imag='x/y:1', name='a'", False)]
)
def test_a_declaration_with_an_unknown_parameter_may_be_a_client(
    arguments: str, is_reported: bool, tmp_path: Path
) -> None:
    text = f"from runpod_flash import Endpoint\nEndpoint({arguments})\n"
    assert ("FC006" in compile_files(tmp_path, {"w.py": text}).codes) == is_reported
