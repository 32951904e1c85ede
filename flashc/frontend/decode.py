"""Decode the evaluated arguments of SDK constructors into plain values, or report what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from msgspec import Struct

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    Argument,
    ClassValue,
    FunctionValue,
)
from flashc.evaluator.operations.apply import resolve_symbolic
from flashc.evaluator.operations.iteration import elements
from flashc.evaluator.values import (
    DictValue,
    External,
    Known,
    ModuleRef,
    SequenceValue,
    Unknown,
    Value,
)
from flashc_core import rules
from flashc_core.diagnostics import Fix, Label, Rule, Safety, Sink
from flashc_core.encoding import is_text
from flashc_core.source import Edit, Span
from flashc_core.suggest import did_you_mean, nearest
from flashc_ir.spelling import Spelling

from .environment_values import report_computed, shown, variables_in

LARGEST_INTEGER = 2**31 - 1  # the platform stores integers in 32 bits
# What to write in place of a text with values of environment variables.
_INSTEAD = (
    "write the text out; if the value is no secret, you can also set the variable under "
    "`[tool.flashc.env]` in pyproject.toml",
)


class ArgumentDecoder(Struct, frozen=True, eq=False, kw_only=True):
    """Decodes evaluated arguments.

    The methods that return a single value return None if the argument is wrong, which they report.
    `items` returns None too; `several` returns an empty list, and `texts` leaves out the elements
    that are wrong.

    `spelling` is that of the dialect whose endpoints are lowered.  `usage` is correct Python text for
    what is decoded, which reports show; "" if there is none.
    """

    machine: Machine
    sink: Sink
    spelling: Spelling = Spelling()
    usage: str = ""

    # Reports -------------------------------------------------------------------------------------

    @property
    def advice(self) -> tuple[str, ...]:
        """The help for a value that is not allowed."""
        return (f"write, for example, `{self.usage}`",) if self.usage else ()

    def unknown(self, what: str, span: Span, cause: Unknown, rule: Rule | None = None) -> None:
        """Report that `what` can't be known, with the cause; `rule` replaces the general rule."""
        if cause.is_reported:
            return
        if cause.member is not None:
            name, choices = cause.member
            self.sink.report(
                rules.UNKNOWN_MEMBER,
                cause.origin,
                cause.reason,
                help=did_you_mean(name, choices),
                fix=self.ending_fix(cause.origin, name, nearest(name, choices)),
            )
            return
        if cause.variable is not None:
            self.sink.report(
                rules.MISSING_VARIABLE,
                span,
                f"{what} needs the environment variable `{cause.variable}`, which is not set",
                secondary=_cause(cause.origin, span, "it is read here"),
                help=(
                    f"set `{cause.variable}` when building, in the project's `.env`, "
                    "or under `[tool.flashc.env]` in pyproject.toml",
                ),
            )
            return
        if cause.computed and rule is None:
            report_computed(self.sink, what, cause.computed, span, *_INSTEAD)
            return
        self.sink.report(
            rule or rules.UNKNOWN_VALUE,
            span,
            f"{what} depends on a value that flashc cannot know",
            label="not a constant",
            secondary=_chain(cause, span),
            notes=(f"the cause: {cause.reason}",) if cause.origin == span else (),
            help=(
                cause.advice or "write the value out, or compute it from constants",
                *(() if cause.is_refused else ("or run the module to find the value: `--trace`",)),
            ),
        )

    def invalid(
        self,
        what: str,
        span: Span,
        wanted: str,
        value: Value,
        *hints: str,
        fix: Fix | None = None,
    ) -> None:
        """Report a value of the wrong type; `wanted` describes the right type, with its article.

        Without `hints`, the help shows the usage.
        """
        self.sink.report(
            rules.INVALID_VALUE,
            span,
            f"{what} takes {wanted}, not {describe(value)}",
            help=hints or self.advice,
            fix=fix,
        )

    def lone_surrogate(self, what: str, span: Span) -> None:
        """Report a string with a lone surrogate."""
        self.sink.report(
            rules.INVALID_VALUE,
            span,
            f"{what} contains half of a character (a lone surrogate), which no file can contain",
            help=("write the complete character, or remove it",),
        )

    # Fixes ---------------------------------------------------------------------------------------

    def replacing_fix(
        self, span: Span, text: str, title: str, safety: Safety = Safety.UNSAFE
    ) -> Fix | None:
        """Return a fix that replaces the text at `span`; None if flashc does not have that text."""
        if not self.machine.text_at(span):
            return None
        return Fix(title, (Edit(span, text),), safety)

    def ending_fix(
        self, span: Span, old: str, new: str | None, safety: Safety = Safety.UNSAFE
    ) -> Fix | None:
        """Return a fix that replaces `old` at the end of `span`, such as a wrong enum member."""
        text = self.machine.text_at(span)
        bare = text.rstrip("\"'")
        if new is None or not bare.endswith(old) or "\n" in text or span.line != span.end_line:
            return None
        start = span.column + len(bare) - len(old)
        replaced = Span(span.path, span.line, start, span.line, start + len(old))
        return Fix(f"write `{new}`", (Edit(replaced, new),), safety)

    # Values --------------------------------------------------------------------------------------

    def known(self, argument: Argument, what: str) -> Known | None:
        """Return the argument's value.

        Environment variables are read from the build's environment.
        """
        value = resolve_symbolic(self.machine, argument.value)
        if isinstance(value, Unknown):
            self.unknown(what, argument.span, value)
            return None
        if isinstance(value.value, External):
            reason = f"`{value.value.name}` comes from outside the project"
            self.unknown(what, argument.span, Unknown(reason=reason, origin=value.origin))
            return None
        return value

    def text(self, argument: Argument, what: str, *, is_name: bool = False) -> str | None:
        """Return the string that an argument has; report any other value and return None.

        A member of an enum is not accepted.  Only a name may contain values of environment variables.
        """
        value = self.known(argument, what)
        if value is None:
            return None
        if isinstance(value.value, str) and not isinstance(value.value, Enum):
            variables = frozenset[str]() if is_name else variables_in(self.machine, value)
            if variables:
                report_computed(self.sink, what, variables, argument.span, *_INSTEAD)
                return None
            if is_text(value.value):
                return value.value
            self.lone_surrogate(what, argument.span)
            return None
        self.invalid(what, argument.span, "a string", value)
        return None

    def flag(self, argument: Argument, what: str) -> bool | None:
        """Return the boolean that an argument has; report any other value and return None."""
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
        """Return the integer that an argument has; report any other value and return None.

        The integer must be from `least` to `most`, or to the platform's largest integer.
        """
        value = self.known(argument, what)
        if value is None:
            return None
        number = value.value
        if not isinstance(number, int) or isinstance(number, bool):
            self.invalid(what, argument.span, "an integer", value)
            return None
        limit = LARGEST_INTEGER if most is None else most
        if not least <= number <= limit:
            bounded = most is not None or number > limit
            allowed = f"from {least} to {limit}" if bounded else f"{least} or more"
            nearest_allowed = least if number < least else limit
            known = number if number.bit_length() < 128 else "a number of more than 38 digits"
            number_shown = shown(value, known) if value.variables else known
            title = f"write `{nearest_allowed}`"
            self.sink.report(
                rules.OUT_OF_RANGE,
                argument.span,
                f"{what} is {number_shown}; it must be {allowed}",
                fix=self.replacing_fix(argument.span, str(nearest_allowed), title),
            )
            return None
        return number

    def member(self, argument: Argument, what: str, kind: type[Enum]) -> str | None:
        """Return the value of the member of `kind` that an argument has; report any other value.

        The argument may be the member or its value.  The result is None if it is something else.
        """
        value = self.known(argument, what)
        if value is None:
            return None
        if isinstance(value.value, kind):
            return str(value.value.value)
        if isinstance(value.value, str) and not isinstance(value.value, Enum):
            choices = [str(member.value) for member in kind]
            if value.value in choices:
                return value.value
            self.sink.report(
                rules.UNKNOWN_MEMBER,
                argument.span,
                f"{what} has no choice {shown(value, value.value)}",
                help=() if value.variables else did_you_mean(value.value, choices),
                fix=self.ending_fix(argument.span, value.value, nearest(value.value, choices)),
            )
            return None
        self.invalid(what, argument.span, f"a `{kind.__name__}`", value)
        return None

    # Sequences -----------------------------------------------------------------------------------

    def items(self, argument: Argument, what: str, wanted: str) -> list[Argument] | None:
        """Return the elements of a list, tuple or set, each with its span."""
        value = self.known(argument, what)
        if value is None:
            return None
        if not isinstance(value.value, SequenceValue):
            self.invalid(what, argument.span, wanted, value)
            return None
        inside = elements(self.machine, value)
        if isinstance(inside, Unknown):
            self.unknown(what, argument.span, inside)
            return None
        return [Argument(item, span_of_value(item, argument.span)) for item in inside]

    def several(self, argument: Argument, what: str, wanted: str) -> list[Argument]:
        """Return the elements of a list, or a single value as a list; empty after a report."""
        value = argument.value
        if isinstance(value, Known) and not isinstance(value.value, (str, Enum, DialectObject)):
            items = self.items(argument, what, wanted)
            if items == []:
                self.invalid(what, argument.span, wanted, value)
            return items or []
        return [argument]

    def texts(self, argument: Argument, what: str) -> list[tuple[str, Span]] | None:
        """Return the strings of a list, each with its span.

        Other elements are reported and left out.
        """
        items = self.items(argument, what, "a list of strings")
        if items is None:
            return None
        found = [(self.text(item, f"an element of {what}"), item.span) for item in items]
        return [(text, span) for text, span in found if text is not None]


