"""Record which names evaluated modules read from each other, and what they change in each other.

The record decides which modules can be evaluated without each other, and what an evaluation depends
on.
"""

from __future__ import annotations

from msgspec import Struct, field

from flashc_core.source import Span

from .declarations import EndpointValue
from .objects import FunctionValue


class Interactions(Struct, eq=False, kw_only=True):
    """A record of what happened between the modules of an evaluation.

    `reads` has, for each module, (module, name) of each name that its top read from another module.
    The name is "" if the module was only imported, "*" if the list of its names was read, and
    `qualname()` if the body of a function was executed.  `active` are the modules that are being
    executed, the innermost last.  `cycles` are import cycles, each with the modules that were being
    executed.  `origins` has the module that declared an endpoint, by the endpoint's id.
    `changed_modules` has, for each module, the modules whose endpoints it changed.  `texts` are the
    paths of modules whose source text was read.  `may_raise` are the modules whose top may raise an
    exception: only the first import of such a module can raise it in a `try`.  `is_entangled`: the
    modules share state in a way that the other records do not show.
    """

    reads: dict[str, set[tuple[str, str]]] = field(default_factory=dict[str, set[tuple[str, str]]])
    active: list[str] = field(default_factory=list[str])
    cycles: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    origins: dict[int, str] = field(default_factory=dict[int, str])
    changed_modules: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    texts: set[str] = field(default_factory=set[str])
    may_raise: set[str] = field(default_factory=set[str])
    is_entangled: bool = False
    _sizes: dict[int, int] = field(default_factory=dict[int, int])

    def note_read(self, reader: str, module: str, name: str) -> None:
        """Note that `reader` read `module.name`."""
        if reader != module:
            self.reads.setdefault(reader, set()).add((module, name))

    def note_call(self, caller: str, function: FunctionValue) -> None:
        """Note that `caller` executed the body of a function, named `module.qualname()`."""
        self.note_read(caller, function.frame.syntax.name, f"{function.qualname}()")

    def note_import_under_way(self, module: str) -> None:
        """Note that a module was imported while its own top was being executed."""
        if module in self.active:
            self.cycles.append(tuple(self.active[self.active.index(module) :]))

    def note_declaration(self, module: str, endpoint: EndpointValue) -> None:
        """Note that the top-level code of `module` declared an endpoint.

        The present size of the endpoint is recorded, from which later changes are detected.
        """
        self.origins[id(endpoint)] = module
        self._sizes[id(endpoint)] = _size(endpoint)

    def begin(self, module: str, importer: str, endpoints: list[EndpointValue]) -> None:
        """Note that an import by `importer` begins to execute `module`.

        Changes of endpoints before this point are attributed to `importer`.
        """
        self.record_cause(importer, endpoints)
        self.active.append(module)

    def end(self, module: str, endpoints: list[EndpointValue]) -> None:
        """Note that the execution of `module` has ended.

        Changes of endpoints since the last `begin` or `end` are attributed to it.
        """
        self.active.pop()
        self.record_cause(module, endpoints)

    def record_cause(self, module: str, endpoints: list[EndpointValue]) -> None:
        """Record `module` as the cause of all additions to endpoints since the last call."""
        for endpoint in endpoints:
            origin = self.origins.get(id(endpoint), endpoint.module)
            if self._sizes.get(id(endpoint)) != (size := _size(endpoint)):
                self._sizes[id(endpoint)] = size
                if origin != module:
                    self.changed_modules.setdefault(module, set()).add(origin)

    def is_more_than_reads(self) -> bool:
        """Return whether the modules did more than read names of each other."""
        others = (self.cycles, self.changed_modules, self.texts, self.may_raise)
        return self.is_entangled or any(others)

    def note_text(self, span: Span) -> None:
        """Note that the source text at a location was read."""
        self.texts.add(span.path)


def _size(endpoint: EndpointValue) -> int:
    """Return the number of functions, routes and problems of an endpoint, which never decreases."""
    decorated = len(endpoint.targets) + len(endpoint.routes)
    return decorated + len(endpoint.problems) + len(endpoint.misuses)
