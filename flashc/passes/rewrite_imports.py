"""Compute the text edits that turn each module into its copy in the artifact.

There are four kinds of edits.  None of them changes a line number:

- An import of an SDK becomes an import from the artifact's runtime, with only the names that are
  still used.
- The declaration of an endpoint keeps only the name of its resource.
- Other uses of an SDK that the runtime does not support are replaced as the dialect says.
- `from worker import function` becomes an import of a stub if the function is an endpoint's, so that
  a caller does not load the module of the called endpoint.

All other calls work without an edit, because the runtime replaces an endpoint's function when it is
defined, except on the workers of its own endpoint.

The front end knows the SDKs: it provides the replacement of an import (`Import.substitute`), of a
declaration (`Construction.edit`) and of other uses (`Module.sdk_edits`).  This pass combines them,
because the whole program decides which imported names are still used.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from flashc_core.source import Edit, Span
from flashc_ir.endpoints import (
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
from .used_names import users_of_names

STUBS = "_flashc.stubs"  # the artifact's package with a stub of each endpoint's function


def rewrite_imports(program: Program, _context: PassContext) -> Program:
    """Set `Module.edits` of modules that use an SDK or import an endpoint's function."""
    declared: dict[str, list[Edit]] = {}
    for endpoint in program.deployed:
        construction = endpoint.construction
        if construction.edit is not None:
            declared.setdefault(construction.module, []).append(construction.edit)
    rewriter = _Rewriter(
        stubbed=stubbed_names(program),
        declared=declared,
        taken=frozenset(users_of_names(program)),
    )
    modules = tuple(
        replace(module, edits=edits) if (edits := tuple(sorted(rewriter.edits(module)))) else module
        for module in program.modules
    )
    imports_stubs = any(
        rewriter.remote_names(module, item) for module in modules for item in module.imports
    )
    return replace(program, modules=modules, imports_stubs=imports_stubs)


def stubbed_names(program: Program) -> dict[tuple[str, str], str]:
    """Return the resource of every function or class that has a stub, by (module, name).

    A name has a stub only if it surely means the endpoint's function or class: it is bound once, no
    decorator is above the endpoint's, no decorator below may change the signature, and an import
    statement can reach it.
    """
    unique = {
        (module.name, binding.name)
        for module in program.modules
        for binding in module.bindings
        if binding.unique
    }
    found: dict[tuple[str, str], str] = {}
    for endpoint in program.code_endpoints:
        for module, name in _plain_names(endpoint):
            importable = all(part.isidentifier() for part in module.split("."))
            if (module, name) in unique and importable:
                found[module, name] = endpoint.resource
    return found


def _plain_names(endpoint: Endpoint) -> Iterable[tuple[str, str]]:
    """Yield (module, name) of the functions or class of an endpoint that a stub can replace."""
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


