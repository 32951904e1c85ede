"""Read `Pipfile`, the list of requirements of Pipenv."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from packaging.utils import canonicalize_name

from flashc_core import rules
from flashc_core.source import Lines
from flashc_ir.requirements import IndexSource, Offer, PackageIndex

from .collector import INDEX_HELP, Collector, as_list, as_table, span_of
from .invalid_text import InvalidText
from .locations import source_of
from .locked_versions import read_pipfile_lock
from .texts import Parsed, with_source

PIPFILE = "Pipfile"
_KEYS = frozenset(
    "version extras markers index git ref subdirectory path file editable "
    "platform_system sys_platform os_name python_version platform_machine "
    "python_full_version platform_python_implementation implementation_name".split()
)
_MARKERS = _KEYS - frozenset(
    "version extras markers index git ref subdirectory path file editable".split()
)


def read_pipfile(collector: Collector) -> None:
    """Add the requirements of `[packages]` and the indexes; `[dev-packages]` are offers.

    Source of the form: pipenv.pypa.io/en/latest/pipfile.html.
    """
    document = collector.table(PIPFILE)
    if document is None:
        return
    lines = Lines(collector.read(PIPFILE) or "")
    read_pipfile_lock(collector)
    for number, source in enumerate(map(as_table, as_list(document.get("source")))):
        url = str(source.get("url", ""))
        span = span_of(PIPFILE, lines, url)
        try:
            source_of(url)
        except InvalidText as error:
            message = f"`{PIPFILE}`: the source can't be used: {error}"
            collector.report(
                collector.where(span, error),
                message,
                rules.INVALID_CONFIGURATION,
                error.help or INDEX_HELP,
            )
            continue
        name = str(source.get("name", ""))
        # The first source is asked for all packages, the others only for those that name them
        collector.indexes.append(
            PackageIndex(name=name, url=url, span=span, default=number == 0, explicit=number > 0)
        )
    for name, value in as_table(document.get("packages")).items():
        span = span_of(PIPFILE, lines, f"{name} =", f"{name}=", name, after="[packages]")
        try:
            parsed = _parsed(collector, name, value)
        except InvalidText as error:
            collector.refuse(f"{name} = {value!r}", span, error)
            continue
        collector.add(parsed, span)
    for name in as_table(document.get("dev-packages")):
        span = span_of(PIPFILE, lines, name, after="[dev-packages]")
        place, help = "`[dev-packages]` of the Pipfile", "move it to `[packages]`"
        collector.offers.append(
            Offer(name=canonicalize_name(name), place=place, help=help, span=span)
        )


def _parsed(collector: Collector, name: str, value: Any) -> Parsed:
    """Return the requirement that an entry of `[packages]` means.

    Raises:
        InvalidText: the entry is not valid.
    """
    table = {"version": value} if isinstance(value, str) else as_table(value)
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise InvalidText(f"flashc does not support the key `{unknown[0]}`")
    extras = ",".join(map(str, as_list(table.get("extras"))))
    version = str(table.get("version", "*"))
    markers = [f"({table['markers']})"] if "markers" in table else []
    markers += [f"{key} {table[key]}" for key in sorted(_MARKERS & table.keys())]
    text = name + (f"[{extras}]" if extras else "") + ("" if version == "*" else version)
    parsed = collector.parse(text + (f" ; {' and '.join(markers)}" if markers else ""))
    if "git" in table:
        revision = f"@{table['ref']}" if "ref" in table else ""
        folder = f"#subdirectory={table['subdirectory']}" if "subdirectory" in table else ""
        url = str(table["git"]).removeprefix("git+")
        return with_source(parsed, f"git+{url}{revision}{folder}")
    for key in ("path", "file"):
        if key in table:
            return with_source(parsed, str(table[key]))
    if "index" in table and str(table["index"]) not in _default_names(collector):
        return replace(parsed, source=IndexSource(str(table["index"])))
    return parsed


def _default_names(collector: Collector) -> set[str]:
    """Return the names of the indexes that are asked for all packages."""
    return {index.name for index in collector.indexes if not index.explicit}
