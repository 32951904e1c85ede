"""Offer the use cases of flashc as Python functions, for the command line, editors and scripts.

A script opens a project once and passes it to the functions::

    from flashc.api import build_project, check_project, open_workspace

    workspace = open_workspace("my-app", {"python_version": "3.12"})
    if not check_project(workspace).has_errors:
        print(build_project(workspace).artifact)

Mistakes in a project are never exceptions: they are in `diagnostics` of the result.  Exceptions
that a caller can cause are listed in the docstrings of the functions.  A name is imported when it
is used, so that a program that only checks does not load what builds.

The functions of other commands, such as preview, dev and platform, are in modules of this package.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # without importing `typing`
if TYPE_CHECKING:
    from flashc.frontend.dialect import Dialect as Dialect
    from flashc.project.workspace import Workspace as Workspace
    from flashc.project.workspace import open_workspace as open_workspace
    from flashc_backends.base import Progress as Progress
    from flashc_core.diagnostics import Diagnostic as Diagnostic
    from flashc_core.diagnostics import Severity as Severity

    from .build import BuildResult as BuildResult
    from .build import build_project as build_project
    from .check import CheckResult as CheckResult
    from .check import UnknownRuleError as UnknownRuleError
    from .check import check_project as check_project
    from .deploy import PlanResult as PlanResult
    from .deploy import deploy_project as deploy_project
    from .deploy import plan_project as plan_project
    from .deploy import roll_back as roll_back
    from .deploying import Audience as Audience
    from .deploying import DeployOptions as DeployOptions
    from .deploying import DeployResult as DeployResult
    from .emit import EmitResult as EmitResult
    from .emit import UnknownTargetError as UnknownTargetError
    from .emit import emit_target as emit_target
    from .fix import FixResult as FixResult
    from .fix import apply_fixes as apply_fixes
    from .lock import LockResult as LockResult
    from .lock import lock_project as lock_project
    from .program import ProgramResult as ProgramResult
    from .program import inspect_program as inspect_program
    from .result import Result as Result
    from .result import render_diagnostics as render_diagnostics
    from .size import SizeResult as SizeResult
    from .size import measure_project as measure_project
    from .verify import VerifyResult as VerifyResult
    from .verify import verify_artifact as verify_artifact

_MODULES = {
    "flashc.api.build": ("BuildResult", "build_project"),
    "flashc.api.check": ("CheckResult", "UnknownRuleError", "check_project"),
    "flashc.api.deploy": ("PlanResult", "deploy_project", "plan_project", "roll_back"),
    "flashc.api.deploying": ("Audience", "DeployOptions", "DeployResult"),
    "flashc.api.emit": ("EmitResult", "UnknownTargetError", "emit_target"),
    "flashc.api.fix": ("FixResult", "apply_fixes"),
    "flashc.api.lock": ("LockResult", "lock_project"),
    "flashc.api.program": ("ProgramResult", "inspect_program"),
    "flashc.api.result": ("Result", "render_diagnostics"),
    "flashc.api.size": ("SizeResult", "measure_project"),
    "flashc.api.verify": ("VerifyResult", "verify_artifact"),
    "flashc.frontend.dialect": ("Dialect",),
    "flashc.project.workspace": ("Workspace", "open_workspace"),
    "flashc_backends.base": ("Progress",),
    "flashc_core.diagnostics": ("Diagnostic", "Severity"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
__all__ = [
    "Audience",
    "BuildResult",
    "CheckResult",
    "DeployOptions",
    "DeployResult",
    "Diagnostic",
    "Dialect",
    "EmitResult",
    "FixResult",
    "LockResult",
    "PlanResult",
    "ProgramResult",
    "Progress",
    "Result",
    "Severity",
    "SizeResult",
    "UnknownRuleError",
    "UnknownTargetError",
    "VerifyResult",
    "Workspace",
    "apply_fixes",
    "build_project",
    "check_project",
    "deploy_project",
    "emit_target",
    "inspect_program",
    "lock_project",
    "measure_project",
    "open_workspace",
    "plan_project",
    "render_diagnostics",
    "roll_back",
    "verify_artifact",
]


def __getattr__(name: str) -> object:
    """Import a name when it is used."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'flashc.api' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
