"""Read Poetry's tables in `pyproject.toml`."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from packaging.utils import canonicalize_name

from flashc_core import rules
from flashc_core.source import Lines, Span
from flashc_ir.requirements import IndexSource, Offer, PackageIndex

from .collector import INDEX_HELP, Collector, as_list, as_table, span_of
from .invalid_text import InvalidText
from .locations import source_of
from .locked_versions import read_poetry_lock
from .texts import Parsed, with_source

PYPROJECT = "pyproject.toml"
_LOCATIONS = frozenset(
    "path file url git rev tag branch subdirectory develop source optional".split()
)


def read_poetry(collector: Collector) -> None:
    """Add the requirements of `[tool.poetry.dependencies]` and of the groups that are chosen."""
    tool = as_table((collector.table(PYPROJECT) or {}).get("tool"))
    table = as_table(tool.get("poetry"))
    if not table:
        return
    lines = Lines(collector.read(PYPROJECT) or "")
    read_poetry_lock(collector)
    _read_sources(collector, table, lines)
    chosen = {name for names in _extras(collector, table) for name in names}
    _read_table(collector, as_table(table.get("dependencies")), lines, "dependencies", chosen)
    for name, group in as_table(table.get("group")).items():
        entries = as_table(as_table(group).get("dependencies"))
        if name in collector.groups:
            _read_table(collector, entries, lines, f"group.{name}.dependencies", set())
            continue
        for package in entries:
            span = _span(lines, package, f"[tool.poetry.group.{name}.dependencies]")
            collector.offers.append(
                Offer(
                    name=canonicalize_name(package),
                    place=f"Poetry's group `{name}`",
                    help=f'write `groups = ["{name}"]` in `[tool.flashc]`',
                    span=span,
                )
            )


def _extras(collector: Collector, table: dict[str, Any]) -> list[list[str]]:
    """Return the names of the optional packages of each extra that is chosen."""
    extras = as_table(table.get("extras"))
    return [
        [canonicalize_name(str(name)) for name in as_list(names)]
        for extra, names in extras.items()
        if extra in collector.extras
    ]


def _read_table(
    collector: Collector, table: dict[str, Any], lines: Lines, key: str, chosen: set[str]
) -> None:
    """Add the requirements of one table; optional ones only if an extra has chosen them."""
    for name, value in table.items():
        if name.lower() == "python":
            continue
        span = _span(lines, name, f"[tool.poetry.{key}]")
        alternatives = as_list(value) if isinstance(value, list) else [value]
        for alternative in alternatives:
            if (
                as_table(alternative).get("optional") is True
                and canonicalize_name(name) not in chosen
            ):
                collector.offers.append(
                    Offer(
                        name=canonicalize_name(name),
                        place="Poetry's optional dependencies",
                        help="choose an extra that has it, with `extras` in `[tool.flashc]`",
                        span=span,
                    )
                )
                continue
            try:
                collector.add(_parsed(collector, name, alternative), span)
            except InvalidText as error:
                collector.refuse(f"{name} = {alternative!r}", span, error)


def _parsed(collector: Collector, name: str, value: Any) -> Parsed:
    """Return the requirement that an entry of a table means; Poetry's own library reads it.

    Raises:
        InvalidText: the entry is not valid.
    """
    from poetry.core.exceptions import PoetryCoreError
    from poetry.core.factory import Factory

    table = as_table(value)
    plain = {key: each for key, each in table.items() if key not in _LOCATIONS}
    _check_types(plain if table else {"version": value})
    if table and "version" not in plain:
        plain["version"] = "*"
    try:
        text = Factory.create_dependency(name, plain if table else value).to_pep_508()
    except RecursionError as error:
        raise InvalidText("it is nested too deeply") from error
    except (ValueError, TypeError, KeyError, PoetryCoreError) as error:
        raise InvalidText(str(error).partition("\n")[0]) from error
    location = next((str(table[key]) for key in ("path", "file") if key in table), None)
    parsed = collector.parse(text)
    if location is not None:
        return with_source(parsed, location)
    if "url" in table:
        return with_source(parsed, str(table["url"]))
    if "git" in table:
        revision = next((table[key] for key in ("rev", "tag", "branch") if key in table), "")
        folder = f"#subdirectory={table['subdirectory']}" if "subdirectory" in table else ""
        url = f"git+{table['git']}" + (f"@{revision}" if revision else "") + folder
        return with_source(parsed, url)
    if "source" in table:
        return replace(parsed, source=IndexSource(str(table["source"])))
    return parsed


def _check_types(table: dict[str, Any]) -> None:
    """Check the values of an entry, as far as Poetry's library does not.

    Raises:
        InvalidText: a value has a wrong type.
    """
    for key, value in table.items():
        if key == "extras":
            fits = all(isinstance(each, str) for each in as_list(value) or [value])
        else:
            fits = isinstance(value, bool if key == "allow-prereleases" else str)
        if not fits:
            raise InvalidText(f"`{key}` can't be {value!r}")


def _read_sources(collector: Collector, table: dict[str, Any], lines: Lines) -> None:
    """Add the package indexes of `[[tool.poetry.source]]`.

    A supplemental index is asked only for packages that no other index has.  uv asks its default
    index last.  So the last supplemental index becomes the default, which needs a primary index in
    the project: without one, the public index would have to come first, and it can't be named here.
    """
    sources = [as_table(each) for each in as_list(table.get("source"))]
    priorities = [str(source.get("priority", "primary")).lower() for source in sources]
    has_primary = any(
        source.get("url") and priority in ("primary", "default")
        for source, priority in zip(sources, priorities, strict=True)
    )
    last = max((n for n, each in enumerate(priorities) if each == "supplemental"), default=-1)
    for number, source in enumerate(sources):
        name, url = str(source.get("name", "")), str(source.get("url", ""))
        span = span_of(PYPROJECT, lines, url or name, name, after="[[tool.poetry.source]]")
        priority = str(source.get("priority", "primary")).lower()
        try:
            if not url:
                continue  # the public index under its own name
            source_of(url)
            if priority not in ("primary", "default", "explicit", "supplemental"):
                raise InvalidText(
                    f"the priority `{priority}` is not supported", 'write `priority = "explicit"`'
                )
            if priority == "supplemental" and not has_primary:
                raise InvalidText(
                    "the priority `supplemental` needs a primary source",
                    f'write `priority = "explicit"`, and `source = "{name}"` at its packages',
                )
        except InvalidText as error:
            collector.report(
                collector.where(span, error),
                f"the source `{name}` can't be used: {error}",
                rules.INVALID_CONFIGURATION,
                error.help or INDEX_HELP,
            )
            continue
        has_default = any(index.default for index in collector.indexes)
        is_default = number == last or (
            priority in ("primary", "default") and last < 0 and not has_default
        )
        collector.indexes.append(
            PackageIndex(
                name=name,
                url=url,
                span=span,
                explicit=priority == "explicit",
                default=is_default,
            )
        )


def _span(lines: Lines, name: str, after: str) -> Span:
    """Return the span of a package's name in a table."""
    return span_of(PYPROJECT, lines, f"{name} =", f"{name}=", f'"{name}"', name, after=after)