def span_of_value(value: Value, fallback: Span) -> Span:
    """Return the span of a value if it is in the file of `fallback`; else `fallback`."""
    return value.origin if value.origin.path == fallback.path else fallback


def span_of_name(argument: Argument) -> Span:
    """Return the span of an argument's name, or of its value if no name is written (`**CONFIG`)."""
    return argument.keyword or argument.span


def alternatives(names: Iterable[str], word: str = "or") -> str:
    """Return the sorted names as text: `a`, `b` or `c`."""
    listed = [f"`{name}`" for name in sorted(set(names))]
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} {word} {listed[-1]}"


def _chain(cause: Unknown, span: Span) -> tuple[Label, ...]:
    """Return labels from the cause of an unknown value, through assigned names, to `span`."""
    labels = _cause(cause.origin, span, f"because of this: {cause.reason}")
    return labels + tuple(
        Label(assigned, f"`{name}` gets the value here")
        for name, assigned in cause.through
        if assigned != span and assigned.line != cause.origin.line
    )


def _cause(origin: Span, span: Span, text: str) -> tuple[Label, ...]:
    """Return a label at the cause of an unknown value, if it is not at `span` itself."""
    return () if origin == span else (Label(origin, text),)


def describe(value: Value) -> str:
    """Return a value in words for users, without any value from the environment."""
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
        case SequenceValue(kind=kind, items=[], escaped=None):
            return f"an empty {kind.__name__}"
        case SequenceValue(kind=kind):
            return f"a {kind.__name__}"
        case DictValue():
            return "a dict"
        case FunctionValue() | ClassValue():
            return f"`{value.value.name}`"
        case DialectObject() as sdk_object:
            return sdk_object.description
        case External(name=name) | ModuleRef(name=name):
            return f"`{name}`"
        case _:
            return f"a value of type `{type(value.value).__name__}`"
