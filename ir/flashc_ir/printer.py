"""Print the IR of a program as readable text, for `flashc emit --target ir` and for tests.

There is one fact per line, in the order of the IR.  A change of the IR's facts changes the text; the
bodies of functions are no such facts.  A change that only moves code changes nothing but line numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from msgspec import structs

from flashc_core.credentials import masked
from flashc_core.encoding import visible

from .endpoints import (
    Configuration,
    Endpoint,
    ExistingEndpoint,
    Function,
    ImageEndpoint,
    LoadBalanced,
    Parameter,
    ParameterKind,
    Place,
    QueueClass,
    QueueFunction,
)
from .modules import Import, Module
from .program import Call, Program
from .resources import Cpu, EnvironmentReference, Gpu, Resources, Variable, Volume


def print_program(program: Program) -> str:
    """Return the text of a whole program."""
    return "\n".join(map(_line, _program(program))) + "\n"


def _line(text: str) -> str:
    """Return a line whose names and values can't end it and can't control the terminal, and without credentials."""
    return masked(visible(text.replace("\n", "\N{REPLACEMENT CHARACTER}")))


def _indent(lines: Iterator[str]) -> Iterator[str]:
    """Return lines with two spaces in front."""
    return (f"  {line}" for line in lines)


def _program(program: Program) -> Iterator[str]:
    """Yield the lines of a whole program."""
    yield f"program {program.name} (python {program.python_version})"
    for requirement in program.requirements:
        yield f"  {'limits' if requirement.constraint else 'requires'} {requirement}"
    for module in program.modules:
        yield ""
        yield f"module {module.name} ({module.path})"
        yield from _indent(_module(module))
    callees = program.callees()
    for endpoint in program.endpoints:
        yield ""
        yield from print_endpoint(endpoint)
        if not isinstance(endpoint, ExistingEndpoint):
            for callee in callees.get(endpoint.resource, ()):
                yield f"  calls {callee}"
    if program.calls:
        yield ""
        for call in program.calls:
            yield _call(call)


def _module(module: Module) -> Iterator[str]:
    """Yield the lines about a module: its imports and edits."""
    for item in module.imports:
        yield f"import {_import(item)}"
    for edit in module.edits:
        span = edit.span
        where = f"{span.line}:{span.column}-{span.end_line}:{span.end_column}"
        yield f"edit {where} {json.dumps(edit.text, ensure_ascii=False)}"


def _import(item: Import) -> str:
    """Return the text for an import, such as `torch [external] (cuda) in run`."""
    words = [item.module, f"[{item.origin.value}]"]
    if item.names is not None:
        names = [f"{n.name} as {n.alias}" if n.alias else n.name for n in item.names]
        words.append("(" + ", ".join(names) + ")")
    elif item.alias:
        words.append(f"as {item.alias}")
    notes = {
        "typing only": item.typing_only,
        "guarded": item.guarded,
        "dynamic": item.dynamic,
    }
    words += [note for note, holds in notes.items() if holds]
    if item.scope:
        words.append(f"in {item.scope}")
    return " ".join(words)


def print_endpoint(endpoint: Endpoint) -> Iterator[str]:
    """Yield the lines of one endpoint, beginning with its kind, name and location."""
    match endpoint:
        case ExistingEndpoint():
            shown = json.dumps(endpoint.id) if endpoint.id is not None else "known at run time"
            yield f"existing endpoint {shown} as {endpoint.variable} at {endpoint.construction.span}"
            return
        case QueueFunction():
            yield f"queue endpoint {_name(endpoint)} at {endpoint.construction.span}"
            yield f"  runs {endpoint.function.module}:{signature(endpoint.function)}"
        case QueueClass():
            yield f"queue class endpoint {_name(endpoint)} at {endpoint.construction.span}"
            yield f"  runs {endpoint.module}:{endpoint.qualname}"
            for method in endpoint.methods:
                yield f"  method {signature(method)}"
        case LoadBalanced():
            yield f"load-balanced endpoint {_name(endpoint)} at {endpoint.construction.span}"
            for route in endpoint.routes:
                yield f"  route {route.key} -> {route.function.module}:{signature(route.function)}"
                if route.places:
                    yield f"    takes {', '.join(map(place_text, route.places))}"
                if route.answer != "any":
                    yield f"    answers with {_ANSWERS[route.answer]}"
                if route.codec:
                    yield "    may need the codec"
                if route.needs:
                    yield f"    needs {', '.join(map(place_text, route.needs))}"
        case ImageEndpoint():
            yield f"image endpoint {_name(endpoint)} at {endpoint.construction.span}"
            yield f"  image {endpoint.image}"
    if endpoint.construction.traced:
        yield "  known by running the program"
    yield from _indent(_configuration(endpoint.configuration))


_ANSWERS = {"json": "JSON as annotated", "response": "a response of its own"}


def place_text(place: Place) -> str:
    """Return the words for where an argument travels, such as `token from header "x-token"`."""
    name = place.parameter
    alias = f" {json.dumps(place.alias, ensure_ascii=False)}" if place.alias != name else ""
    match place.where:
        case "nowhere":
            return f"{name} from no request"
        case "provided":
            return f"{name} from FastAPI"
        case "unknown":
            return f"{name} from an unknown place"
        case "body":
            return f"{name} from {'a field of the ' if place.embed else ''}body{alias}"
        case where:
            return f"{name} from {'the fields of the ' if place.embed else ''}{where}{alias}"


def _name(endpoint: QueueFunction | QueueClass | LoadBalanced | ImageEndpoint) -> str:
    """Return an endpoint's name, with its resource name if that differs."""
    shown = json.dumps(endpoint.name, ensure_ascii=False)
    return shown if endpoint.name == endpoint.resource else f"{shown} = {endpoint.resource}"


