"""Generate stub modules, from which other modules import the functions of an endpoint.

A stub has the name, signature, docstring and kind (plain, async, generator) of its target, and a
decorator that names the target's endpoint and module.  A module that imports the stub does not load
the target's module.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct, field

from flashc_backends.base import Context, Draft, DraftTarget
from flashc_core.python_texts import parse_expression
from flashc_ir.endpoints import (
    CodeEndpoint,
    Function,
    LoadBalanced,
    Parameter,
    QueueClass,
    QueueFunction,
    Route,
)
from flashc_ir.modules import Module
from flashc_ir.printer import join_parameters
from flashc_ir.program import Program

from .project_files import draft_project
from .runtime_files import PACKAGE
from .skeleton import literal

FOLDER = f"{PACKAGE}/stubs"
_INDENT = "    "
_STUB_IMPORT = re.compile(rf"from {PACKAGE}\.stubs\.([^ ]+) import ")


class _Stub(Struct, frozen=True, kw_only=True):
    """One definition of a stub module; `decorator` names a function of `_flashc.dispatch`.

    `defaults` are defaults of parameters that say where FastAPI finds the argument.
    """

    module: str
    name: str
    decorator: str
    arguments: tuple[str, ...]
    definition: str
    defaults: dict[str, str] = field(default_factory=dict[str, str])


def stub_drafts(program: Program) -> tuple[Draft, ...]:
    """Draft a stub module for each module whose endpoints another module imports."""
    wanted = _imported(program)
    modules: dict[str, dict[str, _Stub]] = {}
    for endpoint in program.code_endpoints:
        for stub in _stubs(endpoint):
            if stub.module in wanted and all(
                map(_importable, (*stub.module.split("."), stub.name))
            ):
                modules.setdefault(stub.module, {})[stub.name] = stub
    parents = {
        ".".join(name.split(".")[:depth])
        for name in modules
        for depth in range(1, name.count(".") + 1)
    }
    by_name = {module.name: module for module in program.modules}
    drafts = [
        Draft(
            path=_path(name, name in parents),
            content=_source(list(modules[name].values()), by_name.get(name)).encode(),
        )
        for name in sorted(modules)
    ]
    empty = sorted(parents - modules.keys())
    return (*drafts, *(Draft(path=_path(name, is_package=True), content=b"") for name in empty))


def _imported(program: Program) -> set[str]:
    """Return the names of the modules whose stubs the edits of other modules import."""
    return {
        found
        for module in program.modules
        for edit in module.edits
        for found in _STUB_IMPORT.findall(edit.text)
    }


def _importable(name: str) -> bool:
    """Return whether an import statement can contain `name`, one part of a dotted name."""
    return name.isidentifier() and not keyword.iskeyword(name) and name != "__init__"


def _path(module: str, is_package: bool) -> str:
    """Return the path of a stub module in the artifact."""
    return f"{FOLDER}/{module.replace('.', '/')}{'/__init__' if is_package else ''}.py"


def _stubs(endpoint: CodeEndpoint) -> Iterator[_Stub]:
    """Yield a stub for each function or class of an endpoint that an import statement can name.

    These are defined at the top of their module.
    """
    match endpoint:
        case QueueFunction(function=function, module=module, resource=resource):
            if function.module == module and "." not in function.qualname:
                definition = _function(function)
                yield _Stub(
                    module=module,
                    name=function.name,
                    decorator="endpoint_function",
                    arguments=(resource, module),
                    definition=definition,
                )
        case QueueClass(class_name=name, module=module, resource=resource):
            if "." not in endpoint.qualname:
                yield _Stub(
                    module=module,
                    name=name,
                    decorator="endpoint_class",
                    arguments=(resource, module),
                    definition=_class(endpoint),
                )
        case LoadBalanced(resource=resource):
            seen: set[Function] = set()
            for route in endpoint.routes:
                function = route.function
                plain = function.module == route.module and "." not in function.qualname
                if plain and function not in seen:
                    seen.add(function)
                    identity = (resource, route.module, route.method, route.path)
                    yield _Stub(
                        module=route.module,
                        name=function.name,
                        decorator="endpoint_route",
                        arguments=identity,
                        definition=_function(function),
                        defaults=_markers(route),
                    )


_MARKER = re.compile(r"(?:\w+\.)*(?:Path|Query|Header|Cookie|Body|Form|File|Depends|Security)\(")


def _markers(route: Route) -> dict[str, str]:
    """Return the defaults that say where FastAPI finds an argument, if the worker has to find that out."""
    if all(place.where != "unknown" for place in route.places):
        return {}
    return {
        parameter.name: parameter.default
        for parameter in route.function.parameters
        if parameter.default is not None
        and _MARKER.match(parameter.default)
        and _is_expression(parameter.default)
    }


def _source(stubs: list[_Stub], module: Module | None) -> str:
    """Return the text of a stub module; `module` is the module that it stands for."""
    names = {stub.name for stub in stubs}
    decorators = sorted({stub.decorator for stub in stubs})
    aliases = {decorator: _unused_name(decorator, names) for decorator in decorators}
    imports = ", ".join(
        name if alias == name else f"{name} as {alias}" for name, alias in aliases.items()
    )
    blocks = [
        f"@{aliases[stub.decorator]}({', '.join(map(literal, stub.arguments))})\n{stub.definition}"
        for stub in stubs
    ]
    head = f"from __future__ import annotations\n\nfrom {PACKAGE}.dispatch import {imports}\n"
    table = {} if module is None else _imported_names(module, stubs)
    if table:
        head += f"\nNAMES = {table!a}\n"
    defaults = {stub.name: stub.defaults for stub in stubs if stub.defaults}
    if defaults:
        head += f"\nDEFAULTS = {defaults!a}\n"
    return "\n\n".join((head, *blocks))


_NAME = re.compile(r"[^\W\d]\w*")


def _texts(stub: _Stub) -> tuple[str, ...]:
    """Return the texts of a stub that may mention names of its target's module."""
    return (stub.definition, *stub.defaults.values())