class _Rewriter(Struct, frozen=True, eq=False, kw_only=True):
    """Computes the edits of modules.

    `declared` are the edits of declarations, by the module that contains them.  `taken` are the
    dotted names that modules import from each other; `module.*` stands for a star import.
    """

    stubbed: dict[tuple[str, str], str]
    declared: dict[str, list[Edit]]
    taken: frozenset[str]

    def edits(self, module: Module) -> Iterable[Edit]:
        """Return the edits of one module, in no order."""
        known = [*self.declared.get(module.name, ()), *module.sdk_edits]
        yield from known
        gone = [edit.span for edit in known]
        statements = groupby(
            sorted(module.imports, key=lambda item: item.span), key=lambda item: item.span
        )
        for span, group in statements:
            found = list(group)
            items = [item for item in found if not item.dynamic]
            text = self.statement(module, items, gone) if items else _dynamic_import(found[0])
            if text is not None:
                yield Edit(span, text)

    def statement(self, module: Module, items: list[Import], gone: list[Span]) -> str | None:
        """Return the new text of an import statement; None if it is not changed."""
        first = items[0]
        if first.names is None:
            if all(item.substitute is None for item in items):
                return None
            return _import_statement(items)
        if first.substitute is not None:
            kept = [n for n in first.names if self.is_used(module, first, n, gone)]
            return _sdk_import(first, first.substitute, kept)
        remote = self.remote_names(module, first)
        if not remote:
            return None
        local = [n for n in first.names if n not in remote]
        stubs = _from_import(f"{STUBS}.{first.module}", remote, first.span, lines="")
        if not local:
            return _from_import(f"{STUBS}.{first.module}", remote, first.span)
        return f"{stubs}; {_from_import(first.module, local, first.span)}"

    def remote_names(self, module: Module, item: Import) -> list[ImportedName]:
        """Return the names of an import that the artifact's copy imports from the stubs."""
        if item.origin is not Origin.PROJECT or item.module == module.name or item.dynamic:
            return []
        return [name for name in item.names or () if (item.module, name.name) in self.stubbed]

    def is_used(self, module: Module, item: Import, name: ImportedName, gone: list[Span]) -> bool:
        """Return whether a name of an SDK is still used if the spans in `gone` are replaced."""
        if name.name == "*" or item.scope:
            return True
        target = f"{item.module}.{name.name}"
        for reference in module.references:
            if reference.target == target or reference.target.startswith(f"{target}."):
                if not any(span.covers(reference.span) for span in gone):
                    return True
        return self.is_exported(module, name.bound)

    def is_exported(self, module: Module, name: str) -> bool:
        """Return whether another module may import the name from this one."""
        if module.exports is not None and name in module.exports:
            return True
        return bool({f"{module.name}.{name}", f"{module.name}.*"} & self.taken)


def _dynamic_import(item: Import) -> str | None:
    """Return the call that imports the runtime instead of an SDK; None if it is not changed."""
    if item.substitute is None:
        return None
    return f'__import__("{item.substitute}", fromlist=("*",){_lines(item.span)})'


def _sdk_import(item: Import, substitute: str, kept: list[ImportedName]) -> str:
    """Return statements that import the names of the runtime from it, and the others as before."""
    ours = [_substituted(name, name.substitute) for name in kept if name.substitute is not None]
    others = [name for name in kept if name.substitute is None]
    if not others:
        return _from_import(substitute, ours, item.span)
    theirs = _from_import(item.module, others, item.span)
    return f"{_from_import(substitute, ours, item.span, lines='')}; {theirs}" if ours else theirs


def _substituted(name: ImportedName, substitute: str) -> ImportedName:
    """Return the import of `substitute` that binds the same name."""
    alias = name.bound if name.alias is not None or substitute != name.name else None
    return ImportedName(name=substitute, alias=alias)


def _lines(span: Span) -> str:
    """Return as many line ends as the replaced text has, so that later code keeps its line."""
    return "\n" * (span.end_line - span.line)


def _from_import(
    module: str, names: list[ImportedName], span: Span, lines: str | None = None
) -> str:
    """Return a `from ... import` statement with as many lines as `span` has.

    Without names, it is a statement without effect.
    """
    padding = _lines(span) if lines is None else lines
    if not names:
        # An empty tuple over several lines is a statement without effect, like `pass`, and keeps the lines.
        return f"({padding})" if padding else "pass"
    listed = ", ".join(f"{n.name} as {n.alias}" if n.alias else n.name for n in names)
    return f"from {module} import " + (f"({listed}{padding})" if padding else listed)


def _import_statement(items: list[Import]) -> str:
    """Return an `import a, b as c` statement with the SDKs replaced.

    Backslashes keep its number of lines.
    """
    parts: list[str] = []
    for item in items:
        if item.substitute is not None:
            parts.append(f"{item.substitute} as {item.alias or item.module.partition('.')[0]}")
        else:
            parts.append(f"{item.module} as {item.alias}" if item.alias else item.module)
    return "import " + "\\\n" * (items[0].span.end_line - items[0].span.line) + ", ".join(parts)
