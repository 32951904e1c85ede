"""The flag, the endpoints' wishes and the running interpreter -> the one Python version of the app."""

from __future__ import annotations

import sys

from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_core.source import WholeFile
from flashc_ir.endpoints import DeployedEndpoint, Endpoint, ExistingEndpoint
from flashc_ir.platform.images import SUPPORTED_PYTHONS


def choose_python(wanted: str | None, endpoints: tuple[Endpoint, ...], sink: Sink) -> str | None:
    """The app's Python: the flag, else what the endpoints declare, else the interpreter's own.

    None, and a diagnostic, where that is no version that worker images have.
    """
    declared: dict[str, DeployedEndpoint] = {}
    for endpoint in endpoints:
        if isinstance(endpoint, ExistingEndpoint):
            continue
        version = endpoint.configuration.python_version
        if version is not None:
            declared.setdefault(version, endpoint)
    if wanted is not None:
        return _checked(wanted, declared, sink)
    if len(declared) > 1:
        (first, one), *others = sorted(declared.items())
        sink.report(
            rules.PYTHON_CONFLICT,
            one.construction.span,
            "endpoints of one app need one Python version",
            label=f"Python {first}",
            secondary=tuple(
                Label(other.construction.span, f"Python {version}") for version, other in others
            ),
            help=("give every endpoint the same `python_version`, or none",),
        )
        return None
    if declared:
        return next(iter(declared))
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    return _checked(running, {}, sink)


def _checked(version: str, declared: dict[str, DeployedEndpoint], sink: Sink) -> str | None:
    if version not in SUPPORTED_PYTHONS:
        sink.report(
            rules.UNSUPPORTED_PYTHON,
            WholeFile("pyproject.toml"),
            f"no worker image has Python {version}",
            help=(f"pass `--python-version` with one of {', '.join(SUPPORTED_PYTHONS)}",),
        )
        return None
    for other, endpoint in declared.items():
        if other != version:
            sink.report(
                rules.PYTHON_CONFLICT,
                endpoint.construction.span,
                f"the app is built for Python {version}, this endpoint declares {other}",
                help=("drop the flag, or change the endpoint's `python_version`",),
            )
            return None
    return version
