"""Read the requirements in `pyproject.toml`: the project's own, its extras, and its groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct
from packaging.utils import canonicalize_name

from flashc_core import rules
from flashc_core.packaging_texts import parse_requirement
from flashc_core.source import Lines, Span
from flashc_ir.requirements import Offer

from .collector import Collector, as_list, as_table, is_project_itself, span_of
from .invalid_text import InvalidText
from .pip_files import REQUIREMENTS
from .uv_tables import UvTables

PYPROJECT = "pyproject.toml"


def read_pyproject(collector: Collector, uv: UvTables) -> None:
    """Add the requirements of `[project]`, and of the selected extras and groups."""
    document = collector.table(PYPROJECT)
    if document is None:
        return
    text = collector.read(PYPROJECT) or ""
    lines = Lines(text)
    project = as_table(document.get("project"))
    own = canonicalize_name(str(project.get("name", "")))
    for entry in as_list(project.get("dependencies")):
        extras = _extras_of_self_reference(own, entry)
        if extras is not None:  # the project itself, with extras of its own
            collector.extras |= extras
            continue
        _add(collector, uv, entry, span_of(PYPROJECT, lines, str(entry), "dependencies"))
    optional = as_table(project.get("optional-dependencies"))
    _read_extras(collector, uv, optional, lines)
    _read_groups(collector, uv, as_table(document.get("dependency-groups")), lines)
    _check_dynamic(collector, document, lines)


def _extras_of_self_reference(name: str, entry: object) -> set[str] | None:
    """Return the extras in a requirement for the project itself; None for other requirements."""
    from packaging.requirements import InvalidRequirement

    try:
        requirement = parse_requirement(str(entry))
    except InvalidRequirement:
        return None
    return requirement.extras if canonicalize_name(requirement.name) == name else None


def _add(collector: Collector, uv: UvTables, entry: object, span: Span, *, group: str = "") -> None:
    """Add a requirement once for each of its sources in `[tool.uv.sources]`; report an invalid one.

    A requirement for the project itself is skipped.
    """
    try:
        parsed = collector.parse(str(entry))
        if not is_project_itself(parsed):
            for variant in uv.variants(parsed, collector.extras, group):
                collector.add(variant, span)
    except InvalidText as error:
        collector.refuse(str(entry), span, error)


def _read_extras(
    collector: Collector, uv: UvTables, optional: dict[str, Any], lines: Lines
) -> None:
    """Add the requirements of the selected extras; record those of the other extras as offers.

    Messages about missing packages use the offers for hints.  An extra may include others, as
    `app[other]`.
    """
    own = canonicalize_name(collector.distribution_in("") or "")
    lists = _RequirementLists(
        word="extra",
        kind="extra",
        table="optional-dependencies",
        entries=optional,
        wanted=collector.extras,
    )
    for extra, entry in lists.chosen(
        collector, lines, lambda entry: _extras_of_self_reference(own, entry)
    ):
        _add(collector, uv, entry, span_of(PYPROJECT, lines, str(entry), extra))


def _read_groups(collector: Collector, uv: UvTables, groups: dict[str, Any], lines: Lines) -> None:
    """Add the requirements of the selected dependency groups (PEP 735); record the rest as offers.

    Messages about missing packages use the offers for hints.
    """
    lists = _RequirementLists(
        word="group",
        kind="dependency group",
        table="dependency-groups",
        entries=groups,
        wanted=collector.groups,
    )
    for group, entry in lists.chosen(collector, lines, _included_group):
        span = span_of(PYPROJECT, lines, str(entry), group, after="[dependency-groups]")
        _add(collector, uv, entry, span, group=group)


def _included_group(entry: object) -> set[str] | None:
    """Return the group that an entry of a group includes; None for a requirement."""
    included = as_table(entry).get("include-group")
    return None if included is None else {str(included)}


class _RequirementLists(Struct, frozen=True, kw_only=True):
    """Named lists of requirements, extras or groups; `[tool.flashc]` selects some of them.

    `word` and `kind` are the singular nouns for one list: `word` for options, `kind` for messages.
    `table` is the table of `pyproject.toml` that has the lists.
    """

    word: str
    kind: str
    table: str
    entries: dict[str, Any]
    wanted: set[str]

    def chosen(
        self, collector: Collector, lines: Lines, included: Callable[[object], set[str] | None]
    ) -> Iterator[tuple[str, object]]:
        """Yield (list name, requirement) for the selected lists; record the rest as offers.

        Lists that a selected list includes are selected too.  `included` returns the lists that an
        entry includes; None for a requirement.
        """
        by_name = {canonicalize_name(n): (n, as_list(each)) for n, each in self.entries.items()}
        pending = [canonicalize_name(name) for name in sorted(self.wanted)]
        chosen: set[str] = set()
        while pending:
            name = pending.pop()
            if name in chosen:
                continue
            chosen.add(name)
            if name not in by_name:
                header = f"project.{self.table}" if self.word == "extra" else self.table
                collector.report(
                    span_of(PYPROJECT, lines, self.table, "[project]"),
                    f"the project has no {self.kind} `{name}`",
                    rules.INVALID_CONFIGURATION,
                    f"the {self.word}s are {', '.join(sorted(by_name))}"
                    if by_name
                    else f'add `{name} = ["package==1.2"]` to `[{header}]`',
                )
                collector.is_complete = False
                continue
            for entry in by_name[name][1]:
                further = included(entry)
                if further is None:
                    yield name, entry
                else:
                    pending += map(canonicalize_name, further)
        for name, (written, entries) in by_name.items():
            if name not in chosen:
                help = f'write `{self.word}s = ["{written}"]` in `[tool.flashc]`'
                _offer(collector, entries, lines, f"the {self.word} `{written}`", help)


def _offer(collector: Collector, entries: list[Any], lines: Lines, place: str, help: str) -> None:
    """Record the valid requirements of an unselected extra or group as offers."""
    for entry in entries:
        if not isinstance(entry, str):
            continue
        try:
            name = collector.parse(entry).name
        except InvalidText:
            continue
        span = span_of(PYPROJECT, lines, entry)
        collector.offers.append(Offer(name=name, place=place, help=help, span=span))


def _check_dynamic(collector: Collector, document: dict[str, Any], lines: Lines) -> None:
    """Read the files that `[tool.setuptools.dynamic]` names; report dependencies that no file lists.

    These files are read as requirements files without pip options.
    """
    if "dependencies" not in as_list(as_table(document.get("project")).get("dynamic")):
        return
    span = span_of(PYPROJECT, lines, '"dependencies"', "dynamic", after="dynamic")
    setuptools = as_table(as_table(document.get("tool")).get("setuptools"))
    listed = as_table(as_table(setuptools.get("dynamic")).get("dependencies")).get("file")
    files = [listed] if isinstance(listed, str) else as_list(listed)
    if not files:
        collector.report(
            span,
            f"`{PYPROJECT}`: the dependencies are dynamic, so flashc can't know them",
            rules.INVALID_CONFIGURATION,
            f"list them in `dependencies`, or in `{REQUIREMENTS}`",
        )
        collector.is_complete = False
    for file in map(str, files):
        text = collector.read(file)
        if text is None:
            collector.report(span, f"`{PYPROJECT}`: `{file}` can't be read")
            collector.is_complete = False
            continue
        for number, line in enumerate(text.splitlines(), 1):
            entry = line.partition("#")[0].strip()
            if entry:
                shipped = file in collector.project.by_path
                at = Span(file, number, 1, number, len(line) + 1) if shipped else span
                try:
                    collector.add(collector.parse(entry), at)
                except InvalidText as error:
                    collector.refuse(entry, at, error)
