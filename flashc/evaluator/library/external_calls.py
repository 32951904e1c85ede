"""Evaluate calls of functions outside the project, such as `os.getenv`, `itertools` and `copy`.

Builtins are in `builtin`; `_SPECIAL` has the other known functions, also of third-party packages.  All
other calls are `Unknown`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from flashc.evaluator.failures import OPERATION_ERRORS, PythonError
from flashc.evaluator.library_values import AttributesValue, LiteralType
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    AutoValue,
    CallArguments,
    DataclassDecorator,
    FieldValue,
    FunctionValue,
    InstanceValue,
    PartialValue,
    SuppressValue,
)
from flashc.evaluator.operations import containers
from flashc.evaluator.operations.apply import apply, cause, fail, resolve_symbolic, too_large
from flashc.evaluator.operations.iteration import elements, iterate, lazy_iterator
from flashc.evaluator.values import (
    MAX_ITEMS,
    BoundMethod,
    DictValue,
    External,
    Known,
    SequenceValue,
    Unknown,
    Value,
    variables_of,
)

from . import (
    builtin,
    configs,
    configuration,
    documents,
    environ,
    environment_readers,
    files,
    fixed_objects,
    folders,
    models,
    modules,
    outside,
    paths,
    plain_objects,
    pure_functions,
    records,
    routes,
    signatures,
    tables,
    type_objects,
)
from .copies import copied

_ITERTOOLS: dict[str, Callable[..., Any]] = {
    f"itertools.{f.__name__}": f
    for f in (itertools.product, itertools.permutations, itertools.combinations)
}
_NO_EFFECT = frozenset(
    {
        "dotenv.load_dotenv",
        "builtins.print",
        "warnings.filterwarnings",
        "logging.basicConfig",
        "nest_asyncio.apply",
    }
)


def call_external(machine: Machine, external: External, arguments: CallArguments) -> Value:
    """Return the value of a call to a function outside the project, including builtins.

    Raises:
        PythonError: the call is certain to raise.
    """
    name, span = external.name, arguments.span
    module, _, function = name.rpartition(".")
    if module == "builtins":
        return builtin.call(machine, function, arguments)
    if name in _NO_EFFECT:
        return Known(None, span)
    kind, _, method = name.removeprefix("builtins.").partition(".")
    if module == f"builtins.{kind}":
        return _unbound(machine, kind, method, arguments)
    special = _SPECIAL.get(name)
    found = None if special is None else special(machine, name, arguments)
    if found is not None:
        return found
    if pure_functions.can_evaluate(name, arguments):
        return pure_functions.call(machine, name, arguments)
    machine.escape(arguments)
    return outside.unknown(name, span)


def _unbound(machine: Machine, kind: str, method: str, arguments: CallArguments) -> Value:
    """Evaluate a method that is called on its class, as in `str.upper("x")`."""
    span, values = arguments.span, arguments.values
    if (kind, method) == ("dict", "fromkeys") and 1 <= len(values) <= 2:
        keys = elements(machine, values[0])
        if isinstance(keys, Unknown):
            return keys
        mapping = DictValue()
        for key in keys:
            shared = values[1] if len(values) == 2 else Known(None, span)
            problem = containers.store(machine, mapping, key, shared)
            if problem is not None:
                return problem
        return Known(mapping, span)
    if (kind, method) in _CLASS_METHODS:
        return _call_class_method(machine, _CLASS_METHODS[kind, method], arguments)
    if kind in ("str", "list", "dict", "set", "tuple", "int", "float", "bytes") and values:
        later = replace(arguments, positional=arguments.positional[1:])
        return machine.call(Known(BoundMethod(values[0], method), span), later)
    machine.escape(arguments)
    return Unknown(reason=f"flashc does not evaluate `{kind}.{method}` here", origin=span)


# Class and static methods of builtins, called without an instance.
_CLASS_METHODS: dict[tuple[str, str], Callable[..., Any]] = {
    ("str", "maketrans"): str.maketrans,
    ("bytes", "maketrans"): bytes.maketrans,
    ("bytes", "fromhex"): bytes.fromhex,
    ("float", "fromhex"): float.fromhex,
    ("int", "from_bytes"): int.from_bytes,
}


def _call_class_method(
    machine: Machine, function: Callable[..., Any], arguments: CallArguments
) -> Value:
    """Evaluate a class or static method of a builtin, as in `str.maketrans(...)`."""
    names = list(arguments.keywords)
    given = [*arguments.values, *(arguments.keywords[name].value for name in names)]
    values = [resolve_symbolic(machine, value) for value in given]
    count = len(arguments.values)

    def run(*flat: Any) -> object:
        return function(*flat[:count], **dict(zip(names, flat[count:], strict=True)))

    return apply(machine, run, arguments.span, *values)


def _chain(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Evaluate `itertools.chain(...)`."""
    values, span = arguments.values, arguments.span

    def joined() -> Iterator[Value]:
        for value in values:
            yield from iterate(machine, value)

    return lazy_iterator(joined(), "chain", span)


