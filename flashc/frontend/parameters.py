"""The arguments of the SDK's constructors, one by one -> plain values, whatever way they are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from flashc.evaluator.declarations import EndpointValue
from flashc.evaluator.objects import Argument, is_none
from flashc.evaluator.values import Known
from flashc_core import rules
from flashc_core.diagnostics import Fix, Safety
from flashc_core.source import Edit
from flashc_core.suggest import did_you_mean, nearest
from flashc_ir.platform.catalogue import DOCUMENTED_ONLY, DataCenter

from .decode import Reader
from .flash.semantics import SdkObject


@dataclass(frozen=True, eq=False)
class Parameters:
    """An endpoint's arguments by name."""

    reader: Reader
    endpoint: EndpointValue
    load_balanced: bool

    def given(self, name: str) -> Argument | None:
        """An argument that is present and not None."""
        argument = self.endpoint.arguments.get(name)
        return None if argument is None or is_none(argument.value) else argument

    def integer(self, name: str, default: int, least: int, most: int | None = None) -> int:
        """An integer argument, or its default."""
        argument = self.given(name)
        if argument is None:
            return default
        number = self.reader.integer(argument, f"`{name}`", least, most)
        return default if number is None else number

    def flag(self, name: str, default: bool) -> bool:
        """A True or False argument, or its default."""
        argument = self.given(name)
        if argument is None:
            return default
        value = self.reader.flag(argument, f"`{name}`")
        return default if value is None else value

    def several(self, argument: Argument, what: str, wanted: str) -> list[Argument]:
        """A single value or a list of them."""
        value = argument.value
        if isinstance(value, Known) and not isinstance(value.value, (str, Enum, SdkObject)):
            items = self.reader.items(argument, what, wanted)
            if items == []:
                self.reader.invalid(what, argument.span, wanted, value, "the list is empty")
            return items or []
        return [argument]

    def member(self, argument: Argument, what: str, kind: type[Enum]) -> str | None:
        """A member of an enum, given as such or by its value."""
        value = self.reader.known(argument, what)
        if value is None:
            return None
        if isinstance(value.value, kind):
            return str(value.value.value)
        if isinstance(value.value, str) and not isinstance(value.value, Enum):
            choices = [str(member.value) for member in kind]
            if value.value in choices:
                return value.value
            self.reader.sink.report(
                rules.UNKNOWN_MEMBER,
                argument.span,
                f"{what} has no choice `{value.value}`",
                help=did_you_mean(value.value, choices),
                fix=self.reader.ending(argument.span, value.value, nearest(value.value, choices)),
            )
            return None
        self.reader.invalid(what, argument.span, f"a `{kind.__name__}`", value)
        return None

    def datacenter(self, argument: Argument, what: str) -> str | None:
        value = self.reader.known(argument, what)
        if value is None:
            return None
        if not isinstance(value.value, str):
            self.reader.invalid(what, argument.span, "a `DataCenter` or a string", value)
            return None
        raw = value.value.value if isinstance(value.value, DataCenter) else value.value
        name = raw.strip().upper().replace("_", "-")
        listed = {place.value for place in DataCenter} - {place.value for place in DOCUMENTED_ONLY}
        if name not in listed:
            documented = name in {place.value for place in DOCUMENTED_ONLY}
            known = "the documentation names it, the SDK does not" if documented else ""
            self.reader.sink.report(
                rules.UNLISTED_DATACENTER,
                argument.span,
                f"`{name}` is no data centre that the SDK lists",
                notes=(known,) if known else (),
                help=() if documented else did_you_mean(name, listed),
            )
        return name

    def text(self, given: dict[str, Argument], kind: str, name: str) -> str | None:
        argument = given.get(name)
        return None if argument is None else self.reader.text(argument, f"`{kind}.{name}`")

    def object_arguments(self, made: SdkObject, known: frozenset[str]) -> dict[str, Argument]:
        for name, argument in made.arguments.items():
            if name not in known:
                close = nearest(name, known)
                self.reader.sink.report(
                    rules.UNKNOWN_PARAMETER,
                    argument.span,
                    f"`{made.kind}` has no parameter `{name}`",
                    help=did_you_mean(name, known),
                    fix=None
                    if close is None or close in made.arguments or argument.keyword is None
                    else Fix(f"write `{close}`", (Edit(argument.keyword, close),), Safety.UNSAFE),
                )
        return {n: a for n, a in made.arguments.items() if n in known and not is_none(a.value)}


def alternatives(names: Iterable[str], word: str = "or") -> str:
    """`a`, `b` or `c`."""
    listed = [f"`{name}`" for name in sorted(set(names))]
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} {word} {listed[-1]}"
