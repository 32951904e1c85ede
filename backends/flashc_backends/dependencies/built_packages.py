"""Report the packages whose build scripts ran on this machine, and who asked for them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.utils import canonicalize_name

from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_core.source import Location, WholeFile

from .asked import RequestedRequirement

# A line of uv: `   Built six==1.16.0`, or `   Built six @ file:///six.tar.gz`.
_BUILT = re.compile(r"^\s*Built ([A-Za-z0-9][\w.-]*?)(?:==| @ |$)", re.MULTILINE)


def report_built(output: str, requirements: Sequence[RequestedRequirement], sink: Sink) -> None:
    """Report the packages that uv has built, by what it printed on standard error."""
    for name in sorted({canonicalize_name(each) for each in _BUILT.findall(output)}):
        asked = [each for each in requirements if each.dependency.name == name]
        where = asked[0].dependency.span if asked else WholeFile("requirements.txt")
        others = tuple(Label(each.dependency.span, each.described) for each in asked[1:])
        report_built_package(name, where, sink, asked[0].described if asked else "", others)


def report_built_package(
    name: str, where: Location, sink: Sink, asked: str = "", others: tuple[Label, ...] = ()
) -> None:
    """Report one package whose build script ran; `asked` says who asked for it."""
    by = "" if asked else "; another package requires it"
    sink.report(
        rules.BUILT_FROM_SOURCE,
        where,
        f"`{name}` was built from source: its build script ran on this machine{by}",
        label=asked,
        secondary=others,
        help=("if you do not trust it, remove it, or choose a version that has a wheel",),
    )
