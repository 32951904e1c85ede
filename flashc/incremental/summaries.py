"""Get the summaries of modules (endpoints, imports, findings), from the cache or by evaluation.

To read a module, flashc evaluates it and all its imports anew, as a new worker would.  The result for
an imported module that only defines names is reused.  The summary of a module lists what it
read of other modules, and is valid as long as that stays the same.  So after an edit flashc reads
again only the modules that the edit can affect, and stops at a module whose exports have not
changed.  Modules in an import cycle, and modules that add routes to the same endpoint, are read
together.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from functools import cached_property, partial
from itertools import chain

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from flashc.frontend.dialect import Dialect
from flashc.frontend.shared_modules import SharedModules
from flashc.frontend.summary import Component, ComponentSummary, ModuleExports, SummaryLinks
from flashc.project.inputs import InputDigests, is_about_code, module_input, module_of_value
from flashc.project.workspace import Workspace
from flashc.syntax.stack import call_on_new_stack
from flashc_core.cache import decoded, digest
from flashc_core.graphs import count_reachable
from flashc_core.processes import on_all_processors
from flashc_ir.verify import verify_parts

from .batches import Batch, BatchResult, Group, Stored, batches, edited_batches
from .components import join
from .fingerprint import compiler_identity, dialects_key, project_index
from .limits import TooManyEvaluations, max_evaluations
from .memo import Memo, Trace
from .reading import Reading, StoredSummary

# The cache keeps several results for each component, so that it still has one after an edit is undone.
_TRACES_OF_A_COMPONENT = 3
# Bytes of source.  If there is less to read, starting other processes saves no time.
_MIN_PARALLEL_SIZE = 100_000
# Reading a module in another process takes some milliseconds; for more modules, importing LibCST here is faster.
_MOST_SENT = 20
_SUMMARIES, _EXPORTS = "summaries", "exports"


def read_summaries(
    workspace: Workspace,
    relevant: Iterable[str],
    dialects: tuple[Dialect, ...],
    meanwhile: Callable[[], object],
) -> Reading:
    """Return the summaries of the relevant modules, and the exports of imported plain ones.

    A plain module is imported by others, and is not in `relevant`.  `meanwhile` is called while other processes read, if
    there are any; it may be called several times.
    """
    names = sorted(relevant)
    library = _Library(
        workspace=workspace,
        relevant=frozenset(names),
        dialects=dialects,
        index=digest(compiler_identity(), project_index(workspace.project), dialects_key(dialects)),
        meanwhile=meanwhile,
    )
    try:
        components: list[Component] = [(name,) for name in names]
        while True:
            library.read(components)
            library.check_evaluations(components)
            joined = join(components, library.links(components))
            if joined == components:
                break
            components = joined
    except TooManyEvaluations:
        components = [tuple(names)]
        library.is_limited = False
        library.read(components)
    links = library.links(components).values()
    plain = library.plain_imports(links)
    inputs = {*chain(*(e.inputs for e in links), *(e.inputs for e in library.exports.values()))}
    return Reading(
        stored=tuple(library.summaries[component] for component in components),
        exports=plain,
        inputs=tuple(each for each in inputs if not is_about_code(each)),
    )


class _Library(Struct, eq=False, dict=True, kw_only=True):
    """The summaries and exports that are known so far, for one state of a project."""

    workspace: Workspace
    relevant: frozenset[str]
    dialects: tuple[Dialect, ...]
    index: str  # a key of the compiler, of the dialects, and of which modules there are
    meanwhile: Callable[[], object]
    is_limited: bool = True
    summaries: dict[Component, StoredSummary] = field(
        default_factory=dict[Component, StoredSummary]
    )
    exports: dict[str, ModuleExports] = field(default_factory=dict[str, ModuleExports])
    _known: dict[str, str] = field(default_factory=dict[str, str])
    _under_way: set[str] = field(default_factory=set[str])
    _evaluations: int = 0
    _sent: int = 0
    _shared: SharedModules = field(default_factory=SharedModules)

    # Summaries ------------------------------------------------------------------------------------

    def read(self, components: Sequence[Component]) -> None:
        """Get the summaries of components; call `meanwhile` while other processes compute them.

        Raises:
            TooManyEvaluations: reading the components one by one would take too long.
        """
        self._evaluations = 0
        groups = [
            Group(names, {self.key(each): each for each in names}, self._traces(names))
            for names in batches(c for c in components if c not in self.summaries)
        ]
        # What is edited is read first.  The other summaries can be checked when the exports of the
        # edited modules are known.
        edited = edited_batches(groups)
        with self._reading(edited) as results:
            self.meanwhile()
            stored = [group.stored() for group in groups]
            new = self._take(edited, results)
        changed = [self._from_cache(*each) for each in zip(groups, stored, new, strict=True)]
        with self._reading(changed) as results:
            self._take(changed, results)

    def _traces(self, names: tuple[Component, ...]) -> tuple[Trace, ...]:
        """Return the cached summaries of a batch, whether or not they are valid."""
        return self.memo.load_traces(_SUMMARIES, self.group(names))

    def _take(self, found: Sequence[Batch], results: Iterable[bytes]) -> list[tuple[Trace, ...]]:
        """Keep the summaries that were read for the absent components of batches; return the traces.

        Raises:
            TooManyEvaluations: reading the components one by one would take too long.
        """
        traces: list[tuple[Trace, ...]] = []
        answers = iter(results)
        for batch in found:
            if not batch.absent:
                traces.append(())
                continue
            result = msgspec.msgpack.decode(next(answers), type=BatchResult)
            if result.summaries is None:
                raise TooManyEvaluations
            for component, trace in zip(batch.absent, result.summaries, strict=True):
                self.summaries[component] = new = StoredSummary.of(trace)
                new.decode()  # while the other processes still read
            self.exports |= result.exports
            traces.append(result.summaries)
        return traces

    def _from_cache(self, group: Group, stored: Stored, new: tuple[Trace, ...]) -> Batch:
        """Keep the cached summaries of a group that are valid; return the batch with the others.

        `new` are traces that are valid, because they were made just now.
        """
        keys = {key: c for key, c in group.keys.items() if c not in self.summaries}
        valid = self.memo.valid(group.traces, keys)
        self.summaries |= {keys[key]: stored[key, each.digest] for key, each in valid.items()}
        absent = tuple(component for key, component in keys.items() if key not in valid)
        others = (trace for trace in group.traces if valid.get(trace.key) is not trace)
        return Batch(components=group.names, absent=absent, cached=(*new, *valid.values(), *others))

    def links(self, components: Iterable[Component]) -> dict[Component, SummaryLinks]:
        """Return the inputs and imports of components that were read."""
        return {component: self.summaries[component].links for component in components}

    def _reading(self, found: Sequence[Batch]) -> AbstractContextManager[Iterator[bytes]]:
        """Begin to read the absent components of batches in other processes; return the results in order.

        Other processes are used if that saves time.  A prepared process always saves time, because it has
        already imported LibCST and this process has not.
        """
        missing = tuple(batch for batch in found if batch.absent)
        work = _Work(self.detached(), missing)
        prefork = self.workspace.prefork
        size = sum(self.sizes[name] for batch in missing for part in batch.absent for name in part)
        if not missing or (prefork is None and size <= _MIN_PARALLEL_SIZE):
            return nullcontext(map(work, range(len(missing))))
        return closing(on_all_processors(work, len(missing), least=1, prefork=prefork))

    def detached(self) -> _Library:
        """Return a copy of what is known so far, for another process."""
        workspace = replace(self.workspace, prefork=None)
        return replace(
            self, workspace=workspace, meanwhile=_nothing, summaries={}, _shared=SharedModules()
        )

    def read_batch(self, batch: Batch) -> BatchResult:
        """Read the components of a batch that are not cached, and cache their summaries."""
        # LibCST takes a while to import, and cached summaries do not need it
        from flashc.frontend.summarise import parse_all, summarise

        project, environment = self.workspace.project, self.workspace.environment
        context = (project, environment, self.dialects, self.relevant)
        parse_all(batch.absent, project)
        summaries: list[ComponentSummary] = []
        for component in batch.absent:
            summaries.append(summarise(component, *context, shared=self._shared))
            self._evaluations += summaries[-1].evaluated
            if self.is_limited and self._evaluations > max_evaluations(len(self.relevant)):
                break
        verify_parts(chain(*(summary.parts() for summary in summaries)), project.by_path)
        new = [
            self.memo.make_trace(
                self.key(component), summary.inputs, msgspec.msgpack.encode(summary)
            )
            for component, summary in zip(batch.absent, summaries, strict=False)
        ]
        kept = [*new, *batch.cached][: _TRACES_OF_A_COMPONENT * len(batch.components)]
        self.memo.save_traces(_SUMMARIES, self.group(batch.components), kept)
        if len(summaries) < len(batch.absent):
            return BatchResult(None, {})
        exports = self.plain_imports(summaries)
        exports |= {name: e for name in batch.asked if (e := self.exports_of(name)) is not None}
        return BatchResult(tuple(new), exports)

    def check_evaluations(self, components: Sequence[Component]) -> None:
        """Check the number of evaluations that reading these components one by one takes.

        Raises:
            TooManyEvaluations: the number is larger than `max_evaluations`.
        """
        count, limit = len(self.relevant), max_evaluations(len(self.relevant))
        if count * len(self.workspace.project.modules) <= limit:
            return
        links = self.links(components)
        plain = self.plain_imports(links.values())
        imports = {name: exports.imported for name, exports in plain.items()}
        for component, found in links.items():
            imports |= dict.fromkeys(component, (*component, *found.imported))
        sizes = count_reachable(imports)
        if sum(sizes[component[0]] for component in components) > limit:
            raise TooManyEvaluations

    # Exports --------------------------------------------------------------------------------------

    def exports_of(self, name: str) -> ModuleExports | None:
        """Return what importers of a module can see of it.

        The result is None if the project has no such module.
        """
        pending = [name]
        computed: dict[str, ModuleExports] = {}
        while pending:  # a chain of imports can be longer than Python's stack is deep
            current = pending[-1]
            if current in self.exports or current not in self.workspace.project.modules:
                pending.pop()
                continue
            key = digest(_EXPORTS, self.key((current,)))
            if current not in self._under_way:
                self._under_way.add(current)
                pending += self._unknown(self.memo.inputs(_EXPORTS, key))
            elif current in computed:
                result = msgspec.msgpack.encode(computed[current])
                self.memo.save(_EXPORTS, key, computed[current].inputs, result)
                self._finish(current, computed[current])
            elif (found := decoded(self.memo.load(_EXPORTS, key), ModuleExports)) is not None:
                self._finish(current, found)
            else:
                computed[current] = self._read_exports(current)
                pending += self._unknown(computed[current].inputs)
        return self.exports.get(name)

    def _finish(self, name: str, exports: ModuleExports) -> None:
        """Store the exports of a module that has been read."""
        self._under_way.discard(name)
        self.exports[name] = exports

    def _unknown(self, inputs: Iterable[str]) -> set[str]:
        """Return the modules in these inputs whose exports are needed and not known yet."""
        asked = {module for item in inputs if (module := module_of_value(item)) is not None}
        return asked - self.exports.keys() - self._under_way

    def plain_imports(
        self, summaries: Iterable[ComponentSummary | SummaryLinks]
    ) -> dict[str, ModuleExports]:
        """Return the exports of the modules that components import and that are not relevant.

        A cached summary lists only the direct imports of its component.  The imports of the
        imported modules may have changed since, so they are looked up here.
        """
        found: dict[str, ModuleExports] = {}
        pending = [name for summary in summaries for name in summary.imported]
        while pending:
            name = pending.pop()
            if name in found or name in self.relevant:
                continue
            exports = self.exports_of(name)
            if exports is not None:
                found[name] = exports
                pending += exports.imported
        return dict(sorted(found.items()))

    def _read_exports(self, name: str) -> ModuleExports:
        """Read a plain module, in the prepared process if only that one has imported LibCST."""
        work = _Work(self.detached(), (name,))
        prefork = self.workspace.prefork
        self._sent += 1
        if prefork is None or "libcst" in sys.modules or self._sent > _MOST_SENT:
            data = work(0)
        else:
            with closing(on_all_processors(work, 1, least=1, prefork=prefork)) as results:
                self.meanwhile()
                (data,) = results
        return msgspec.msgpack.decode(data, type=ModuleExports)

    def read_exports(self, name: str) -> ModuleExports:
        """Read a plain module and return what its importers can see of it."""
        from flashc.frontend.exports import read_exports  # it imports LibCST

        project, environment = self.workspace.project, self.workspace.environment
        return read_exports(name, project, environment, self.dialects)

    def value_of(self, module: str, name: str) -> str:
        """Return the fingerprint that importers see for `module.name`; see `ModuleExports`."""
        if module in self._under_way:
            # The fingerprint depends on itself, so the result is a text that is never the same.
            return os.urandom(16).hex()
        exports = self.exports_of(module)
        if exports is None:
            return ""
        # `NAME()` asks for the body of a function, which may exist although the module has no name for it.
        is_body = name.endswith("()")
        found = exports.fingerprints.get(name, None if is_body else "absent")
        if found is None:
            found = digest(
                self.digests.digest(module_input(module)), *map(self.digests.digest, exports.texts)
            )
        return found

    # Keys -----------------------------------------------------------------------------------------

    def key(self, component: Component) -> str:
        """Return a key that changes with the text of a component's modules, and with what all modules depend on."""
        digests = (self.digests.digest(module_input(name)) for name in component)
        return digest(self.index, *component, *digests)

    def group(self, components: Iterable[Component]) -> str:
        """Return a key for the cache entry of some components, whatever their text is."""
        return digest(self.index, *(name for component in components for name in component))

    @cached_property
    def memo(self) -> Memo:
        """The cached results."""
        return Memo(self.workspace.cache, self.digest_of)

    def digest_of(self, item: str) -> str:
        """Return the present digest of an input, which many modules ask for."""
        known = self._known.get(item)
        if known is None:
            known = self.digests.digest(item)
            if not self._under_way:  # else it may be a text that is never the same
                self._known[item] = known
        return known

    @cached_property
    def digests(self) -> InputDigests:
        """The present digests of the inputs."""
        workspace = self.workspace
        return InputDigests(workspace.project, workspace.environment.recording(), self.value_of)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The size of each module in bytes."""
        project = self.workspace.project
        return {name: project.by_path[path].size for name, path in project.modules.items()}


def _nothing() -> None:
    """Do nothing: only the main process calls the `meanwhile` of `read_summaries`."""


class _Work(Struct, frozen=True):
    """The reading of numbered tasks, which can be sent to another process.

    A task is a batch, or the name of a plain module whose exports are wanted.
    """

    library: _Library
    tasks: tuple[Batch | str, ...]

    def __call__(self, number: int) -> bytes:
        return call_on_new_stack(partial(self._result, self.tasks[number]))

    def _result(self, task: Batch | str) -> bytes:
        if isinstance(task, str):
            return msgspec.msgpack.encode(self.library.read_exports(task))
        return msgspec.msgpack.encode(self.library.read_batch(task))
