"""Generate the handler files, `handler_<resource>.py`, which worker images load and run."""

from __future__ import annotations

from collections.abc import Sequence

from flashc_backends.base import Context, Draft, DraftTarget
from flashc_ir.artifact_paths import handler_path
from flashc_ir.endpoints import CodeEndpoint, LoadBalanced, modules_of
from flashc_ir.program import Program

from .skeleton import fill, read_module


def handler_drafts(program: Program) -> tuple[Draft, ...]:
    """Draft one handler per endpoint that runs code of the project."""
    return tuple(
        Draft(path=handler_path(endpoint), content=_handler(endpoint).encode())
        for endpoint in program.code_endpoints
    )


def _handler(endpoint: CodeEndpoint) -> str:
    """Return the text of an endpoint's handler file."""
    is_balanced = isinstance(endpoint, LoadBalanced)
    return handler_text(
        endpoint.resource,
        modules_of(endpoint),
        None if is_balanced else endpoint.configuration.max_concurrency,
        endpoint.configuration.system_dependencies,
    )


def handler_text(
    resource: str, modules: Sequence[str], concurrency: int | None, packages: Sequence[str]
) -> str:
    """Return the text of a handler file.

    `concurrency` is None for a load balancer; `packages` are those of the system that it installs.
    """
    constants: dict[str, object] = {"RESOURCE": resource, "MODULES": tuple(modules)}
    if concurrency is None:
        skeleton = "handler_routes.py"
    else:
        skeleton = "handler_queue.py"
        constants["MAX_CONCURRENCY"] = concurrency
    text = fill(read_module("skeletons", skeleton), constants)
    return (
        text.replace(_FIRST_IMPORT, _INSTALLATION.format(tuple(packages)), 1) if packages else text
    )


# The packages are installed before modules of the user are imported, which may load them.
_FIRST_IMPORT = "from _flashc import "
_INSTALLATION = f"from _flashc import system\n\nsystem.install({{!r}})\n\n{_FIRST_IMPORT}"


def _emit(program: Program, _context: Context) -> tuple[Draft, ...]:
    """Draft the handlers: the `emit` of the target `handlers`."""
    return handler_drafts(program)


HANDLERS = DraftTarget(
    name="handlers",
    summary="the files that worker images load to find the code of endpoints",
    emit=_emit,
)
