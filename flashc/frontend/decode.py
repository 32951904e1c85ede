"""An argument's value -> the type its parameter takes, or a diagnostic that shows place and cause."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.iteration import elements
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    Argument,
    ClassValue,
    FunctionValue,
)
from flashc.evaluator.operators import settled
from flashc.evaluator.values import DictValue, External, Known, ListValue, ModuleRef, Unknown, Value
from flashc_core import rules
from flashc_core.diagnostics import Fix, Label, Rule, Safety, Sink
from flashc_core.encoding import is_text
from flashc_core.source import Edit, Span
from flashc_core.suggest import did_you_mean, nearest

_LARGEST = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads arguments of the SDK's constructors.  Every method returns None after a report."""

    machine: Machine
    sink: Sink

    def unknown(self, what: str, place: Span, cause: Unknown, rule: Rule | None = None) -> None:
        """Report that `what` can't be known, and why."""
        if cause.member is not None:
            name, choices = cause.member
            self.sink.report(
                rules.UNKNOWN_MEMBER,
                cause.origin,
                cause.reason,
                help=did_you_mean(name, choices),
                fix=self.ending(cause.origin, name, nearest(name, choices)),
            )
            return
        if cause.variable is not None:
            self.sink.report(
                rules.MISSING_VARIABLE,
                place,
                f"{what} needs the environment variable `{cause.variable}`, which is not set",
                secondary=_cause(cause.origin, place, "it is read here"),
                help=(
                    f"set `{cause.variable}` when building, in the project's `.env`, "
                    "or under `[tool.flashc.env]` in pyproject.toml",
                ),
            )
            return
        self.sink.report(
            rule or rules.UNKNOWN_VALUE,
            place,
            f"{what} depends on a value that flashc cannot know",
            label="not a constant",
            secondary=_chain(cause, place),
            notes=(f"the cause: {cause.reason}",) if cause.origin == place else (),
            help=("write the value out, or compute it from constants",),
        )

    def invalid(
        self,
        what: str,
        place: Span,
        wanted: str,
        value: Value,
        *hints: str,
        fix: Fix | None = None,
    ) -> None:
        """Report a value of the wrong type."""
        self.sink.report(
            rules.INVALID_VALUE,
            place,
            f"{what} takes {wanted}, not {describe(value)}",
            help=hints,
            fix=fix,
        )

    def rewritten(
        self, span: Span, text: str, title: str, safety: Safety = Safety.UNSAFE
    ) -> Fix | None:
        """A fix that replaces an argument as it was written; None where its text can't be seen."""
        if not self.machine.text_at(span):
            return None
        return Fix(title, (Edit(span, text),), safety)

    def ending(
        self, span: Span, old: str, new: str | None, safety: Safety = Safety.UNSAFE
    ) -> Fix | None:
        """A fix that replaces `old` at the end of a place, such as the member in `GpuGroup.ADA24`."""
        text = self.machine.text_at(span)
        bare = text.rstrip("\"'")
        if new is None or not bare.endswith(old) or "\n" in text or span.line != span.end_line:
            return None
        start = span.column + len(bare) - len(old)
        place = Span(span.path, span.line, start, span.line, start + len(old))
        return Fix(f"write `{new}`", (Edit(place, new),), safety)

    def known(self, argument: Argument, what: str) -> Known | None:
        """The argument's value; environment variables are read."""
        value = settled(self.machine, argument.value)
        if isinstance(value, Unknown):
            self.unknown(what, argument.span, value)
            return None
        if isinstance(value.value, External):
            reason = f"`{value.value.name}` comes from outside the project"
            self.unknown(what, argument.span, Unknown(reason=reason, origin=value.origin))
            return None
        return value

    def text(self, argument: Argument, what: str) -> str | None:
        value = self.known(argument, what)
        if value is None:
            return None
        if isinstance(value.value, str) and not isinstance(value.value, Enum):
            if is_text(value.value):
                return value.value
            self.half_a_character(what, argument.span)
            return None
        self.invalid(what, argument.span, "a string", value)
        return None

    def half_a_character(self, what: str, place: Span) -> None:
        """Report a string with a lone surrogate."""
        self.sink.report(
            rules.INVALID_VALUE,
            place,
            f"{what} holds half of a character (a lone surrogate), which no file can express",
            help=("write the whole character, or leave it out",),
        )

    def flag(self, argument: Argument, what: str) -> bool | None:
        value = self.known(argument, what)
        if value is None:
            return None
        if isinstance(value.value, bool):
            return value.value
        self.invalid(what, argument.span, "True or False", value)
        return None

    def integer(
        self, argument: Argument, what: str, least: int, most: int | None = None
    ) -> int | None:
        """An integer from `least` to `most`, and never larger than the platform's own integers."""
        value = self.known(argument, what)
        if value is None:
            return None
        number = value.value
        if not isinstance(number, int) or isinstance(number, bool):
            self.invalid(what, argument.span, "an integer", value)
            return None
        limit = _LARGEST if most is None else most
        if not least <= number <= limit:
            bounded = most is not None or number > limit
            allowed = f"from {least} to {limit}" if bounded else f"{least} or more"
            nearest_allowed = least if number < least else limit
            shown = number if number.bit_length() < 128 else "a number of more than 38 digits"
            title = f"write `{nearest_allowed}`"
            self.sink.report(
                rules.OUT_OF_RANGE,
                argument.span,
                f"{what} is {shown}; it must be {allowed}",
                fix=self.rewritten(argument.span, str(nearest_allowed), title),
            )
            return None
        return number

    def items(self, argument: Argument, what: str, wanted: str) -> list[Argument] | None:
        """The elements of a list or tuple, each with the place where it was written."""
        value = self.known(argument, what)
        if value is None:
            return None
        if not isinstance(value.value, ListValue):
            self.invalid(what, argument.span, wanted, value)
            return None
        inside = elements(self.machine, value)
        if isinstance(inside, Unknown):
            self.unknown(what, argument.span, inside)
            return None
        return [Argument(item, place_of(item, argument.span)) for item in inside]

    def texts(self, argument: Argument, what: str) -> list[tuple[str, Span]] | None:
        """A list of strings, each with its place."""
        items = self.items(argument, what, "a list of strings")
        if items is None:
            return None
        found = [(self.text(item, f"an element of {what}"), item.span) for item in items]
        return [(text, span) for text, span in found if text is not None]