def signature(function: Function) -> str:
    """Return `async def name(a: int, *, b=...) -> R`; `(generator)` and `(decorated)` are added where they hold."""
    words = "async def " if function.is_async else "def "
    returns = f" -> {function.returns}" if function.returns else ""
    marks = " (generator)" if function.is_generator else ""
    marks += " (decorated)" if function.decorated else ""
    return f"{words}{function.qualname}({parameters(function.parameters)}){returns}{marks}"


def parameters(params: tuple[Parameter, ...]) -> str:
    """Return the text between the parentheses of a signature, as in the source."""
    return join_parameters(params, _parameter)


def _parameter(param: Parameter) -> str:
    """Return the text of a parameter, without stars."""
    text = param.name
    if param.annotation is not None:
        text += f": {param.annotation}"
    if param.default is not None:
        text += f" = {param.default}" if param.annotation else f"={param.default}"
    return text


_STARS = {ParameterKind.VAR_POSITIONAL: "*", ParameterKind.VAR_KEYWORD: "**"}


def join_parameters(params: tuple[Parameter, ...], show: Callable[[Parameter], str]) -> str:
    """Join parameters with `/`, `*` and `**`; `show` returns the text of one without stars."""
    parts: list[str] = []
    kinds = [param.kind for param in params]
    for index, param in enumerate(params):
        starts_keywords = param.kind is ParameterKind.KEYWORD_ONLY and not (
            {ParameterKind.KEYWORD_ONLY, ParameterKind.VAR_POSITIONAL} & set(kinds[:index])
        )
        if starts_keywords:
            parts.append("*")
        parts.append(_STARS.get(param.kind, "") + show(param))
        last_positional = param.kind is ParameterKind.POSITIONAL_ONLY and (
            ParameterKind.POSITIONAL_ONLY not in kinds[index + 1 :]
        )
        if last_positional:
            parts.append("/")
    return ", ".join(parts)


