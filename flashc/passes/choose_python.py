"""Choose the one Python version that all workers of the app run."""

from __future__ import annotations

from msgspec import structs

from flashc.project.python_version import (
    DeclaredPython,
    allows,
    pinned_python,
    required_python,
)
from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_core.source import Location, Span, WholeFile
from flashc_ir.endpoints import DeployedEndpoint
from flashc_ir.platform.images import DEFAULT_PYTHON, supported_pythons
from flashc_ir.program import Program

from .context import PassContext


def choose_python(program: Program, context: PassContext) -> Program:
    """Set the program's Python version and the reason for it.

    The option comes first, then what endpoints declare, `.python-version`, `requires-python`, and
    the default.  A version that no worker image has, endpoints that declare different versions, and
    a choice that `requires-python` does not allow, are reported.
    """
    declared: dict[str, DeployedEndpoint] = {}
    for endpoint in program.deployed:
        version = endpoint.configuration.python_version
        if version is not None:
            declared.setdefault(version, endpoint)
    required = required_python(context.project)
    version, reason = _choice(declared, required, program, context)
    if version in supported_pythons():
        _check_required(version, reason, required, context.sink)
    return structs.replace(program, python_version=version, python_reason=reason)


def _choice(
    declared: dict[str, DeployedEndpoint],
    required: DeclaredPython | None,
    program: Program,
    context: PassContext,
) -> tuple[str, str]:
    """Return the version and where it comes from, as text for people."""
    wanted = context.options.python_version
    if wanted is not None:
        _check_supported(wanted, WholeFile("pyproject.toml"), context.sink)
        is_flag = "python_version" in context.flags
        if not is_flag:  # a flag replaces what endpoints declare
            _check_agreement(wanted, declared, program, context.sink)
        return wanted, "`--python-version`" if is_flag else "`[tool.flashc]`"
    if declared:
        _check_conflict(declared, program, context.sink)
        (version, endpoint), *_ = declared.items()
        parameter = program.spelling_of(endpoint).python_version
        shown = "the declaration" if parameter is None else f"`{parameter}`"
        return version, f"{shown} of an endpoint"
    pinned = pinned_python(context.project)
    if pinned is not None and pinned.text in supported_pythons():
        return pinned.text, "`.python-version`"
    default = "the default"
    if pinned is not None:  # it says what the developer's machine has
        default = f"the default; no image has Python {pinned.text} of `.python-version`"
    if required is None or allows(required.text, DEFAULT_PYTHON):
        return DEFAULT_PYTHON, default
    allowed = [each for each in supported_pythons() if allows(required.text, each)]
    if not allowed:
        context.sink.report(
            rules.UNSUPPORTED_PYTHON,
            required.location,
            f"no worker image has a Python that `{required.text}` allows",
            help=(f"allow one of {', '.join(supported_pythons())}",),
        )
        return DEFAULT_PYTHON, default
    return allowed[-1], "`requires-python`"


def _check_required(version: str, reason: str, required: DeclaredPython | None, sink: Sink) -> None:
    """Report a version that `requires-python` does not allow, unless that was reported already."""
    if required is None or reason.startswith("the default") or allows(required.text, version):
        return
    sink.report(
        rules.PYTHON_CONFLICT,
        required.location,
        f"workers have Python {version} ({reason}), which `{required.text}` does not allow",
        help=("change `requires-python`, or choose another version with `--python-version`",),
    )


def _check_conflict(declared: dict[str, DeployedEndpoint], program: Program, sink: Sink) -> None:
    """Report endpoints that declare different versions."""
    if len(declared) < 2:
        return
    (first, one), *others = sorted(declared.items())
    parameter = program.spelling_of(*declared.values()).python_version
    shown = "Python version" if parameter is None else f"`{parameter}`"
    sink.report(
        rules.PYTHON_CONFLICT,
        _span(one, program),
        "endpoints of one app need one Python version",
        label=f"Python {first}",
        secondary=tuple(
            Label(_span(other, program), f"Python {version}") for version, other in others
        ),
        help=(f"give every endpoint the same {shown}, or none",),
    )


def _span(endpoint: DeployedEndpoint, program: Program) -> Span:
    """Return the span of the version that an endpoint declares."""
    return endpoint.construction.span_of(program.spelling_of(endpoint).python_version)


def _check_supported(version: str, where: Location, sink: Sink) -> None:
    """Report a version for which there is no worker image."""
    if version not in supported_pythons():
        sink.report(
            rules.UNSUPPORTED_PYTHON,
            where,
            f"no worker image has Python {version}",
            help=(f"pass `--python-version` with one of {', '.join(supported_pythons())}",),
        )


def _check_agreement(
    wanted: str, declared: dict[str, DeployedEndpoint], program: Program, sink: Sink
) -> None:
    """Report an endpoint that declares another version than the option asks for."""
    for version, endpoint in declared.items():
        if version != wanted and wanted in supported_pythons():
            sink.report(
                rules.PYTHON_CONFLICT,
                _span(endpoint, program),
                f"the app is built for Python {wanted}, this endpoint declares {version}",
                help=("change one of them, or pass `--python-version`",),
            )
            return
