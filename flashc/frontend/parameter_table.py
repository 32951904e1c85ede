"""Describe the parameters of SDK constructors as rows of tables, with shared readers and checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any, Generic, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from flashc.evaluator.objects import Argument
from flashc.evaluator.values import Symbolic, Unknown, is_none
from flashc_core import rules
from flashc_core.diagnostics import Safety
from flashc_core.suggest import did_you_mean, nearest
from flashc_ir.resource_names import resource_name

from .decode import ArgumentDecoder, span_of_name

T = TypeVar("T")


class Arguments(Struct, frozen=True, eq=False, kw_only=True):
    """The arguments of one call of a constructor of the SDK.

    `kind` is the constructor's name.  If `is_qualified` is true, messages write it in front of a
    parameter's name, as in `NetworkVolume.size`.  `load_balanced` says that the arguments belong to
    a load-balanced endpoint.  `written` maps a parameter to its name in the program, if
    the two names differ.  `usages` are correct Python texts for parameters whose example would
    not be correct in this call.
    """

    decoder: ArgumentDecoder
    kind: str
    by_name: Mapping[str, Argument]
    load_balanced: bool = False
    is_qualified: bool = False
    written: Mapping[str, str] = field(default_factory=dict[str, str])
    usages: Mapping[str, str] = field(default_factory=dict[str, str])

    def given(self, name: str) -> Argument | None:
        """Return an argument that is present and not None."""
        argument = self.by_name.get(name)
        return None if argument is None or is_none(argument.value) else argument

    def describe(self, name: str) -> str:
        """Return a parameter's name for messages: `size`, or `NetworkVolume.size`."""
        shown = self.written.get(name, name)
        return f"`{self.kind}.{shown}`" if self.is_qualified else f"`{shown}`"


Reader = Callable[["Parameter[T]", Arguments], T]


class Parameter(Generic[T], Struct, frozen=True, kw_only=True, eq=False):
    """One row: everything that flashc knows of one parameter.

    `default` is the value in the IR if the program gives none.  An integer has to be from `least`
    to `most`, in `unit`.  `manifest` are the keys of the manifest that depend on the parameter.

    The other fields are for an SDK whose documentation and signature flashc writes.  `type` and
    `doc` are texts of the documentation.  `annotation` and `signature` (the default) are Python
    texts of the signature.  `shown_default` is the text for a default whose Python text would not
    be clear.  `example` is the Python text of another value; the documentation shows it and tests
    compile it.
    """

    name: str
    default: T
    reader: Reader[T]
    type: str = ""
    annotation: str = ""
    example: str = ""
    doc: str = ""
    signature: str = "None"
    shown_default: str = ""
    unit: str = ""
    least: int = 0
    most: int | None = None
    manifest: tuple[str, ...] = ()

    def read(self, arguments: Arguments) -> T:
        """Return the parameter's value in `arguments`, or the default if none is given.

        If the value is wrong, it is reported, with the row's example.  Then the result is the default or None, as the
        reader says.
        """
        usage = arguments.usages.get(self.name, "")
        if not usage and self.example:
            usage = f"{arguments.written.get(self.name, self.name)}={self.example}"
        decoder = replace(arguments.decoder, usage=usage)
        return self.reader(self, replace(arguments, decoder=decoder))

    @property
    def range(self) -> str:
        """The allowed values as text, with the unit: "1…3600 s".

        The text is empty if every value of the type is allowed.
        """
        if "int" not in self.annotation:
            return self.unit
        most = "" if self.most is None else str(self.most)
        return (
            f"{self.least}…{most} {self.unit}".strip()
            if most
            else f"≥ {self.least} {self.unit}".strip()
        )


Table = tuple[Parameter[Any], ...]


def names_of(table: Table) -> frozenset[str]:
    """Return the names of a table's parameters."""
    return frozenset(parameter.name for parameter in table)