def _itertools(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Return an iterator of the products, permutations or combinations of elements."""
    span = arguments.span
    given: list[Any] = []
    for value in arguments.values:
        if isinstance(value, Known) and isinstance(value.value, int | None):
            given.append(value.value)
            continue
        items = elements(machine, value)
        if isinstance(items, Unknown):
            return items
        given.append(items)
    options: dict[str, Any] = {}
    for key, argument in arguments.keywords.items():
        option = resolve_symbolic(machine, argument.value)
        if not isinstance(option, Known) or not isinstance(option.value, (int, type(None))):
            return cause(option, span)
        options[key] = option.value
    if any(isinstance(each, int) and each > 20 for each in (*given, *options.values())):
        return too_large(span)
    try:
        made = _ITERTOOLS[name](*given, **options)
    except OPERATION_ERRORS as error:
        return fail(machine, type(error), str(error), span, variables_of(*arguments.values))
    found = [
        Known(SequenceValue(tuple, list(each)), span)
        for each in itertools.islice(made, MAX_ITEMS + 1)
    ]
    machine.charge(len(found), span)
    if len(found) > MAX_ITEMS:
        return too_large(span)
    return lazy_iterator(iter(found), name.partition(".")[2], span)


# Objects ------------------------------------------------------------------------------------------------


def _partial(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `functools.partial(function, ...)`."""
    if not arguments.positional:
        return None
    first, *rest = arguments.values
    return Known(PartialValue(first, tuple(rest), arguments.keywords), arguments.span)


def _copy(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `copy.copy(value)` and `copy.deepcopy(value)`."""
    if len(arguments.positional) != 1:
        return None
    return copied(arguments.values[0], arguments.span, deep=name == "copy.deepcopy")


def _path(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Evaluate `pathlib.Path(...)` and functions of `os.path`."""
    return paths.function(machine, name, arguments)


def _cache(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `functools.lru_cache(...)`: the decorator, or a decorated function."""
    first = arguments.values[0] if arguments.values else None
    if isinstance(first, Known) and isinstance(first.value, FunctionValue):
        return first if first.value.memo is not None else None
    return Known(External("functools.cache"), arguments.span)


def _reduce(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `functools.reduce(function, items, start)`."""
    if arguments.keywords or not 2 <= len(arguments.values) <= 3:
        return None
    function, *rest = arguments.values
    items = elements(machine, rest[0])
    if isinstance(items, Unknown):
        return items
    pending = [*rest[1:], *items]
    if not pending:
        return None
    result = pending[0]
    for item in pending[1:]:
        result = machine.call(function, arguments.inner([result, item]))
    return result


def _attributes(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `types.SimpleNamespace(...)`."""
    if arguments.positional or arguments.problem is not None:
        return None
    names = {key: argument.value for key, argument in arguments.keywords.items()}
    return Known(AttributesValue(names), arguments.span)


def _members_of_literal(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `typing.get_args(...)` of a `Literal`."""
    kind = arguments.values[0] if len(arguments.values) == 1 else None
    if not isinstance(kind, Known) or not isinstance(kind.value, LiteralType):
        return None
    return Known(SequenceValue(tuple, list(kind.value.members)), arguments.span)


def _exit(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Evaluate `sys.exit(...)`.

    Raises:
        PythonError: always, a SystemExit.
    """
    raise PythonError(SystemExit, "", arguments.span)


def _suppress(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `contextlib.suppress(...)`."""
    if arguments.keywords:
        return None
    kinds = Known(SequenceValue(tuple, arguments.values), arguments.span)
    return Known(SuppressValue(kinds), arguments.span)


def _auto(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `enum.auto()`."""
    return None if arguments.positional else Known(AutoValue(), arguments.span)


def _field(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `dataclasses.field(...)`."""
    if arguments.positional:
        return None
    options = {key: argument.value for key, argument in arguments.keywords.items()}
    return Known(FieldValue(options), arguments.span)


def _dataclass(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `dataclasses.dataclass(...)` with options."""
    if arguments.positional:
        return None
    is_open = arguments.problem is not None
    return Known(
        DataclassDecorator(
            restricts=is_open or not _are_all(arguments, ("frozen", "slots"), False),
            freezes=not is_open
            and "frozen" in arguments.keywords
            and _are_all(arguments, ("frozen",), True),
            changes_constructor=is_open
            or not (
                _are_all(arguments, ("init",), True) and _are_all(arguments, ("kw_only",), False)
            ),
        ),
        arguments.span,
    )


def _are_all(arguments: CallArguments, keywords: tuple[str, ...], wanted: bool) -> bool:
    """Return whether each of these arguments is absent or surely has this truth value."""
    values = [arguments.keywords[key].value for key in keywords if key in arguments.keywords]
    return all(isinstance(value, Known) and bool(value.value) is wanted for value in values)


def _as_dict(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `dataclasses.asdict(record)`."""
    if len(arguments.values) != 1 or not records.is_record(arguments.values[0]):
        return None
    return records.deep_dict(arguments.values[0], arguments.span)


def _replace(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `dataclasses.replace(record, ...)`."""
    record = arguments.values[0] if len(arguments.values) == 1 else None
    if isinstance(record, Known) and isinstance(record.value, InstanceValue):
        if record.value.of.is_record:
            return records.replaced(machine, record.value.of, record.value, arguments)
    return None


# Each function returns None if it does not know this form of the call.
_SPECIAL: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    "os.getenv": environ.getenv,
    "os.environ.get": environ.getenv,
    "os.environ.update": environ.update_environ,
    "os.environ.setdefault": environ.set_default_of_environ,
    "os.environ.pop": environ.forget_environ,
    "os.environ.popitem": environ.forget_environ,
    "os.environ.clear": environ.forget_environ,
    "functools.partial": _partial,
    "copy.copy": _copy,
    "copy.deepcopy": _copy,
    **dict.fromkeys(
        (
            *("pathlib.Path", "pathlib.PosixPath", "pathlib.PurePath", "pathlib.PurePosixPath"),
            *("os.path.dirname", "os.path.abspath", "os.path.realpath", "os.path.join"),
            *("os.path.normpath", "os.path.split", "os.path.isabs", "os.path.basename"),
        ),
        _path,
    ),
    **dict.fromkeys(("os.path.exists", "os.path.isfile", "os.path.isdir"), paths.tested),
    **plain_objects.FUNCTIONS,
    **fixed_objects.FUNCTIONS,
    **configuration.FUNCTIONS,
    **documents.FUNCTIONS,
    **environment_readers.FUNCTIONS,
    **configs.FUNCTIONS,
    **signatures.FUNCTIONS,
    **tables.FUNCTIONS,
    **folders.FUNCTIONS,
    "io.open": files.evaluate_open,
    "json.load": files.load,
    **dict.fromkeys(("tomllib.load", "tomli.load"), files.load),
    "functools.lru_cache": _cache,
    "functools.reduce": _reduce,
    "types.SimpleNamespace": _attributes,
    "typing.get_args": _members_of_literal,
    "sys.exit": _exit,
    **models.FUNCTIONS,
    **type_objects.FUNCTIONS,
    **routes.MARKERS,
    "os._exit": _exit,
    "contextlib.suppress": _suppress,
    "enum.auto": _auto,
    "dataclasses.field": _field,
    "dataclasses.dataclass": _dataclass,
    "dataclasses.asdict": _as_dict,
    "dataclasses.replace": _replace,
    "importlib.import_module": modules.import_module,
    "itertools.chain": _chain,
    **dict.fromkeys(_ITERTOOLS, _itertools),
}
