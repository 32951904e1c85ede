"""The program's imports and constructions -> `Module.edits`: what the artifact's copy of it says instead.

Three edits, none of which changes a line number:
- the SDK is imported from the artifact's own runtime, and only the names that are still used;
- `Endpoint(...)` keeps its resource's name and loses every other argument;
- `from worker import function` of an endpoint's function becomes an import of its dispatch stub, so that
  a caller does not load the callee's module.
Every other way to reach an endpoint works without an edit, because the runtime's `Endpoint` replaces the
function where it is defined, unless the running endpoint is its owner.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from msgspec.structs import replace

from flashc_core.source import Edit, Span
from flashc_ir.endpoints import (
    DeployedEndpoint,
    Endpoint,
    ExistingEndpoint,
    ImageEndpoint,
    LoadBalanced,
    QueueClass,
    QueueFunction,
)
from flashc_ir.modules import Import, ImportedName, Module, Origin
from flashc_ir.program import Program

from .context import PassContext

RUNTIME = "_flashc"
SDK_MODULE = f"{RUNTIME}.sdk"
STUBS = f"{RUNTIME}.stubs"
SDKS = frozenset({"runpod_flash", "flashc", "flashc.sdk"})
# What the runtime's stand-in for the SDK offers, from whichever module of the SDK it is imported.
SDK_NAMES = frozenset(
    "CpuInstanceType CudaVersion DataCenter Endpoint GpuGroup GpuType NetworkVolume PodTemplate "
    "ServerlessScalerType".split()
)


def rewrite_imports(program: Program, _context: PassContext) -> Program:
    """Note the edits of every module that imports the SDK, an endpoint's function, or builds an endpoint."""
    built: dict[str, list[DeployedEndpoint]] = {}
    for endpoint in program.deployed():
        if endpoint.construction.arguments is not None:
            built.setdefault(endpoint.construction.module, []).append(endpoint)
    rewriter = _Rewriter(
        program=program,
        stubbed=stubbed_names(program),
        built=built,
        taken=frozenset(_taken(program)),
    )
    modules = tuple(
        replace(module, edits=tuple(sorted(rewriter.edits(module)))) for module in program.modules
    )
    return replace(program, modules=modules)


def _taken(program: Program) -> Iterator[str]:
    """Every name that a module imports from another, or refers to, and what is in front of its dots."""
    for module in program.modules:
        for item in module.imports:
            yield from (f"{item.module}.{n.name}" for n in item.names or ())
        for reference in module.references:
            parts = reference.target.split(".")
            yield from (".".join(parts[:length]) for length in range(2, len(parts) + 1))


def stubbed_names(program: Program) -> dict[tuple[str, str], str]:
    """(module, name) of every function or class that has a dispatch stub -> its endpoint's resource.

    Only a name that is nothing but the endpoint's own object has one: bound once, no decorator above
    the endpoint's, no decorator below that may change the signature, reachable by an import statement.
    """
    unique = {
        (module.name, binding.name)
        for module in program.modules
        for binding in module.bindings
        if binding.unique
    }
    found: dict[tuple[str, str], str] = {}
    for endpoint in program.code_endpoints():
        for module, name in _plain_names(endpoint):
            importable = all(part.isidentifier() for part in module.split("."))
            if (module, name) in unique and importable:
                found[module, name] = endpoint.resource
    return found


def _plain_names(endpoint: Endpoint) -> Iterable[tuple[str, str]]:
    match endpoint:
        case QueueFunction(function=function):
            plain = endpoint.outermost and not function.decorated and "." not in function.qualname
            if plain and function.module == endpoint.module:
                yield function.module, function.name
        case QueueClass():
            plain = not endpoint.open_bases and not any(m.decorated for m in endpoint.methods)
            if plain and endpoint.outermost and "." not in endpoint.qualname:
                yield endpoint.module, endpoint.class_name
        case LoadBalanced():
            for route in endpoint.routes:
                function = route.function
                plain = route.outermost and not function.decorated and "." not in function.qualname
                if plain and function.module == route.module:
                    yield function.module, function.name
        case ImageEndpoint() | ExistingEndpoint():
            return