def _imported_names(module: Module, stubs: list[_Stub]) -> dict[str, str]:
    """Return where the names come from that a module imports and that its stubs may mention.

    Workers import only these modules to find the classes in annotations, if they can.
    """
    mentioned = {name for stub in stubs for text in _texts(stub) for name in _NAME.findall(text)}
    found: dict[str, str] = {}
    for statement in module.imports:
        if statement.scope or statement.dynamic:
            continue
        source = statement.substitute or statement.module
        if statement.names is None:
            bound = statement.alias or statement.module.partition(".")[0]
            if bound in mentioned:
                found[bound] = source
        for name in statement.names or ():
            if name.bound in mentioned and name.name != "*":
                found[name.bound] = f"{source}:{name.substitute or name.name}"
    return dict(sorted(found.items()))


def _unused_name(name: str, names: set[str]) -> str:
    """Return `name` with as many underscores as it needs to differ from `names`."""
    while name in names:
        name += "_"
    return name


def _function(function: Function, indent: str = "", receiver: str = "") -> str:
    """Return the definition of a function's stub; `receiver` is the first parameter of a method."""
    word = "async def" if function.is_async else "def"
    returns = f" -> {function.returns}" if _is_expression(function.returns) else ""
    parameters = join_parameters(function.parameters, _parameter)
    listed = ", ".join(part for part in (receiver, parameters) if part)
    head = f"{indent}{word} {function.name}({listed}){returns}:\n"
    body = [] if function.docstring is None else [docstring(function.docstring)]
    if function.is_generator:
        body.append("yield")
    return head + "".join(f"{indent}{_INDENT}{line}\n" for line in body or ["..."])


def _class(endpoint: QueueClass) -> str:
    """Return the definition of a class's stub."""
    parts = [] if endpoint.docstring is None else [f"{_INDENT}{docstring(endpoint.docstring)}\n"]
    for method in endpoint.methods:
        names = {parameter.name for parameter in method.parameters}
        parts.append(_function(method, _INDENT, _unused_name("self", names)))
    return f"class {endpoint.class_name}:\n" + "\n".join(parts or [f"{_INDENT}...\n"])


def docstring(text: str) -> str:
    """Return a docstring as source: in three quotes if that gives the same text, else escaped."""
    quoted = f'"""{text}"""'
    odd = any(not (character.isprintable() or character == "\n") for character in text)
    if odd or "\\" in text or '"""' in text or text.endswith('"'):
        return repr(text)
    return quoted


def _parameter(parameter: Parameter) -> str:
    """Return a parameter as source; a default that is not a literal is written as `...`."""
    text = parameter.name
    annotated = _is_expression(parameter.annotation)
    if annotated:
        text += f": {parameter.annotation}"
    if parameter.default is None:
        return text
    repeated = parameter.literal_default and _is_expression(parameter.default)
    default = parameter.default if repeated else "..."
    return f"{text} = {default}" if annotated else f"{text}={default}"


@lru_cache(maxsize=4096)
def _is_expression(text: str | None) -> bool:
    """Return whether a piece of the user's source is an expression by itself."""
    if text is None:
        return False
    try:
        parse_expression(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _emit(program: Program, context: Context) -> tuple[Draft, ...]:
    """Draft the modules that have edits, and the stubs: the `emit` of the target `stubs`."""
    project = draft_project(program, context.project.root, context.services.sink)
    if project is None:
        return ()
    edited = {module.path for module in program.modules if module.edits}
    rewritten = (draft for draft in project.drafts if draft.path in edited)
    return (*rewritten, *stub_drafts(program))


STUBS = DraftTarget(
    name="stubs", summary="rewritten modules, and the stubs that they import", emit=_emit
)
