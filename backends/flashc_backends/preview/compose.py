"""Write the plan of a preview as a compose file, with the artifact and the worker's program next to it.

The workers of queues ask a platform for jobs.  The address and the key of this platform, and the ids of its endpoints,
are variables of the file.
"""

from __future__ import annotations

import json
import re
from typing import Any

from flashc_backends.artifact.artifact import ARTIFACT
from flashc_backends.base import ARTIFACT_PATH, Context, Draft, DraftTarget
from flashc_backends.platform.engines.base import EngineError
from flashc_backends.platform.engines.bubblewrap import APP
from flashc_backends.platform.engines.containers import ENTRY, LAYER, PROCESSES, PROGRAM, TMPFS
from flashc_backends.platform.engines.layers import LINUX, ensure_layer
from flashc_core.source import WholeFile
from flashc_ir.program import Program

from .plan import MASK, PLATFORM, PlannedEndpoint, PreviewPlan, emit_plan

COMPOSE_PATH = "compose.json"
_WORKER_PATH, _ARTIFACT_TARGET = "worker.py", "/opt/flashc/artifact.tar.gz"
_ID = re.compile(r"<([^<>]+)>")
_ASKED = {PLATFORM: "${FLASHC_PLATFORM:?set the URL of a platform}"}


def compose_document(plan: PreviewPlan) -> dict[str, Any]:
    """Return the compose file of a plan: a service for each endpoint."""
    return {
        "services": {endpoint.name: _service(endpoint) for endpoint in plan.endpoints},
        "networks": {"default": {}},
        "volumes": {volume: {} for volume in plan.volumes},
    }


def _service(endpoint: PlannedEndpoint) -> dict[str, Any]:
    """Return the entry of the compose file for an endpoint: its container with the limits of its instance type."""
    container = endpoint.container
    # without the tether, the worker does not end with the standard input of flashc
    settings = json.loads(container.command[-1]) | {"tether": False, "artifact": _ARTIFACT_TARGET}
    service: dict[str, Any] = {
        "image": endpoint.image,
        "entrypoint": [],
        "command": [_escaped(word) for word in (*container.command[:-1], json.dumps(settings))],
        "environment": {name: _asked(name, value) for name, value in container.environment.items()},
        "working_dir": APP,
        "user": "0",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "tmpfs": [f"{path}:{mode}".rstrip(":") for path, mode in {**TMPFS, APP: "exec"}.items()],
        "volumes": [
            f"./{ARTIFACT_PATH}:{_ARTIFACT_TARGET}:ro",
            f"./{_WORKER_PATH}:{PROGRAM}:ro",
            *(
                _mounted(mount.source, mount.target)
                for mount in container.mounts
                if mount.target == LAYER or mount.type == "volume"
            ),
        ],
        "pids_limit": PROCESSES,
        "restart": "on-failure",
    }
    if container.memory_mb is not None:
        service["mem_limit"] = f"{container.memory_mb}m"
    if container.cpus is not None:
        service["cpus"] = container.cpus
    if container.gpus:
        device = {"driver": "nvidia", "count": container.gpus, "capabilities": ["gpu"]}
        service["deploy"] = {"resources": {"reservations": {"devices": [device]}}}
    if container.port is not None:
        service["ports"] = [f"127.0.0.1::{container.port}"]
    return service


def _mounted(source: str, target: str) -> str:
    """Return a mount in the short form of compose files."""
    return f"{source}:{target}" + (":ro" if target == LAYER else "")


def _asked(name: str, value: str) -> str:
    """Return the value for the compose file; for each unknown part, `${VARIABLE:?...}` asks the shell."""
    if value == MASK:
        return f"${{{name}:?set the value of this secret}}"
    text = _escaped(value)
    for known, asked in _ASKED.items():
        text = text.replace(known, asked)
    return _ID.sub(lambda match: f"${{{_variable(match[1])}:?set the id of this endpoint}}", text)


def _variable(endpoint: str) -> str:
    """Return the name of the variable that has the id of an endpoint."""
    return "FLASHC_ID_" + re.sub(r"\W", "_", endpoint).upper()


def _escaped(text: str) -> str:
    """Escape `$`, so that compose replaces no variable."""
    return text.replace("$", "$$")


def _emit(program: Program, context: Context) -> tuple[Draft, ...]:
    """Build the artifact, install the workers' packages, and return the compose file with all files that it needs."""
    sink = context.services.sink
    drafts = ARTIFACT.emit(program, context)
    plan = emit_plan(program, context)
    if plan is None or not drafts:
        return ()
    try:
        for python in {endpoint.python for endpoint in plan.endpoints}:
            ensure_layer(
                context.services.cache.folder, python, LINUX, context.services.progress.start
            )
    except EngineError as error:
        sink.report(error.rule, WholeFile("."), str(error), notes=error.notes, help=error.help)
        return ()
    document = json.dumps(compose_document(plan), indent=2) + "\n"
    return (
        *drafts,
        Draft(path=COMPOSE_PATH, content=document.encode()),
        Draft(path=_WORKER_PATH, content=ENTRY.read_bytes()),
    )


COMPOSE = DraftTarget(
    name="compose", summary="a compose file of a preview, with the artifact", emit=_emit
)