@dataclass(frozen=True, eq=False, kw_only=True)
class _Rewriter:
    program: Program
    stubbed: dict[tuple[str, str], str]
    built: dict[str, list[DeployedEndpoint]]  # by the module that builds them
    taken: frozenset[str]  # what modules take from each other, dotted, and `module.*`

    def edits(self, module: Module) -> Iterable[Edit]:
        constructions = [_construction(e) for e in self.built.get(module.name, ())]
        yield from constructions
        gone = [edit.span for edit in constructions]
        statements = groupby(
            sorted(module.imports, key=lambda item: item.span), key=lambda item: item.span
        )
        for span, group in statements:
            items = [item for item in group if not item.dynamic]
            text = self.statement(module, items, gone) if items else None
            if text is not None:
                yield Edit(span, text)

    def statement(self, module: Module, items: list[Import], gone: list[Span]) -> str | None:
        """The new text of an import statement, None where it stays."""
        first = items[0]
        if first.names is None:
            if not any(item.module in SDKS for item in items):
                return None
            return _import_statement(items)
        if first.module in SDKS or self.is_inner_sdk(first):
            kept = [n for n in first.names if self.is_used(module, first, n, gone)]
            return self.sdk_import(first, kept)
        if first.origin is not Origin.PROJECT or first.module == module.name:
            return None
        remote = [n for n in first.names if (first.module, n.name) in self.stubbed]
        if not remote:
            return None
        local = [n for n in first.names if n not in remote]
        stubs = _from_import(f"{STUBS}.{first.module}", remote, first.span, lines="")
        if not local:
            return _from_import(f"{STUBS}.{first.module}", remote, first.span)
        return f"{stubs}; {_from_import(first.module, local, first.span)}"

    @staticmethod
    def sdk_import(item: Import, kept: list[ImportedName]) -> str:
        """What the runtime offers is imported from it, the rest from where it was."""
        ours = [n for n in kept if n.name in SDK_NAMES or n.name == "*"]
        others = [n for n in kept if n not in ours]
        if not others:
            return _from_import(SDK_MODULE, ours, item.span)
        theirs = _from_import(item.module, others, item.span)
        return (
            f"{_from_import(SDK_MODULE, ours, item.span, lines='')}; {theirs}" if ours else theirs
        )

    @staticmethod
    def is_inner_sdk(item: Import) -> bool:
        """An import of the SDK's public names from one of its inner modules."""
        inner = item.module.partition(".")[0] in SDKS and item.origin is Origin.SDK
        return inner and all(name.name in SDK_NAMES for name in item.names or ())

    def is_used(self, module: Module, item: Import, name: ImportedName, gone: list[Span]) -> bool:
        """Whether a name of the SDK is needed when its uses inside `gone` are gone."""
        if name.name == "*" or item.scope:
            return True
        target = f"{item.module}.{name.name}"
        for reference in module.references:
            if reference.target == target or reference.target.startswith(f"{target}."):
                if not any(span.covers(reference.span) for span in gone):
                    return True
        return self.is_exported(module, name.bound)

    def is_exported(self, module: Module, name: str) -> bool:
        if module.exports is not None and name in module.exports:
            return True
        return bool({f"{module.name}.{name}", f"{module.name}.*"} & self.taken)


def _lines(span: Span) -> str:
    """As many line ends as the replaced text has, so that what follows keeps its line."""
    return "\n" * (span.end_line - span.line)


def _from_import(
    module: str, names: list[ImportedName], span: Span, lines: str | None = None
) -> str:
    padding = _lines(span) if lines is None else lines
    if not names:
        return f"({padding})" if padding else "pass"
    listed = ", ".join(f"{n.name} as {n.alias}" if n.alias else n.name for n in names)
    return f"from {module} import " + (f"({listed}{padding})" if padding else listed)


def _import_statement(items: list[Import]) -> str:
    """`import a, b as c` with the SDK replaced.  A line continuation in it is kept by backslashes."""
    parts: list[str] = []
    for item in items:
        if item.module in SDKS:
            parts.append(f"{SDK_MODULE} as {item.alias or item.module.partition('.')[0]}")
        else:
            parts.append(f"{item.module} as {item.alias}" if item.alias else item.module)
    return "import " + "\\\n" * (items[0].span.end_line - items[0].span.line) + ", ".join(parts)


def _construction(endpoint: DeployedEndpoint) -> Edit:
    """On a worker an endpoint's arguments are its resource's name alone."""
    place = endpoint.construction.arguments
    assert place is not None
    client = ", image=True" if isinstance(endpoint, ImageEndpoint) else ""
    return Edit(place, json.dumps(endpoint.resource) + client + _lines(place))