def place_of(value: Value, fallback: Span) -> Span:
    """Where a value was written, if that is in the same file."""
    return value.origin if value.origin.path == fallback.path else fallback


def _chain(cause: Unknown, place: Span) -> tuple[Label, ...]:
    """The way from the cause to the argument: the cause, then the names that passed it on."""
    labels = _cause(cause.origin, place, f"because of this: {cause.reason}")
    return labels + tuple(
        Label(span, f"`{name}` gets it here")
        for name, span in cause.through
        if span != place and span.line != cause.origin.line
    )


def _cause(origin: Span, place: Span, text: str) -> tuple[Label, ...]:
    return () if origin == place else (Label(origin, text),)


def describe(value: Value) -> str:
    """A value in a user's words; never its contents if they come from the environment."""
    if not isinstance(value, Known):
        return "a value from the environment"
    match value.value:
        case bool() | None:
            return f"`{value.value}`"
        case Enum() as member:
            return f"`{type(member).__name__}.{member.name}`"
        case str():
            return "a string"
        case int() | float():
            return "a number" if value.variables else f"`{value.value}`"
        case ListValue(kind=kind):
            return f"a {kind.__name__}"
        case DictValue():
            return "a dict"
        case FunctionValue() | ClassValue():
            return f"`{value.value.name}`"
        case DialectObject() as object_of_sdk:
            return object_of_sdk.description
        case External(name=name) | ModuleRef(name=name):
            return f"`{name}`"
        case _:
            return f"a value of type `{type(value.value).__name__}`"
