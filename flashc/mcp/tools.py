"""The tools of the server: what an agent may ask about the projects below a folder, and what it may call."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from flashc.api.asking import Answer
from flashc.api.call import Wanted, prepare_call, report_failure
from flashc.api.check import check_project
from flashc.api.deploy import plan_project
from flashc.api.deploying import DeployOptions
from flashc.api.logs import LogOptions, worker_lines
from flashc.api.program import inspect_program
from flashc.api.scripts import NoPlatform, local_variables
from flashc.api.size import measure_project
from flashc.api.status import environment_status
from flashc.project.workspace import Workspace, open_settings, open_workspace
from flashc.report.explain import UnknownRule, find_rule, page
from flashc.report.json_report import ReportDiagnostic, report_of
from flashc_backends.cloud.keys import KeyFileError, find_key, key_file
from flashc_backends.deploy.logs import WorkerLine
from flashc_backends.listings.graph import graph_of
from flashc_backends.runtime.errors import RemoteError
from flashc_core.diagnostics import Diagnostic, Sink
from flashc_core.encoding import printable
from flashc_core.files import real_path

_MOST_LINES = 1000
_SHORTEST_KEY = 8  # characters; no API key is shorter, and shorter texts occur in harmless ones
# Only the user decides where the API key is sent: not the files of a project.
_ADDRESSES = ("RUNPOD_ENDPOINT_BASE_URL", "RUNPOD_API_BASE_URL")

Project = Annotated[
    str,
    Field(description="The app's folder, relative to the folder that the server was started for."),
]
Environment = Annotated[
    str | None, Field(description="The environment; without it, the only one that the app has.")
]


class Findings(BaseModel):
    """What flashc found.

    Attributes:
        diagnostics: the findings; they are about files of the project.
        result: what the tool returns; null if errors prevent it.
    """

    diagnostics: list[ReportDiagnostic]
    result: Any = None


class Tools:
    """Answers about the projects in `root` and below; nothing runs their code here, and no file is changed.

    `call` alone has effects: it runs code of the app where the app is deployed.  The docstring of a tool is
    what the agent reads.  No answer has an API key of the user.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._calling = threading.Lock()  # a call sets what the whole process knows of the platform

    def check(self, project: Project = ".") -> Findings:
        """Check a Flash app without running its code: every mistake with its location, its cause and what to do.

        The result is the number of endpoints.
        """
        workspace = self._workspace(project)
        found = check_project(workspace)
        endpoints = None if found.endpoints is None else {"endpoints": found.endpoints}
        return _findings(workspace, found.diagnostics, endpoints)

    def explain(
        self,
        rule: Annotated[str, Field(description="The code or name of a rule, such as FC310.")],
    ) -> str:
        """Return the page of a rule: what it finds, why this is wrong, and how to fix it."""
        try:
            return page(find_rule(rule))
        except UnknownRule as error:
            raise ToolError(str(error)) from error

    def graph(self, project: Project = ".") -> Findings:
        """Return the endpoints of an app, their hardware and routes, and which endpoint calls which.

        An edge is a pair of positions in the list of nodes: the caller's and the callee's.
        """
        workspace = self._workspace(project)
        found = inspect_program(workspace)
        graph = None if found.has_errors else msgspec.to_builtins(graph_of(found.program))
        return _findings(workspace, found.diagnostics, graph)

    def size(self, project: Project = ".") -> Findings:
        """Say how many bytes each package adds to the artifact of an app, and which endpoints need it.

        This resolves the dependencies, which takes a while the first time.
        """
        workspace = self._workspace(project)
        measured = measure_project(workspace)
        if measured.sizes is None:
            return _findings(workspace, measured.diagnostics)
        own = sum(file.size for file in measured.sizes.program.files)
        packages = msgspec.to_builtins(measured.sizes.parts)
        return _findings(
            workspace, measured.diagnostics, {"project_bytes": own, "packages": packages}
        )

    def plan(self, project: Project = ".", environment: Environment = None) -> Findings:
        """Say what deploying an app would create, change, restart and delete; nothing is changed."""
        workspace = self._workspace(project)
        planned = plan_project(workspace, DeployOptions(environment=environment))
        plan = None if planned.plan is None else json.loads(planned.plan.to_json())
        return _findings(workspace, planned.diagnostics, plan)

    def status(self, project: Project = ".", environment: Environment = None) -> Findings:
        """Return the state of the deployed endpoints of an app: workers, jobs, builds."""
        workspace = self._settings(project)
        return _answered(workspace, environment_status(workspace, environment))

    def logs(
        self,
        project: Project = ".",
        environment: Environment = None,
        endpoints: Annotated[
            list[str] | None, Field(description="Names of endpoints; without them, all.")
        ] = None,
        minutes: Annotated[
            float, Field(gt=0, le=1440, description="How old the oldest line may be.")
        ] = 10,
        most: Annotated[
            int, Field(ge=1, le=_MOST_LINES, description="How many lines, the newest ones.")
        ] = 200,
    ) -> Findings:
        """Return what the workers of the deployed app print."""
        lines: list[WorkerLine] = []
        options = LogOptions(
            environment=environment,
            endpoints=tuple(endpoints or ()),
            since=datetime.now(UTC) - timedelta(minutes=minutes),
        )
        workspace = self._settings(project)
        answer = worker_lines(workspace, options, lines.append)
        if answer.value is None:
            return _findings(workspace, answer.diagnostics)
        kept = msgspec.to_builtins(lines[-most:])
        left_out = len(lines) - len(kept)
        return _findings(workspace, answer.diagnostics, {"lines": kept, "left_out": left_out})

    def call(
        self,
        endpoint: Annotated[
            str, Field(description="ENDPOINT, ENDPOINT.METHOD for a class, or ENDPOINT/PATH.")
        ],
        data: Annotated[
            Any, Field(description="The arguments by name, or the body of a request: JSON data.")
        ] = None,
        method: Annotated[
            Literal["GET", "POST", "PUT", "DELETE", "PATCH"] | None,
            Field(description="The method of a request; without it, that of the route."),
        ] = None,
        project: Project = ".",
        environment: Annotated[
            str | None, Field(description="The environment; without it, FLASH_ENV or production.")
        ] = None,
        local: Annotated[
            bool, Field(description="Use the preview of the app, or the platform of this machine.")
        ] = False,
    ) -> Findings:
        """Call an endpoint of an app that is deployed, and return what it answers; this runs the app's code.

        The arguments are checked against the project first.  The result has the key `output`; a
        generator's output is a list.
        """
        workspace = self._workspace(project)
        addresses = {name: os.environ.get(name, "") for name in _ADDRESSES}
        try:
            found = local_variables(workspace.root, None) if local else addresses
        except NoPlatform:
            raise ToolError("no preview of the app and no platform runs on this machine") from None
        wanted = Wanted(
            target=endpoint,
            data=data,
            verb=method or "",
            environment=environment,
            variables=found,
        )
        sink = Sink()
        with self._calling:
            prepared = prepare_call(workspace, wanted)
            if prepared.outputs is None:
                return _findings(workspace, prepared.diagnostics, keys=found)
            try:
                (output,) = prepared.outputs
                result = {"output": _as_json(output)}
            except RemoteError as error:
                report_failure(error, sink)
                result = None
        return _findings(workspace, (*prepared.diagnostics, *sink), result, keys=found)

    # Projects ------------------------------------------------------------------------------------

    def _workspace(self, project: str) -> Workspace:
        """Open a project; no option of the user lets code of the project or of a package run."""
        return open_workspace(self._folder(project), {"trace": False, "allow_build": False})

    def _settings(self, project: str) -> Workspace:
        return open_settings(self._folder(project), {})

    def _folder(self, project: str) -> Path:
        """Return the folder of a project.

        Raises:
            ToolError: it is not below the root, or there is no such folder.
        """
        wrong = ToolError(f"{printable(project)} is not a folder below the server's folder")
        try:
            folder = real_path(self._root / project)
            if folder.is_relative_to(self._root) and folder.is_dir():
                return folder
        except (OSError, ValueError) as error:  # a character that no path has
            raise wrong from error
        raise wrong


