"""The typed IR: one `Program` says everything that a backend may ask about a Flash project.

Laws, checked by `verify`:
- Everything is immutable and ordered; two compilations of equal sources give equal programs.
- Every node that stands for text of the user carries the span of that text.
- No absolute path, no value of the environment, no syntax node.
- Endpoint and resource names are unique; a call's callee is an endpoint of the program.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum, unique

from msgspec import Struct

from flashc_core.source import Span

from .endpoints import (
    CodeEndpoint,
    Dependency,
    DeployedEndpoint,
    Endpoint,
    ExistingEndpoint,
    ImageEndpoint,
)
from .modules import Module, Shape

SCHEMA_VERSION = 1


@unique
class CallForm(StrEnum):
    """Whether a crossing is visible as a call, or only as a use of the callee's name."""

    CALL = "call"
    REFERENCE = "reference"


class Call(Struct, frozen=True, kw_only=True):
    """A place in the program where control may pass to another endpoint.

    `caller` and `callee` are `module:qualname`; `endpoint` is the callee's resource.
    """

    caller: str
    callee: str
    endpoint: str
    form: CallForm
    shape: Shape | None
    span: Span


class Edge(Struct, frozen=True):
    """Some code that runs in endpoint `caller` may call endpoint `callee`.

    Both are resources; a client of an existing endpoint has none and is `module:variable`.
    """

    caller: str
    callee: str


class ProjectFile(Struct, frozen=True, kw_only=True):
    """A file that goes into the artifact; `digest` is the SHA-256 of its bytes, in hex."""

    path: str
    size: int
    digest: str
    executable: bool = False


class Exclusion(Struct, frozen=True):
    """A file or folder that an ignore rule keeps out.  `source`: the ignore file, or "built-in"."""

    path: str
    pattern: str
    source: str


class Program(Struct, frozen=True, kw_only=True):
    """A whole project.  `modules` are in the order of their names, `requirements` those of the project as a whole, not of one endpoint."""

    name: str
    python_version: str
    files: tuple[ProjectFile, ...]
    modules: tuple[Module, ...]
    endpoints: tuple[Endpoint, ...]
    requirements: tuple[Dependency, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    calls: tuple[Call, ...] = ()
    edges: tuple[Edge, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def module(self, name: str) -> Module | None:
        index = bisect_left(self.modules, name, key=lambda module: module.name)
        found = self.modules[index] if index < len(self.modules) else None
        return found if found is not None and found.name == name else None

    def deployed(self) -> Iterator[DeployedEndpoint]:
        """The endpoints that a deployment makes, in the order of their resource names."""
        for endpoint in self.endpoints:
            if not isinstance(endpoint, ExistingEndpoint):
                yield endpoint

    def code_endpoints(self) -> Iterator[CodeEndpoint]:
        """The endpoints that run the project's own code."""
        for endpoint in self.deployed():
            if not isinstance(endpoint, ImageEndpoint):
                yield endpoint

    def callees(self) -> dict[str, list[str]]:
        """The resources that code of an endpoint may call, by its resource."""
        found: dict[str, list[str]] = {}
        for edge in self.edges:
            found.setdefault(edge.caller, []).append(edge.callee)
        return found
