"""Choose the one Python version that all workers of the app run."""

from __future__ import annotations

import sys

from msgspec import structs

from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_core.source import WholeFile
from flashc_ir.endpoints import DeployedEndpoint
from flashc_ir.platform.images import supported_pythons
from flashc_ir.program import Program

from .context import PassContext


def choose_python(program: Program, context: PassContext) -> Program:
    """Set the program's Python version: the option, else the declared one, else the running one.

    A version that no worker image has, and endpoints that declare different versions, are reported.
    """
    declared: dict[str, DeployedEndpoint] = {}
    for endpoint in program.deployed():
        version = endpoint.configuration.python_version
        if version is not None:
            declared.setdefault(version, endpoint)
    wanted = context.options.python_version
    if wanted is not None:
        _check_supported(wanted, context.sink)
        _check_agreement(wanted, declared, context.sink)
        return structs.replace(program, python_version=wanted)
    if declared:
        _check_conflict(declared, context.sink)
        return structs.replace(program, python_version=next(iter(declared)))
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    _check_supported(running, context.sink)
    return structs.replace(program, python_version=running)


def _check_conflict(declared: dict[str, DeployedEndpoint], sink: Sink) -> None:
    """Report endpoints that declare different versions."""
    if len(declared) < 2:
        return
    (first, one), *others = sorted(declared.items())
    sink.report(
        rules.PYTHON_CONFLICT,
        one.construction.span_of("python_version"),
        "endpoints of one app need one Python version",
        label=f"Python {first}",
        secondary=tuple(
            Label(other.construction.span_of("python_version"), f"Python {version}")
            for version, other in others
        ),
        help=("give every endpoint the same `python_version`, or none",),
    )


def _check_supported(version: str, sink: Sink) -> None:
    """Report a version for which there is no worker image."""
    if version not in supported_pythons():
        sink.report(
            rules.UNSUPPORTED_PYTHON,
            WholeFile("pyproject.toml"),
            f"no worker image has Python {version}",
            help=(f"pass `--python-version` with one of {', '.join(supported_pythons())}",),
        )


def _check_agreement(wanted: str, declared: dict[str, DeployedEndpoint], sink: Sink) -> None:
    """Report an endpoint that declares another version than the option asks for."""
    for version, endpoint in declared.items():
        if version != wanted and wanted in supported_pythons():
            sink.report(
                rules.PYTHON_CONFLICT,
                endpoint.construction.span_of("python_version"),
                f"the app is built for Python {wanted}, this endpoint declares {version}",
                help=("remove the flag, or change the endpoint's `python_version`",),
            )
            return
