"""Record which names evaluated modules read from each other, and what they change in each other.

The record decides which modules can be evaluated without each other, and what an evaluation depends on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flashc_core.source import Span

from .declarations import EndpointValue
from .objects import FunctionValue


@dataclass(slots=True, eq=False)
class Interactions:
    """Record what happened between the modules of an evaluation.

    `reads` has, by the module whose top is being executed, (module, name) of each name that it read of
    another module; the name is "" where it only imported the module, "*" where it read which names there
    are, and `qualname()` where it carried out a function's body.  `active` are the modules under way, the
    innermost last.  `cycles` are import cycles, each with the modules that were under way.  `origins` has the module that declared an endpoint, by the endpoint's id.
    `changed_by` has, by module, the modules whose endpoints it put something on.  `texts` are the paths of
    modules whose source text was looked at.  `may_raise` are the modules whose top did something that may raise
    or not: the first import of such a module, and no later one, leaves a `try` in doubt.  `is_entangled`: the modules share state in a way that the
    other records do not show.
    """

    reads: dict[str, set[tuple[str, str]]] = field(default_factory=dict[str, set[tuple[str, str]]])
    active: list[str] = field(default_factory=list[str])
    cycles: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    origins: dict[int, str] = field(default_factory=dict[int, str])
    changed_by: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    texts: set[str] = field(default_factory=set[str])
    may_raise: set[str] = field(default_factory=set[str])
    is_entangled: bool = False
    _sizes: dict[int, int] = field(default_factory=dict[int, int])

    def note_read(self, reader: str, module: str, name: str) -> None:
        """Note that `reader` read `module.name`."""
        if reader != module:
            self.reads.setdefault(reader, set()).add((module, name))

    def note_call(self, caller: str, function: FunctionValue) -> None:
        """Note that `caller` carried out the body of a function, known as `module.qualname()`."""
        self.note_read(caller, function.frame.syntax.name, f"{function.qualname}()")

    def note_import_under_way(self, module: str) -> None:
        """Note that a module was imported whose own top is not finished."""
        if module in self.active:
            self.cycles.append(tuple(self.active[self.active.index(module) :]))

    def note_declaration(self, module: str, endpoint: EndpointValue) -> None:
        """Note which module's top declared an endpoint."""
        self.origins[id(endpoint)] = module
        self._sizes[id(endpoint)] = _size(endpoint)

    def begin(self, module: str, importer: str, endpoints: list[EndpointValue]) -> None:
        """Note that `importer` begins to execute a module; it made the changes until now."""
        self.attribute_changes(importer, endpoints)
        self.active.append(module)

    def end(self, module: str, endpoints: list[EndpointValue]) -> None:
        """Note that a module has ended; it made the changes of endpoints since the last end."""
        self.active.pop()
        self.attribute_changes(module, endpoints)

    def attribute_changes(self, module: str, endpoints: list[EndpointValue]) -> None:
        """Attribute to `module` what was added to endpoints since the last call of this method."""
        for endpoint in endpoints:
            origin = self.origins.get(id(endpoint), endpoint.module)
            if self._sizes.get(id(endpoint)) != (size := _size(endpoint)):
                self._sizes[id(endpoint)] = size
                if origin != module:
                    self.changed_by.setdefault(module, set()).add(origin)

    def note_text(self, span: Span) -> None:
        """Note that the source text at a location was looked at."""
        self.texts.add(span.path)


def _size(endpoint: EndpointValue) -> int:
    """Return how many functions, routes and problems an endpoint has; they are only ever added."""
    return len(endpoint.targets) + len(endpoint.routes) + len(endpoint.problems)