def check_names(arguments: Arguments, known: Collection[str]) -> None:
    """Report every argument whose name is not a parameter of the constructor."""
    for name, argument in arguments.by_name.items():
        if name in known:
            continue
        close = nearest(name, known)
        span = span_of_name(argument)
        is_keyword = (
            arguments.decoder.machine.text_at(span) == name
        )  # and not a key of a dict in `**CONFIG`
        taken = close is None or close in arguments.by_name
        arguments.decoder.sink.report(
            rules.UNKNOWN_PARAMETER,
            span,
            f"`{arguments.kind}` has no parameter `{name}`",
            help=did_you_mean(name, known),
            fix=None
            if taken or not is_keyword
            else arguments.decoder.ending_fix(span, name, close, Safety.UNSAFE),
        )


# Readers that many rows share -------------------------------------------------------------------------


def read_integer(parameter: Parameter[int], arguments: Arguments) -> int:
    """Read an integer within the row's range.

    The result is the default if none is given, and also if the value is wrong.  This differs from
    `read_optional_integer`.
    """
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    what = arguments.describe(parameter.name)
    number = arguments.decoder.integer(argument, what, parameter.least, parameter.most)
    return parameter.default if number is None else number


def read_optional_integer(parameter: Parameter[int | None], arguments: Arguments) -> int | None:
    """Read an integer within the row's range.

    The result is the default if none is given, and None if the value is wrong.
    """
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    what = arguments.describe(parameter.name)
    return arguments.decoder.integer(argument, what, parameter.least, parameter.most)


def read_flag(parameter: Parameter[bool], arguments: Arguments) -> bool:
    """Read True or False; the default if none is given or the value is wrong."""
    value = read_optional_flag(parameter, arguments)
    return parameter.default if value is None else value


def read_optional_flag(parameter: Parameter[Any], arguments: Arguments) -> bool | None:
    """Read True or False; None if none is given or the value is wrong."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return None
    return arguments.decoder.flag(argument, arguments.describe(parameter.name))


def read_text(parameter: Parameter[str | None], arguments: Arguments) -> str | None:
    """Read a string; None if none is given or the value is wrong."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return None
    return arguments.decoder.text(argument, arguments.describe(parameter.name))


def read_identifier(parameter: Parameter[str | None], arguments: Arguments) -> str | None:
    """Read the name or the id of an object of the platform, which may come from the environment.

    The result is None if none is given or the value is wrong.
    """
    argument = arguments.given(parameter.name)
    if argument is None:
        return None
    return arguments.decoder.text(argument, arguments.describe(parameter.name), is_name=True)


def read_nothing(parameter: Parameter[None], arguments: Arguments) -> None:
    """Accept any value and return None, because the platform does not use the parameter."""


def read_name(parameter: Parameter[str | None], arguments: Arguments) -> str | None:
    """Read the name of an endpoint, which a build must know.

    The result is the default if none is given, and None if the name is wrong.
    """
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    decoder = arguments.decoder
    value = argument.value
    if isinstance(value, Symbolic):
        value = decoder.machine.read(value)
    if isinstance(value, Unknown):
        decoder.unknown("the endpoint's name", argument.span, value, rules.DYNAMIC_NAME)
        return None
    name = decoder.text(argument, arguments.describe(parameter.name), is_name=True)
    if name == "":
        decoder.sink.report(rules.MISSING_NAME, argument.span, "the name is empty")
        return None
    if name is not None and resource_name(name) != name:
        decoder.sink.report(
            rules.RENAMED_RESOURCE,
            argument.span,
            f"the endpoint is deployed as `{resource_name(name)}`",
            notes=("a worker finds its code by a file of that name",),
            help=("leave out `/` and characters that can't be seen, and use at most 240 bytes",),
        )
    return name


def read_member(kind: type[Enum]) -> Reader[str]:
    """Return a reader of a member of an enum, given as the member or as its value.

    The reader returns the value.  It returns the default if none is given or the value is wrong.
    """

    def read(parameter: Parameter[str], arguments: Arguments) -> str:
        argument = arguments.given(parameter.name)
        if argument is None:
            return parameter.default
        what = arguments.describe(parameter.name)
        return arguments.decoder.member(argument, what, kind) or parameter.default

    return read
