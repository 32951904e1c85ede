"""Read `env=`, the environment variables of workers.

No value of the build's environment is stored.
"""

from __future__ import annotations

from enum import Enum

from flashc.evaluator.objects import Argument
from flashc.evaluator.values import DictValue, Known, Symbolic, Unknown, Value, variables_of
from flashc_core import rules
from flashc_core.credentials import looks_like_credential
from flashc_core.diagnostics import Safety
from flashc_core.encoding import is_text
from flashc_ir.resources import EnvironmentReference, Text, Variable

from .decode import ArgumentDecoder, span_of_value
from .environment_values import report_computed

_INSTEAD = (
    "pass the environment variable unchanged and compute in the worker; "
    "`os.environ[...]`, `os.getenv(...)`, `+` and f-strings stay references",
)


def read_environment(
    decoder: ArgumentDecoder, argument: Argument | None, what: str
) -> tuple[Variable, ...]:
    """Return the variables of a dict of strings; `os.environ[...]` in it stays a reference."""
    if argument is None:
        return ()
    value = argument.value
    if isinstance(value, Unknown):
        decoder.unknown(what, argument.span, value)
        return ()
    if not isinstance(value, Known) or not isinstance(value.value, DictValue):
        decoder.invalid(what, argument.span, "a dict of strings", value)
        return ()
    if value.value.escaped is not None:
        decoder.unknown(what, argument.span, value.value.escaped)
        return ()
    found: list[Variable] = []
    for key, (key_value, item) in value.value.entries.items():
        if not isinstance(key, str):
            span = span_of_value(key_value, argument.span)
            decoder.invalid(what, span, "names that are strings", key_value)
            continue
        computed = variables_of(key_value)
        if computed:
            span = span_of_value(key_value, argument.span)
            report_computed(decoder.sink, "the name of a variable", computed, span, *_INSTEAD)
            continue
        parts = read_variable(decoder, key, Argument(item, span_of_value(item, argument.span)))
        if parts is not None:
            found.append(Variable(key, parts))
    return tuple(found)


def read_variable(
    decoder: ArgumentDecoder, name: str, argument: Argument
) -> tuple[Text | EnvironmentReference, ...] | None:
    """Return the parts of one variable's value; None if it is not known, no text, or may not be stored, which is reported."""
    value = argument.value
    if not is_text(name) or not all(map(is_text, _texts(value))):
        decoder.lone_surrogate(f"the variable `{name}`", argument.span)
        return None
    match value:
        case Symbolic() if not value.computed:
            return value.parts
        case Unknown(computed=computed) if computed:
            report_computed(
                decoder.sink, f"the variable `{name}`", computed, argument.span, *_INSTEAD
            )
            return None
        case Unknown():
            decoder.unknown(f"the variable `{name}`", argument.span, value)
            return None
        case Symbolic(computed=computed):
            report_computed(
                decoder.sink, f"the variable `{name}`", computed, argument.span, *_INSTEAD
            )
            return None
        case Known() if value.variables:
            report_computed(
                decoder.sink, f"the variable `{name}`", value.variables, argument.span, *_INSTEAD
            )
            return None
        case Known(value=str() as text) if not isinstance(text, Enum):
            if looks_like_credential(name, text):
                decoder.sink.report(
                    rules.SECRET_LITERAL,
                    argument.span,
                    f"the value of `{name}` looks like a credential",
                    notes=("it goes into the manifest, in clear text",),
                    help=(
                        f'write `os.environ["{name}"]`, which is resolved when deploying, or '
                        f'`"{{{{ RUNPOD_SECRET_{name} }}}}"` for a secret of the platform',
                    ),
                )
            return (Text(text),)
        case Known():
            hint = f'write `"{value.value}"`' if isinstance(value.value, (int, float)) else ""
            literal = decoder.machine.text_at(argument.span) == repr(value.value)
            decoder.invalid(
                f"the variable `{name}`",
                argument.span,
                "a string",
                value,
                *([hint] if hint else ()),
                fix=decoder.replacing_fix(argument.span, f'"{value.value}"', hint, Safety.SAFE)
                if hint and literal
                else None,
            )
            return None


def _texts(value: Value) -> list[str]:
    """Return the strings of a value that would be stored in the IR."""
    if isinstance(value, Symbolic):
        references = [p for p in value.parts if isinstance(p, EnvironmentReference)]
        texts = [p.text for p in value.parts if isinstance(p, Text)]
        return [*texts, *(r.variable for r in references), *(r.default or "" for r in references)]
    return [value.value] if isinstance(value, Known) and isinstance(value.value, str) else []
