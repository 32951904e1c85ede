"""Read comments that suppress findings (`# flashc: ignore[FC203]`), and report unused ones."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

from msgspec import Struct

from flashc_core import rules
from flashc_core.diagnostics import Diagnostic, Fix, Label, Phase, Safety, Sink
from flashc_core.encoding import Undecodable
from flashc_core.source import Edit, Span

from .project import Project

_COMMENT = re.compile(r"#\s*flashc:\s*ignore\b\s*(?:\[([^\]]*)\])?")
_MARKER = b"flashc:"


class Suppression(Struct, frozen=True, kw_only=True):
    """A comment that suppresses findings: its codes as written, and its span.

    `blank` is the span of the comment and the space before it.
    """

    codes: tuple[str, ...]
    span: Span
    blank: Span

    def hides(self, diagnostic: Diagnostic) -> bool:
        """Return whether the comment suppresses a finding: the comment is on the finding's line and names its rule.

        A finding about a whole file is suppressed by a comment on the file's first line.
        """
        location, rule = diagnostic.location, diagnostic.rule
        if isinstance(location, Span):
            on_line = self.span.line in (location.line, location.end_line)
        else:
            on_line = self.span.line == 1
        named = rule.code in self.codes or rule.name in self.codes
        return on_line and named and rule.suppressible and location.path == self.span.path


def read_suppressions(path: str, text: str) -> list[Suppression]:
    """Return the comments of one module; text inside string literals is not a comment."""
    import tokenize  # most modules have no such comment

    found: list[Suppression] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            match = _COMMENT.match(token.string) if token.type == tokenize.COMMENT else None
            if match is None:
                continue
            codes = [code.strip() for code in (match[1] or "").split(",")]
            line, column = token.start
            before = token.line[:column]
            start = len(before.rstrip()) if before.strip() else 0
            found.append(
                Suppression(
                    codes=tuple(code for code in codes if code),
                    span=Span(path, line, column + 1, line, token.end[1] + 1),
                    blank=Span(path, line, start + 1, line, token.end[1] + 1),
                )
            )
    except (tokenize.TokenError, SyntaxError):
        return found  # the syntax error is reported when the module is parsed
    return found


def collect_suppressions(project: Project) -> list[Suppression]:
    """Return the comments of every module of the project that can be read."""
    found: list[Suppression] = []
    for path in sorted(project.modules.values()):
        try:
            source = project.source(path)
            if source.mentions((_MARKER,)):
                found.extend(read_suppressions(path, source.text))
        except (OSError, Undecodable):  # this is reported when the module is read
            continue
    return found


def report_unused(suppressions: Iterable[Suppression], sink: Sink) -> None:
    """Report comments, and codes in them, that suppressed no finding of the sink."""
    for suppression in suppressions:
        hidden = [d.rule for d in sink.hidden if suppression.hides(d)]
        used = {name for rule in hidden for name in (rule.code, rule.name)}
        for diagnostic in _findings(suppression, used):
            sink.add(diagnostic)


def _findings(suppression: Suppression, used: set[str]) -> list[Diagnostic]:
    """Return the findings about a comment if it, or one of its codes, suppresses nothing."""
    unused = [code for code in suppression.codes if code not in used and not _is_found_later(code)]
    primary = Label(suppression.span, "")
    if not suppression.codes:
        return [
            Diagnostic(
                rule=rules.UNUSED_SUPPRESSION,
                message="an `ignore` comment needs the codes that it suppresses",
                primary=primary,
                help=("write `# flashc: ignore[FC310] reason`",),
            )
        ]
    remove = Fix("remove the comment", (Edit(suppression.blank, ""),), Safety.SAFE)
    whole = len(unused) == len(suppression.codes)
    subject = "this comment" if whole else "a code in this comment"
    return [
        Diagnostic(
            rule=rules.UNUSED_SUPPRESSION,
            message=f"{subject} suppresses nothing: {_reason(code)}",
            primary=primary,
            help=("remove it",),
            fix=remove if whole and code == unused[0] else None,
        )
        for code in unused
    ]


def _is_found_later(code: str) -> bool:
    """Return whether only a build or a trace can find a rule, so that a check can't judge it."""
    rule = rules.find(code)
    return rule is not None and rule.phase is not Phase.CHECK


def _reason(code: str) -> str:
    """Return why a code in a comment suppressed no finding."""
    rule = rules.find(code)
    if rule is None:
        removed = rules.find_removed(code)
        return f"the rule {code} was removed" if removed else f"there is no rule {code}"
    if not rule.suppressible:
        return f"{code} can't be suppressed"
    return f"{code} is not reported on this line"
