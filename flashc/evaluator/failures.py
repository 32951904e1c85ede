"""Represent the exceptions that an evaluated program raises, and decide which `except` matches."""

from __future__ import annotations

import builtins

from msgspec import Struct

from flashc_core.source import Span

from .objects import ClassValue, InstanceValue
from .values import NO_VARIABLES, External, Known, SequenceValue, Unknown, Value

# The exceptions that built-in operators and methods raise for invalid arguments.
OPERATION_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)


class PythonError(Exception):
    """Python is certain to raise an exception at `span`.

    `kind` is its class, None if it is not known.  `value` is the exception object if the program
    made one itself.  `variables` are the environment variables that decide whether this code runs;
    with other values, Python may not raise.  `help` is advice of the SDK's dialect, or empty.
    """

    def __init__(
        self,
        kind: type[BaseException] | ClassValue | None,
        text: str,
        span: Span,
        value: Value | None = None,
        help: tuple[str, ...] = (),
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.span = span
        self.value = value
        self.help = help
        self.variables = NO_VARIABLES

    @property
    def kind_name(self) -> str:
        """The name of the exception's class, as a message gives it."""
        match self.kind:
            case None:
                return "an exception"
            case ClassValue():
                return self.kind.name
            case _:
                return self.kind.__name__

    def __str__(self) -> str:
        return f"{self.kind_name}: {self.text}" if self.text else self.kind_name


class IterationUnknown(Exception):
    """The next element is not known."""

    def __init__(self, reason: Unknown) -> None:
        super().__init__()
        self.reason = reason


class ExceptionValue(Struct, frozen=True, eq=False):
    """An exception object of a builtin class, with its arguments."""

    kind: type[BaseException]
    arguments: SequenceValue


def exception_class(value: Value) -> type[BaseException] | None:
    """Return the builtin exception class that `value` is; None if it is something else."""
    if isinstance(value, Known) and isinstance(value.value, External):
        module, _, name = value.value.name.rpartition(".")
        found = getattr(builtins, name, None) if module == "builtins" else None
        if isinstance(found, type) and issubclass(found, BaseException):
            return found
    return None


def is_exception_class(value: ClassValue) -> bool:
    """Return whether a class of the project derives from a builtin exception."""
    return bool(builtin_bases(value))


def builtin_bases(value: ClassValue) -> list[type[BaseException]]:
    """Return the builtin exceptions that a class of the project derives from directly or by other classes."""
    bases = (base for ancestor in value.ancestry() for base in ancestor.bases)
    return [found for found in map(exception_class, bases) if found is not None]


def catches(handled: Value, error: PythonError) -> bool | None:
    """Return whether `except handled` catches `error`; None if that is not known.

    An error of unknown kind is taken for an `Exception`.
    """
    if isinstance(handled, Known) and isinstance(handled.value, SequenceValue):
        answers = [catches(item, error) for item in handled.value.items]
        return True if True in answers else None if None in answers else False
    wanted = exception_class(handled)
    if wanted is BaseException:
        return True
    if error.kind is None:
        return True if wanted is Exception else None
    if wanted is not None:
        kind = error.kind
        kinds = builtin_bases(kind) if isinstance(kind, ClassValue) else [kind]
        return any(issubclass(each, wanted) for each in kinds)
    if isinstance(handled, Known) and isinstance(handled.value, ClassValue):
        if not isinstance(error.kind, ClassValue):
            return False
        return handled.value in error.kind.ancestry()
    return None


def exception_of(value: Value, span: Span) -> PythonError:
    """Return the exception that `raise value` raises."""
    kind = exception_class(value)
    if kind is not None:
        return PythonError(kind, "", span)
    if isinstance(value, Known):
        match value.value:
            case ExceptionValue() as made:
                return PythonError(made.kind, _text(made.arguments), span, value)
            case InstanceValue(of=of) if is_exception_class(of):
                return PythonError(of, "", span, value)
            case ClassValue() as of if is_exception_class(of):
                return PythonError(of, "", span)
            case _:
                pass
    return PythonError(None, "", span)


def _text(arguments: SequenceValue) -> str:
    """Return the message of an exception for a traceback.

    It is "" if it depends on environment variables, whose values must not be printed.
    """
    first = arguments.items[0] if arguments.items else None
    if isinstance(first, Known) and isinstance(first.value, str) and not first.variables:
        return first.value
    return ""
