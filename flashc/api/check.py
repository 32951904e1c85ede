"""Check a project for mistakes, or return the cached findings if no input has changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from flashc.incremental.fingerprint import memo_of, project_key
from flashc.incremental.memo import without_unusable_cache
from flashc.project.workspace import Workspace
from flashc_core import rules
from flashc_core.cache import decoded
from flashc_core.diagnostics import Diagnostic, Rule

from .result import Result

if TYPE_CHECKING:  # a cached result needs no dialect
    from flashc.compile import ReadProject
    from flashc.frontend.dialect import Dialect

_KIND = "checks"


class CheckResult(Result, frozen=True, kw_only=True):
    """The result of a check.

    Attributes:
        endpoints: the number of endpoints, None if there is no program because of errors.
    """

    endpoints: int | None


class UnknownRuleError(ValueError):
    """A name in `select` or `ignore` is not a rule; the argument is the name."""


def check_project(
    workspace: Workspace, *, dialects: tuple[Dialect, ...] | None = None
) -> CheckResult:
    """Check an opened project, as `flashc check` does.

    Args:
        workspace: the project.  Its options `select` and `ignore` decide which diagnostics are
            returned; an error that means the artifact would be wrong is always returned.
        dialects: the SDKs that the program may be written for; Flash if None.

    Raises:
        UnknownRuleError: the options name a rule that does not exist.
    """
    result = without_unusable_cache(lambda opened: _check(opened, dialects), workspace)
    options = workspace.options
    selected = _select(result.diagnostics, options.select, options.ignore)
    return structs.replace(result, diagnostics=selected)


def _check(workspace: Workspace, dialects: tuple[Dialect, ...] | None) -> CheckResult:
    """Return the cached result of a check with all diagnostics; check if there is none."""
    memo, key = memo_of(workspace), project_key(workspace, dialects)
    cached = None if key is None else decoded(memo.load(_KIND, key), CheckResult)
    if cached is not None:
        return cached
    from flashc.compile import read_project  # LibCST and the passes take a while to import

    read = read_project(workspace, dialects=dialects)
    if key is None:
        return _run_passes(read)[0]
    # If an edit alters nothing of what is read of the modules, the result is as before; see
    # `project_key`.
    key_of_read = project_key(workspace, dialects, read.digest())
    assert key_of_read is not None
    result = decoded(memo.load(_KIND, key_of_read), CheckResult)
    if result is not None:
        inputs = (*read.reading.inputs, *memo.inputs(_KIND, key_of_read))
    else:
        result, inputs = _run_passes(read)
        memo.save(_KIND, key_of_read, inputs, msgspec.msgpack.encode(result))
    memo.save(_KIND, key, inputs, msgspec.msgpack.encode(result))
    return result


def _run_passes(read: ReadProject) -> tuple[CheckResult, tuple[str, ...]]:
    """Run the passes on what was read of the modules; return the result and its inputs."""
    from flashc.compile import compile_modules

    sink = read.workspace.sink()
    compiled = compile_modules(read, sink, rewrite=False)
    endpoints = None if compiled.program is None else len(compiled.program.endpoints)
    return CheckResult(diagnostics=tuple(sink), endpoints=endpoints), compiled.inputs


def _select(
    diagnostics: Iterable[Diagnostic], select: Iterable[str], ignore: Iterable[str]
) -> tuple[Diagnostic, ...]:
    """Return the diagnostics that `select` includes and `ignore` does not exclude.

    Diagnostics of rules that can't be suppressed are always returned.

    Raises:
        UnknownRuleError: `select` or `ignore` has a name that is not a rule.
    """
    selected, ignored = tuple(select), tuple(ignore)
    for name in (*selected, *ignored):
        if not any(_names_rule(name, rule) for rule in rules.RULES):
            raise UnknownRuleError(name)
    return tuple(
        diagnostic
        for diagnostic in diagnostics
        if not diagnostic.rule.suppressible or _is_selected(diagnostic.rule, selected, ignored)
    )


def _is_selected(rule: Rule, select: tuple[str, ...], ignore: tuple[str, ...]) -> bool:
    """Return whether a rule is in `select` (all if it is empty) and not in `ignore`."""
    selected = not select or any(_names_rule(name, rule) for name in select)
    return selected and not any(_names_rule(name, rule) for name in ignore)


def _names_rule(name: str, rule: Rule) -> bool:
    """Return whether a name, a code or the beginning of a code stands for a rule."""
    return name == rule.name or rule.code.startswith(name)
