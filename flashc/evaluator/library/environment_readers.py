"""Evaluate packages that read single environment variables: `decouple.config(...)` and `environs.Env()`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flashc.evaluator.library_values import VariableReader
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import apply, resolve_symbolic
from flashc.evaluator.values import External, Known, Symbolic, Unknown, Value
from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference

_TRUE = {
    "decouple": frozenset("1 y yes t true on".split()),
    "environs": frozenset("1 t true on y yes".split()),
}
_FALSE = {
    "decouple": frozenset(["", *"0 n no f false off".split()]),
    "environs": frozenset("0 f false off n no".split()),
}
_KINDS = frozenset({"str", "int", "float", "bool"})


def config(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `decouple.config("NAME", default=..., cast=...)`."""
    given = dict(zip(("option", "default", "cast"), arguments.values, strict=False))
    given |= {key: argument.value for key, argument in arguments.keywords.items()}
    key = given.get("option")
    if not isinstance(key, Known) or not isinstance(key.value, str):
        return None
    if not given.keys() <= {"option", "default", "cast"}:
        return None
    span, cast = arguments.span, given.get("cast")
    kind = cast.value if isinstance(cast, Known) else None
    is_text = cast is None or kind == External("builtins.str")
    found = _found(machine, key.value, given.get("default"), span, is_text=is_text)
    if cast is None or isinstance(found, (Unknown, Symbolic)):
        return found
    if kind == External("builtins.bool"):
        return apply(machine, _flag_of("decouple"), span, found)
    return machine.call(cast, arguments.inner([found]))


def reader(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `environs.Env()`."""
    if arguments.positional or arguments.keywords:
        return None
    return Known(VariableReader(), arguments.span)


def read(machine: Machine, env: VariableReader, name: str, arguments: CallArguments) -> Value:
    """Evaluate `env("NAME", default)`, and methods such as `env.int("NAME", default)`."""
    span = arguments.span
    if name == "read_env":
        return Known(None, span)
    given = [*arguments.values, *(a.value for a in arguments.keywords.values())]
    key = given[0] if given else None
    is_plain = len(given) <= 2 and arguments.keywords.keys() <= {"default"}
    if env.escaped is None and (name not in _KINDS or not is_plain):
        reason = f"flashc does not evaluate `{name}` of this object"
        if name in ("prefixed", "seal", "add_parser", "parser_for"):
            env.escaped = Unknown(reason=reason, origin=span)
        machine.escape(arguments)
        return Unknown(reason=reason, origin=span)
    if env.escaped is not None or not isinstance(key, Known) or not isinstance(key.value, str):
        return env.escaped or Unknown(reason="the variable is not known", origin=span)
    default = given[1] if len(given) == 2 else None
    found = _found(machine, key.value, default, span, is_text=name == "str")
    if isinstance(found, (Unknown, Symbolic)) or found is default:
        return found
    kinds: dict[str, Callable[[Any], object]] = {"str": str, "int": int, "float": float}
    convert = kinds.get(name, _flag_of("environs"))
    return apply(machine, convert, span, found)


def _found(
    machine: Machine, name: str, default: Value | None, span: Span, *, is_text: bool
) -> Value:
    """Return the text of a variable, a reference to it if it stays a text, or the default."""
    assigned = machine.assigned_variable(name)
    if assigned is not None:
        return assigned if is_text else resolve_symbolic(machine, assigned)
    text = default.value if isinstance(default, Known) else None
    if is_text and (default is None or (isinstance(default, Known) and _is_text(text))):
        reference = EnvironmentReference(name, text if isinstance(text, str) else None)
        computed = default.variables if isinstance(default, Known) else frozenset[str]()
        return Symbolic(
            (reference,), span, optional=default is not None and text is None, computed=computed
        )
    machine.note_guess()
    if name in machine.environment:
        return machine.read(Symbolic((EnvironmentReference(name),), span))
    if default is not None:
        return resolve_symbolic(machine, default)
    reason = f"the environment variable `{name}` is not set"
    return Unknown(reason=reason, origin=span, variable=name)


def _is_text(value: object) -> bool:
    """Return whether a default is a text or None."""
    return value is None or isinstance(value, str)


def _flag_of(package: str) -> Callable[[object], bool]:
    """Return the function that reads a truth value from a text as a package does."""

    def read_flag(value: object) -> bool:
        if not isinstance(value, str):
            return bool(value)
        if value.lower() in _TRUE[package]:
            return True
        if value.lower() in _FALSE[package]:
            return False
        raise ValueError("Not a boolean")

    return read_flag


FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    "decouple.config": config,
    "environs.Env": reader,
}
