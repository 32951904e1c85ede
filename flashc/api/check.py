"""Check a project.  Returns the cached result if no input has changed since the last run."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from flashc.incremental.fingerprint import memo_of, project_key
from flashc.project.workspace import Workspace
from flashc_core import rules
from flashc_core.diagnostics import Diagnostic, Rule


class CheckResult(Struct, frozen=True):
    """What a check found; `endpoints` is their number, None where errors leave no program."""

    endpoints: int | None
    diagnostics: tuple[Diagnostic, ...]


class UnknownRuleError(ValueError):
    """A name in `select` or `ignore` is not a rule; the argument is the name."""


def check_project(workspace: Workspace) -> CheckResult:
    """Compile an opened project, and return all diagnostics, sorted by position.

    The options' `select` and `ignore` are not applied: see `select_diagnostics`.
    """
    memo, key = memo_of(workspace), project_key(workspace)
    cached = None if key is None else memo.load("checks", key)
    if cached is not None:
        return msgspec.json.decode(cached, type=CheckResult)
    from flashc.compile import compile_project  # LibCST and the passes take a while to import

    sink = workspace.sink()
    compiled = compile_project(workspace, sink, rewrite=False)
    endpoints = None if compiled.program is None else len(compiled.program.endpoints)
    result = CheckResult(endpoints, tuple(sink))
    if key is not None:
        memo.save("checks", key, compiled.inputs, msgspec.json.encode(result))
    return result


def select_diagnostics(
    diagnostics: Iterable[Diagnostic], select: Iterable[str], ignore: Iterable[str]
) -> list[Diagnostic]:
    """Return the diagnostics that `select` and `ignore` leave.

    Both hold codes, beginnings of codes, or names of rules.  Errors that would make a wrong artifact are
    always left.

    Raises:
        UnknownRuleError: no rule matches a name.
    """
    selected, ignored = tuple(select), tuple(ignore)
    for name in (*selected, *ignored):
        if not any(_fits(name, rule) for rule in rules.RULES):
            raise UnknownRuleError(name)
    return [
        diagnostic
        for diagnostic in diagnostics
        if not diagnostic.rule.suppressible or _is_selected(diagnostic.rule, selected, ignored)
    ]


def _is_selected(rule: Rule, select: tuple[str, ...], ignore: tuple[str, ...]) -> bool:
    selected = not select or any(_fits(name, rule) for name in select)
    return selected and not any(_fits(name, rule) for name in ignore)


def _fits(name: str, rule: Rule) -> bool:
    return name == rule.name or rule.code.startswith(name)
