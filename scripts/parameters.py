"""Generate the documents and signatures that list the parameters of `Endpoint(...)`.

The documents are `spec/parameters.md` and the page of FC101; the signatures are in
`flashc/sdk/__init__.py`.

The tables of parameters are in `flashc/frontend/flash/`.  `tests/unit/test_parameters.py` compares
the files with the tables.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from flashc.frontend.flash.parameters import TABLES
from flashc.frontend.parameter_table import Parameter, Table

ROOT = Path(__file__).parent.parent
_WIDTH = 98  # columns of the docstrings
_GENERATED = "`Endpoint` takes these parameters:"  # this script writes everything below this line
INTRODUCTION = {
    "Endpoint": "`Endpoint(name, *, ...)`: only the name may be positional.",
    "NetworkVolume": "`NetworkVolume(...)`, for `Endpoint(volume=...)`. It needs a `name` or an `id`.",
    "PodTemplate": "`PodTemplate(...)`, for `Endpoint(template=...)`.",
}


def chapter(current: str) -> str:
    """Return the text of `spec/parameters.md`: every table, one parameter per line."""
    lines = [
        "# Parameters",
        "",
        "Written by `scripts/parameters.py` from the tables in `flashc/frontend/flash/`. The last column names",
        "the keys of the endpoint's (the volume's, the template's) part of `flash_manifest.json`.",
    ]
    for kind, table in TABLES.items():
        lines += ["", f"## `{kind}`", "", INTRODUCTION[kind], ""]
        lines += ["| parameter | type | default | range | meaning | example | manifest |"]
        lines += ["|---|---|---|---|---|---|---|"]
        lines += [f"| {' | '.join(_cells(parameter))} |" for parameter in table]
    return "\n".join(lines) + "\n"


def _cells(parameter: Parameter[object]) -> Iterator[str]:
    """Yield the cells of a parameter's row in the table."""
    yield f"`{parameter.name}`"
    yield parameter.type
    yield _default(parameter)
    yield parameter.range
    yield parameter.doc
    yield f"`{parameter.example}`"
    yield ", ".join(f"`{key}`" for key in parameter.manifest)


def _default(parameter: Parameter[object]) -> str:
    """Return the default in the form that the documentation shows."""
    return parameter.shown_default or (
        "none" if parameter.signature == "None" else parameter.signature
    )


def page(current: str) -> str:
    """Return the page of FC101 with a new list of parameters; the text before the list is kept."""
    written = current.partition(_GENERATED)[0].rstrip()
    items = [_item(parameter) for parameter in TABLES["Endpoint"]]
    others = [
        f"`{kind}` takes {_listed([parameter.name for parameter in table])}."
        for kind, table in TABLES.items()
        if kind != "Endpoint"
    ]
    return "\n\n".join([written, _GENERATED, "\n".join(items), *others]) + "\n"


def _item(parameter: Parameter[object]) -> str:
    """Return the line of a parameter in the list on the page of FC101."""
    facts = [parameter.type, f"default {_default(parameter)}"]
    facts += [parameter.range] if parameter.range else []
    return f"- `{parameter.name}` ({'; '.join(facts)}): {parameter.doc}"


def _listed(names: list[str]) -> str:
    """Return quoted names as text: `a`, `b` and `c`."""
    quoted = [f"`{name}`" for name in names]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def signatures(current: str) -> str:
    """Return the text of `flashc/sdk/__init__.py` with new constructors of its classes."""
    for kind, table in TABLES.items():
        begin, end = f"    # Generated: {kind}.__init__\n", "    # End of the generated part\n"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        text = begin + "\n".join(_constructor(kind, table)) + "\n\n" + end
        found = re.search(pattern, current, re.DOTALL)
        if found is None:
            raise ValueError(f"flashc/sdk/__init__.py has no generated part for {kind}")
        current = current[: found.start()] + text + current[found.end() :]
    return current


def _constructor(kind: str, table: Table) -> Iterator[str]:
    """Yield the lines of the constructor of a class."""
    positional, named = (table[:1], table[1:]) if kind == "Endpoint" else ((), table)
    yield "    def __init__("
    yield "        self,"
    yield from (_signature(parameter) for parameter in positional)
    yield "        *,"
    yield from (_signature(parameter) for parameter in named)
    yield "    ) -> None:"
    article = "an" if kind == "Endpoint" else "a"
    yield f'        """Declare {article} `{kind}`.'
    yield ""
    yield "        Args:"
    for parameter in table:
        limits = f" ({parameter.range})" if parameter.range else ""
        yield textwrap.fill(
            f"{parameter.name}: {parameter.doc}{limits}",
            _WIDTH,
            initial_indent=" " * 12,
            subsequent_indent=" " * 16,
            break_on_hyphens=False,
        )
    yield '        """'
    yield from (f"        self.{parameter.name} = {parameter.name}" for parameter in table)


def _signature(parameter: Parameter[object]) -> str:
    """Return the line of a parameter in a signature."""
    return f"        {parameter.name}: {parameter.annotation} = {parameter.signature},"


DOCUMENTS: dict[str, Callable[[str], str]] = {
    "spec/parameters.md": chapter,
    "flashc/report/rules/FC101.md": page,
    "flashc/sdk/__init__.py": signatures,
}


if __name__ == "__main__":
    for path, make in DOCUMENTS.items():
        target = ROOT / path
        current = target.read_text(encoding="utf-8") if target.exists() else ""
        target.write_text(make(current), encoding="utf-8")