def _answered(workspace: Workspace, answer: Answer[Any]) -> Findings:
    return _findings(workspace, answer.diagnostics, msgspec.to_builtins(answer.value))


def _findings(
    workspace: Workspace,
    diagnostics: Iterable[Diagnostic],
    result: Any = None,
    keys: Mapping[str, str] | None = None,
) -> Findings:
    """Return an answer without the API keys of the user; `keys` are variables that may have another one."""
    made = Findings(diagnostics=report_of(diagnostics).diagnostics, result=result)
    secrets = tuple(_keys(workspace.environment, keys or {}))
    data = made.model_dump(mode="json")
    cleaned = _without(data, secrets)
    return made if cleaned == data else Findings.model_validate(cleaned)


def _keys(*variables: Mapping[str, str]) -> Iterator[str]:
    """Yield the API keys in variables, in those of this process, and in the user's key file."""
    for each in (*variables, os.environ, {}):
        try:
            key = find_key(each, key_file())
        except KeyFileError:  # such a text is not sent either
            continue
        if key is not None and len(key.value) >= _SHORTEST_KEY:
            yield key.value


def _without(data: Any, secrets: tuple[str, ...]) -> Any:
    """Return JSON data with `***` in place of secrets."""
    if isinstance(data, str):
        for secret in secrets:
            data = data.replace(secret, "***")
    elif isinstance(data, dict):
        items = cast("dict[str, Any]", data).items()
        return {_without(key, secrets): _without(value, secrets) for key, value in items}
    elif isinstance(data, list):
        listed: list[Any] = data
        return [_without(item, secrets) for item in listed]
    return data


def _as_json(output: Any) -> Any:
    """Return an output as JSON data; bytes of a route, such as an image, as their base64."""
    return {"base64": base64.b64encode(output).decode()} if isinstance(output, bytes) else output
