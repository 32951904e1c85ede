"""Read requirement lists that the build does not use, so that a finding can say where a missing package is listed."""

from __future__ import annotations

import re

from flashc_core.source import Span
from flashc_ir.requirements import Offer

from .collector import Collector
from .pip_files import REQUIREMENTS

_LIST = re.compile(r"(?:requirements/[\w.-]+|[\w.-]*requirements[\w.-]*)\.(?:txt|in)")
_SETUP = "setup.cfg"
_OPTION = re.compile(r"([\w.-]+)\s*[=:]")  # as `configparser` reads it
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
    help = f"write it in `{REQUIREMENTS}`"
    for number, line in enumerate((collector.read(_SETUP) or "").splitlines(), 1):
        start, text = 0, line
        if line.lstrip().startswith(("#", ";")):
            continue
        if line.strip() and not line[0].isspace():
            option = _OPTION.match(line)
            is_inside = option is not None and option[1] == "install_requires"
            start = len(line) if option is None else option.end()
            text = line[start:]
        if is_inside and not text.lstrip().startswith("file:"):
            span = Span(_SETUP, number, start + 1, number, len(line) + 1)
            _offer(collector, text, span, help)
