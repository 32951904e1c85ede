"""Every rule has a page, and the page's example raises exactly what its comments announce."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from flashc.project.options import Options
from flashc.report.explain import UnknownRule, find_rule, listing, page, page_text
from flashc_core import rules
from flashc_core.diagnostics import Rule
from flashc_core.rules import RULES
from tests.support.projects import ROOT, compile_files

PAGES = ROOT / "flashc" / "report" / "rules"
# Rules that need a build, a file that is no text, or the file system: the test that covers each.
COVERED_ELSEWHERE = {
    "FC002": "tests/unit/test_bad_input.py",
    "FC003": "tests/unit/test_bad_input.py",
    "FC004": "tests/unit/test_bad_input.py",
    "FC005": "tests/unit/test_bad_input.py",
    "FC008": "tests/unit/test_options.py",
    "FC132": "tests/unit/test_trace.py",
    "FC133": "tests/unit/test_trace.py",
    "FC401": "tests/unit/test_artifact.py",
    "FC402": "tests/unit/test_artifact.py",
    "FC403": "tests/unit/test_artifact.py",
    "FC404": "tests/unit/test_artifact.py",
    "FC405": "tests/unit/test_artifact.py",
    "FC406": "tests/unit/test_artifact.py",
    "FC410": "tests/unit/test_artifact.py",
    "FC411": "tests/unit/test_lock.py",
    "FC412": "tests/unit/test_lock.py",
    "FC413": "tests/unit/test_verify.py",
    "FC414": "tests/unit/test_size.py",
    "FC415": "tests/unit/test_verify.py",
    "FC901": "tests/unit/test_artifact.py",
}
# Findings about a place that no Python comment can stand at.
WITHOUT_COMMENT = {
    "FC001": ("worker.py", 3),
    "FC006": (".", 1),
    "FC007": ("tools.py", 1),
    "FC121": ("a.py", 3),
    "FC409": ("requirements.txt", 1),
}
# Examples that are not for the Python version that tests compile for.
DECLARED = {"FC121": None, "FC134": "3.10"}
_FILE = re.compile(r"^`([^`]+)`\n\n```\w+\n(.*?)```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"# (?:error|warning): \[(FC\d{3})\]")


def example_of(code: str) -> dict[str, str]:
    """The files of a page's example."""
    return dict(_FILE.findall((PAGES / f"{code}.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "code", [rule.code for rule in RULES if rule.code not in COVERED_ELSEWHERE]
)
def test_the_example_raises_the_rule_and_nothing_else(code: str, tmp_path: Path) -> None:
    files = example_of(code)
    expected = {
        (match[1], name, number)
        for name, text in files.items()
        for number, line in enumerate(text.splitlines(), start=1)
        for match in _MARK.finditer(line)
    }
    if code in WITHOUT_COMMENT:
        expected.add((code, *WITHOUT_COMMENT[code]))
    options = {"python_version": DECLARED[code]} if code in DECLARED else {}
    found = compile_files(tmp_path, files, **options).diagnostics
    assert {(d.rule.code, d.path, d.line) for d in found} == expected
    assert code in {d.rule.code for d in found}


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {rule.code for rule in RULES}
    for rule in RULES:
        text = page(rule)
        assert text.startswith(f"# {rule.code}: {rule.name}\n")
        headings = re.findall("^## (.*)$", text, re.MULTILINE)
        assert headings == ["Why it matters", "Example", "How to fix it"], rule.code


def test_the_page_on_configuration_lists_every_option() -> None:
    listed = (PAGES / "FC008.md").read_text(encoding="utf-8").partition("The keys are ")[2]
    keys = {option.name.replace("_", "-") for option in fields(Options)}
    assert set(re.findall("`([a-z-]+)`", listed)) == keys


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_page_as_text_wraps_prose_and_indents_code(rule: Rule) -> None:
    lines = page_text(rule).splitlines()
    prose = [line for line in lines if not line.startswith("    ")]
    assert lines[:2] == [f"{rule.code}: {rule.name}", "=" * len(f"{rule.code}: {rule.name}")]
    assert max(map(len, prose)) <= 80
    assert not any(line.startswith(("#", "```")) for line in prose)
    code = "".join(f"{line[4:]}\n" for line in lines if not line or line.startswith("    "))
    for text in example_of(rule.code).values():
        assert text in code


def test_every_rule_is_reported_somewhere_and_tested_somewhere() -> None:
    constants = {rule.code: name for name, rule in _constants().items()}
    sources = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("flashc", "backends")
        for path in (ROOT / folder).rglob("*.py")
    )
    for rule in RULES:
        assert f"rules.{constants[rule.code]}" in sources, rule.code
    for code, path in COVERED_ELSEWHERE.items():
        assert code in (ROOT / path).read_text(encoding="utf-8"), (code, path)


def _constants() -> dict[str, Rule]:
    return {name: value for name, value in vars(rules).items() if isinstance(value, Rule)}


def test_explain_finds_a_rule_by_code_and_by_name() -> None:
    assert find_rule("fc104") is find_rule("dynamic-endpoint-name")
    with pytest.raises(UnknownRule, match="did you mean `dynamic-endpoint-name`"):
        find_rule("dynamic-endpoint-nam")
    assert len(listing().splitlines()) == len(RULES)
