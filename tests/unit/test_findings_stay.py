"""A finding never disappears because another one exists.

Every rule page's example, and every section of the chapters that shows findings, is compiled alone and next
to a module with a mistake of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc_core.diagnostics import Diagnostic
from flashc_core.rules import RULES
from tests.support.chapters import read_sections
from tests.support.console import run_flashc
from tests.support.package_index import Package, package_index
from tests.support.projects import ROOT, compile_files, write
from tests.unit.test_rule_pages import DECLARED, example_of, has_example

# Mistakes that different stages find: the front end, the check of imports, the check of names.
_HEAD = "from runpod_flash import Endpoint\n\n@Endpoint(name='unrelated'"
MISTAKES = {
    "a parameter": (f"{_HEAD}, worker=3)\nasync def run(x): return x\n", "FC101"),
    "an import": (f"{_HEAD})\nasync def run(x):\n    import unrelated_package.gone\n", "FC304"),
    "a name": (
        f"{_HEAD})\nasync def run(x): return x\n"
        "@Endpoint(name='unrelated')\nasync def walk(x): return x\n",
        "FC202",
    ),
}
# An endpoint in another module is what FC006 asks for.
_ABOUT_THE_WHOLE = {"FC006"}


def projects() -> dict[str, dict[str, str]]:
    """The files of every example, by the rule or the section that it belongs to."""
    found = {
        rule.code: example_of(rule.code)
        for rule in RULES
        if has_example(rule.code) and rule.code not in _ABOUT_THE_WHOLE
    }
    for chapter in sorted((ROOT / "spec").glob("[0-9]*.md")):
        for section in read_sections(chapter):
            if any(block.kind == "findings" for block in section.snapshots):
                found[section.name] = section.files
    return found


PROJECTS = projects()


def findings(root: Path, files: dict[str, str], name: str) -> set[Diagnostic]:
    """What a check of a project reports, without the rules that are about the whole project."""
    found = compile_files(root, files, python_version=DECLARED.get(name, "3.12")).diagnostics
    return {each for each in found if each.rule.code not in _ABOUT_THE_WHOLE}


@pytest.mark.no_cover  # it runs the same code hundreds of times, which measuring makes three times slower
@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", PROJECTS)
def test_a_finding_stays(name: str, mistake: str, tmp_path: Path) -> None:
    text, code = MISTAKES[mistake]
    more = {"unrelated_module.py": text, "unrelated_package/__init__.py": ""}
    alone = findings(tmp_path / "app", PROJECTS[name], name)
    together = findings(tmp_path / "app", {**PROJECTS[name], **more}, name)
    assert code in {d.rule.code for d in together if d.location.path == "unrelated_module.py"}
    lost = alone - together
    assert not lost, [(d.rule.code, d.message) for d in lost]


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
