"""Every rule has a page, and the page's example raises exactly what its comments announce."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from schemas import check_no_rule_disappears

from flashc.project.options import Options
from flashc.report.explain import UnknownRule, find_rule, listing, page, page_text
from flashc_core import rules
from flashc_core.diagnostics import ExitCode, Phase, Rule, Severity, Status
from flashc_core.rules import REMOVED, RULES
from tests.support.projects import ROOT, compile_files

# They compile many projects, which measuring makes two to three times slower.
pytestmark = pytest.mark.no_cover

PAGES = ROOT / "flashc" / "report" / "rules"
# Findings of the examples at lines that cannot have a comment.
WITHOUT_COMMENT = {
    "FC001": ("worker.py", 3),
    "FC006": (".", 1),
    "FC007": ("tools.py", 1),
    "FC009": ("prod.env", 1),
    "FC011": ("pyproject.toml", 2),
    "FC121": ("a.py", 3),
    "FC404": ("logger.py", 1),
    "FC409": ("requirements.txt", 1),
}
# Examples that are not for the Python version that tests compile for.
DECLARED = {"FC121": None, "FC134": "3.10"}
_FILE = re.compile(r"^`([^`]+)`\n\n```\w+\n(.*?)```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"# (?:error|warning): \[(FC\d{3})\]")


def example_of(code: str) -> dict[str, str]:
    """The files of a page's example."""
    return dict(_FILE.findall((PAGES / f"{code}.md").read_text(encoding="utf-8")))


def has_example(code: str) -> bool:
    """Return whether the page's example is a project that a check can find the rule in.

    Other rules need a build, a tool that fails, or a file that a page cannot show; each has a test of its
    own.
    """
    marked = {m[1] for text in example_of(code).values() for m in _MARK.finditer(text)}
    return code in WITHOUT_COMMENT or code in marked


@pytest.mark.parametrize("code", [rule.code for rule in RULES if has_example(rule.code)])
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


def test_a_page_as_text_keeps_the_stars_of_code() -> None:
    assert "has only `*args` and `**kwargs`." in page_text(rules.ROUTE_WITHOUT_ARGUMENTS)


def test_every_rule_is_reported_somewhere_and_tested_somewhere() -> None:
    constants = {rule.code: name for name, rule in _constants().items()}
    sources = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("flashc", "backends")
        for path in (ROOT / folder).rglob("*.py")
    )
    for rule in RULES:
        assert f"rules.{constants[rule.code]}" in sources, rule.code
    tests = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    for rule in RULES:
        if not has_example(rule.code):
            assert f'"{rule.code}"' in tests, rule.code


def test_only_a_rule_of_a_check_has_an_example_that_a_check_compiles() -> None:
    for rule in RULES:
        assert rule.phase is Phase.CHECK or not has_example(rule.code), rule.code


def test_no_code_or_name_is_used_again() -> None:
    for taken in zip(*((rule.code, rule.name) for rule in (*RULES, *REMOVED)), strict=True):
        assert len(set(taken)) == len(taken)


def test_no_rule_disappears_from_the_index() -> None:
    """The script that writes the index of rules refuses to lose a code or a name."""
    index = (ROOT / "spec" / "rules.md").read_text(encoding="utf-8")
    check_no_rule_disappears(index)
    for rule in (*RULES, *REMOVED):
        renamed = index.replace(f"`{rule.name}`", "`another-name`")
        with pytest.raises(ValueError, match=f"{rule.code} `another-name` is not a rule"):
            check_no_rule_disappears(renamed)
    with pytest.raises(ValueError, match="FC999 `gone` is not a rule"):
        check_no_rule_disappears(f"{index}- FC999 `gone`: it had no use\n")


def test_a_rule_says_what_its_findings_do() -> None:
    for rule in RULES:
        assert rule.status is Status.STABLE
        assert (rule.exit is ExitCode.SUCCESS) == (rule.severity is Severity.WARNING)
        assert rule.suppressible or rule.severity is Severity.ERROR
    for rule in REMOVED:
        assert rule.status is Status.REMOVED


def test_explain_tells_that_a_rule_was_removed() -> None:
    for text in ("FC209", "fc209", "not-a-function"):
        shown = page_text(find_rule(text))
        assert shown.startswith("FC209: not-a-function\n")
        assert "It was removed: no check ever reported it." in shown


def test_a_comment_that_suppresses_a_removed_rule_is_unused(tmp_path: Path) -> None:
    source = "from runpod_flash import Endpoint\n\n@Endpoint(name='w')  # flashc: ignore[FC209]\n"
    source += "async def run(x):\n    return x\n"
    found = compile_files(tmp_path, {"worker.py": source}).found("FC902")
    assert found.message == "this comment suppresses nothing: the rule FC209 was removed"


def test_a_comment_about_a_finding_of_a_trace_or_a_build_is_not_judged(tmp_path: Path) -> None:
    source = "from runpod_flash import Endpoint\n\n"
    source += (
        "@Endpoint(name='w')  # flashc: ignore[FC133, FC411]\nasync def run(x):\n    return x\n"
    )
    assert compile_files(tmp_path, {"worker.py": source}).codes == []


def _constants() -> dict[str, Rule]:
    return {name: value for name, value in vars(rules).items() if isinstance(value, Rule)}


def test_explain_finds_a_rule_by_code_and_by_name() -> None:
    assert find_rule("fc104") is find_rule("dynamic-endpoint-name")
    with pytest.raises(UnknownRule, match="did you mean `dynamic-endpoint-name`"):
        find_rule("dynamic-endpoint-nam")
    assert len(listing().splitlines()) == len(RULES)
