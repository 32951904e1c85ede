"""Read lists of requirements that no build uses, so that a finding can say where a package stands."""

from __future__ import annotations

import re

from flashc_core.source import Span
from flashc_ir.requirements import Offer

from .collector import Collector
from .pip_files import REQUIREMENTS

_LIST = re.compile(r"(?:requirements/[\w.-]+|[\w.-]*requirements[\w.-]*)\.(?:txt|in)")
_SETUP = "setup.cfg"
_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")


def read_other_lists(collector: Collector) -> None:
    """Offer what other requirements files and `setup.cfg` list."""
    read = {dependency.span.path for dependency in collector.found}
    for path in collector.project.by_path:
        if path == _SETUP:
            _read_setup(collector)
        elif _LIST.fullmatch(path) and path not in read and path != REQUIREMENTS:
            text = collector.read(path)
            for number, line in enumerate((text or "").splitlines(), 1):
                help = f"write `-r {path}` in `{REQUIREMENTS}`"
                _offer(collector, line, Span(path, number, 1, number, len(line) + 1), help)


def _offer(collector: Collector, line: str, span: Span, help: str) -> None:
    """Offer the package that a line names."""
    match = _NAME.match(line)
    if match is not None:
        name = re.sub(r"[-_.]+", "-", match[1]).lower()
        collector.offers.append(Offer(name=name, place=f"`{span.path}`", help=help, span=span))


def _read_setup(collector: Collector) -> None:
    """Offer what `install_requires` in `setup.cfg` lists."""
    is_inside = False
    for number, line in enumerate((collector.read(_SETUP) or "").splitlines(), 1):
        if line.strip() and not line[0].isspace():
            is_inside = line.partition("=")[0].strip() == "install_requires"
            line = line.partition("=")[2]
        if is_inside:
            help = f"write it in `{REQUIREMENTS}`"
            _offer(collector, line, Span(_SETUP, number, 1, number, len(line) + 1), help)