def _configuration(configuration: Configuration) -> Iterator[str]:
    """Yield the lines about an endpoint's configuration."""
    yield from _resources(configuration.resources)
    for variable in configuration.environment:
        yield f"env {_variable(variable)}"
    for dependency in configuration.dependencies:
        yield f"needs {dependency}"
    for package in configuration.system_dependencies:
        yield f"needs system package {package}"
    if not configuration.accelerate_downloads:
        yield "downloads are not accelerated"
    if configuration.max_concurrency != 1:
        yield f"concurrency {configuration.max_concurrency}"
    if configuration.python_version is not None:
        yield f"python {configuration.python_version}"
    yield from _others(configuration, _CONFIGURATION)


# The fields for which the printer has words.  Other fields, such as new ones, are printed with
# their names.
_CONFIGURATION = frozenset(
    "resources environment dependencies has_known_dependencies system_dependencies "
    "accelerate_downloads max_concurrency python_version".split()
)
_RESOURCES = frozenset(
    "hardware workers scaler idle_timeout execution_timeout_ms flashboot datacenters volumes "
    "template".split()
)


def _others(value: Configuration | Resources, worded: frozenset[str]) -> Iterator[str]:
    """Yield every field that is not in `worded` and does not have its default."""
    for field in structs.fields(value):
        found = getattr(value, field.name)
        if field.name not in worded and found != field.default:
            yield f"{field.name} {found}"


def _resources(resources: Resources) -> Iterator[str]:
    """Yield the lines about an endpoint's hardware and other resources."""
    match resources.hardware:
        case Gpu() as gpu:
            count = f" x {gpu.count}" if gpu.count != 1 else ""
            cuda = f", cuda >= {gpu.min_cuda}" if gpu.min_cuda else ""
            yield f"gpu {', '.join(gpu.choices)}{count}{cuda}"
        case Cpu() as cpu:
            yield f"cpu {', '.join(cpu.instances)}"
    workers, scaler = resources.workers, resources.scaler
    yield (
        f"workers {workers.minimum}..{workers.maximum}, idle {resources.idle_timeout} s, "
        f"scale on {scaler.type} {scaler.value}"
    )
    if resources.datacenters is not None:
        yield f"in {', '.join(resources.datacenters)}"
    for volume in resources.volumes:
        yield f"volume {_volume(volume)}"
    if resources.execution_timeout_ms:
        yield f"at most {resources.execution_timeout_ms} ms per job"
    if not resources.flashboot:
        yield "without flashboot"
    yield from _others(resources, _RESOURCES)
    if resources.template is not None:
        template = resources.template
        if template.container_disk_gb is not None:
            yield f"container disk {template.container_disk_gb} GB"
        for variable in template.environment:
            yield f"template env {_variable(variable)}"
        for word, text in (
            ("docker arguments", template.docker_args),
            ("start script", template.start_script),
            ("ports", template.ports),
        ):
            if text:
                yield f"{word} {json.dumps(text)}"


def _volume(volume: Volume) -> str:
    """Return the text for a network volume."""
    named = volume.name if volume.name is not None else f"id {volume.id}"
    return f"{named} ({volume.size} GB in {volume.datacenter})"


def _variable(variable: Variable) -> str:
    """Return the text for an environment variable: its name and the parts of its value."""
    parts = [
        f"${{{part.variable}}}"
        + (f" or {json.dumps(part.default)}" if part.default is not None else "")
        if isinstance(part, EnvironmentReference)
        else json.dumps(part.text, ensure_ascii=False)
        for part in variable.parts
    ]
    return f"{variable.name} = {' + '.join(parts)}"


def _call(call: Call) -> str:
    """Return the line about a call, or about another use of an endpoint's function."""
    if call.shape is None:
        return f"reference {call.caller} -> {call.function} on {call.endpoint} at {call.span}"
    shape = [*("_" for _ in range(call.shape.positional)), *(f"{k}=" for k in call.shape.keywords)]
    shape += ["*"] * call.shape.star + ["**"] * call.shape.double_star
    awaited = "await " if call.shape.awaited else ""
    return (
        f"call {call.caller} -> {awaited}{call.function}({', '.join(shape)}) "
        f"on {call.endpoint} at {call.span}"
    )
