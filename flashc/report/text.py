"""Render findings as text for the terminal, in the style of rustc: location, causes and help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from msgspec import Struct

from flashc_core.credential_files import names_credentials
from flashc_core.credentials import masked
from flashc_core.diagnostics import Diagnostic, Label, Severity
from flashc_core.encoding import visible
from flashc_core.source import Lines, Span, WholeFile, location_order

_TAB = 4
_WIDTH = 160  # columns; if a line of code is longer, only the part around the label is shown
_FAR = 4 * _WIDTH  # characters; hostile text may have many without a width

Paint = Callable[[str, str], str]
"""A function that colours a text; the second argument is its role, such as "error" or "gutter"."""


def plain(text: str, _role: str) -> str:
    """Return the text without colours."""
    return text


LineSource = Callable[[str], Lines | None]
"""A function that returns the lines of a file by its path; None if the file can't be shown."""


def render(diagnostics: Iterable[Diagnostic], lines_of: LineSource, paint: Paint = plain) -> str:
    """Return all diagnostics as text, and a line that counts them; "" if there are none."""
    found = list(diagnostics)
    blocks = ["\n".join(_rendered(diagnostic, lines_of, paint)) for diagnostic in found]
    if found:
        blocks.append(summary(found))
    return "\n\n".join(blocks) + ("\n" if blocks else "")


def summary(found: list[Diagnostic]) -> str:
    """Return the counts of the findings, as in `2 errors, 1 warning`."""
    errors = sum(d.severity is Severity.ERROR for d in found)
    counts = ((errors, "error"), (len(found) - errors, "warning"))
    return ", ".join(counted(n, word) for n, word in counts if n)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, as in `1 warning` and `2 warnings`."""
    return f"{number} {noun}{'s' * (number != 1)}"


class _ShownLabel(Struct, frozen=True):
    """A label, and whether it is the primary one of its finding."""

    label: Label
    primary: bool


def _rendered(diagnostic: Diagnostic, lines_of: LineSource, paint: Paint) -> Iterator[str]:
    """Yield the lines of one finding."""
    role = diagnostic.severity.value
    head = paint(f"{role}[{diagnostic.rule.code}]", role)
    yield f"{head}: {paint(_shown(diagnostic.message), 'bold')}"
    groups = _by_file(diagnostic)
    gutter = max(_width_of_number(item) for labels in groups.values() for item in labels)
    for index, (path, labels) in enumerate(groups.items()):
        arrow = "-->" if index == 0 else ":::"
        first = next((m for m in labels if m.primary), labels[0]).label.location
        remarks = [m.label.text for m in labels if isinstance(m.label.location, WholeFile)]
        remark = "; ".join(text for text in remarks if text)
        where = f"{first}: {remark}" if remark else str(first)
        yield f"{' ' * gutter}{paint(arrow, 'gutter')} {_shown(where)}"
        located = [(span, m) for m in labels if isinstance(span := m.label.location, Span)]
        lines = lines_of(path) if located and not names_credentials(path) else None
        if lines is not None:
            yield from _code(located, lines, gutter, paint, role)
    help = (*diagnostic.help, f"run `flashc explain {diagnostic.rule.code}`")
    for word, texts in (("note", diagnostic.notes), ("help", help)):
        for text in texts:
            sign = paint(" " * gutter + " =", "gutter")
            indent = "\n" + " " * (gutter + len(word) + 5)
            yield f"{sign} {paint(word, 'bold')}: {indent.join(map(_shown, text.splitlines()))}"


def _width_of_number(item: _ShownLabel) -> int:
    """Return the width of a label's line number, in columns."""
    location = item.label.location
    return 1 if isinstance(location, WholeFile) else len(str(location.line))


def _by_file(diagnostic: Diagnostic) -> dict[str, list[_ShownLabel]]:
    """Return the labels by file, in source order; the file of the primary label comes first."""
    groups: dict[str, list[_ShownLabel]] = {}
    for label in (diagnostic.primary, *diagnostic.secondary):
        item = _ShownLabel(label, label is diagnostic.primary)
        groups.setdefault(label.location.path, []).append(item)
    return {
        path: sorted(labels, key=lambda m: (location_order(m.label.location), not m.primary))
        for path, labels in groups.items()
    }


def _code(
    labels: list[tuple[Span, _ShownLabel]], lines: Lines, gutter: int, paint: Paint, role: str
) -> Iterator[str]:
    """Yield the lines of source code with the labels under them."""
    bar = paint(" " * gutter + " |", "gutter")
    yield bar
    shown = 0
    for span, item in labels:
        number = span.line
        if not 1 <= number <= len(lines):
            continue
        code, start, width = _clipped(_masked(lines.line(number)), span)
        if number != shown:
            if shown and number > shown + 1:
                yield paint("...", "gutter")
            yield f"{paint(f'{number:>{gutter}} |', 'gutter')} {code}".rstrip()
            shown = number
        sign, colour = ("^", role) if item.primary else ("-", "gutter")
        text = f" {_shown(item.label.text)}" if item.label.text else ""
        yield f"{bar} {' ' * start}{paint(sign * width + text, colour)}"
    yield bar


_masked = lru_cache(maxsize=16)(masked)  # a line may have thousands of findings


def _clipped(line: str, span: Span) -> tuple[str, int, int]:
    """Return the line as shown, and the start and width of the underline, in terminal columns."""
    start = min(span.column - 1, len(line))
    end = min(span.end_column - 1, len(line)) if span.end_line == span.line else len(line)
    near = line[: start + _FAR]
    width = max(_columns(_shown(near[start:end])), 1)
    if start <= _FAR:
        text, offset = _shown(near), _columns(_shown(near[:start]))
        if len(near) == len(line) and _columns(text) <= _WIDTH:
            return text, offset, width
        if offset + width <= _WIDTH:
            return f"{_cut(text, _WIDTH)}...", offset, width
    rest = _shown(near[start:])
    tail = _cut(rest, _WIDTH - 4)
    more = "..." if len(tail) < len(rest) or len(near) < len(line) else ""
    return f"... {tail}{more}", 4, min(width, max(_columns(tail), 1))


def _shown(text: str) -> str:
    """Return the text of one line with spaces for tabs, and U+FFFD for characters that control the terminal."""
    return visible(text.replace("\t", " " * _TAB).replace("\n", "\N{REPLACEMENT CHARACTER}"))


def _columns(text: str) -> int:
    """Return the number of terminal columns that a text without control characters takes."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # importing it takes 25 ms

    return wcswidth(text)


def _cut(text: str, width: int) -> str:
    """Return the longest beginning of `text` that fits into `width` terminal columns."""
    end = min(len(text), width)
    most = min(len(text), _FAR)
    while end < most and _columns(text[: end + 1]) <= width:
        end += 1
    while _columns(text[:end]) > width:
        end -= 1
    return text[:end]
