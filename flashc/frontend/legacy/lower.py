"""Lower endpoints of the older resource classes, such as `LiveServerless`.

Their fields correspond to parameters of `Endpoint`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from flashc.evaluator.objects import Argument
from flashc.evaluator.values import Known, SequenceValue, Value
from flashc.frontend.decode import span_of_name
from flashc.frontend.endpoint_lowering import EndpointLowering
from flashc.frontend.flash import parameters
from flashc.frontend.parameter_table import Arguments, check_names
from flashc_core import rules
from flashc_core.source import Edit
from flashc_ir.endpoints import Configuration
from flashc_ir.requirements import Dependency
from flashc_ir.resource_names import resource_name

from .names import (
    DEFAULT_CPU,
    FIELDS,
    IMAGE_SOURCES,
    LOAD_BALANCED,
    LOCATIONS,
    OF_ENDPOINT,
    OWN_IMAGE,
    PARAMETER_BY_FIELD,
    SUFFIX,
    USAGES,
    WORKERS,
)
from .semantics import LegacyValue

_WRITTEN = {parameter: field for field, parameter in PARAMETER_BY_FIELD.items()} | {
    "workers": WORKERS[1]
}


class LegacyLowering(EndpointLowering, frozen=True):
    """Lowers one resource class, and the functions and classes that `@remote(...)` decorates."""

    kind = "Endpoint"
    table = parameters.ENDPOINT
    how_to_name = 'write `LiveServerless(name="...", ...)`'

    @property
    def legacy(self) -> LegacyValue:
        """The declared endpoint, as the evaluator represents it for this dialect."""
        assert isinstance(self.value, LegacyValue)
        return self.value

    def arguments(self, *, load_balanced: bool = False) -> Arguments:
        """Return the arguments under the parameter names of `Endpoint`; findings use the field names."""
        return Arguments(
            decoder=self.decoder,
            kind=self.legacy.kind,
            by_name=dict(self._as_parameters()),
            load_balanced=load_balanced or self.legacy.kind in LOAD_BALANCED,
            written=_WRITTEN,
            usages=USAGES,
        )

    def _as_parameters(self) -> Iterator[tuple[str, Argument]]:
        """Yield the parameters of `Endpoint`, each with the argument of the resource class for it.

        `workersMin` and `workersMax` become one parameter, `workers`.  For a class whose name begins
        with `Cpu`, `cpu` has a default.
        """
        given = self.legacy.arguments
        for field, parameter in PARAMETER_BY_FIELD.items():
            if field in given:
                is_name = field == "name"
                yield parameter, self._without_suffix(given[field]) if is_name else given[field]
        for name in OF_ENDPOINT:
            if name in given:
                yield name, given[name]
        bounds = [given.get(name) for name in WORKERS]
        first = next((bound for bound in bounds if bound is not None), None)
        if first is not None:
            values: list[Value] = [
                Known(default, first.span) if bound is None else bound.value
                for bound, default in zip(bounds, (0, 1), strict=True)
            ]
            pair = Known(SequenceValue(tuple, values), first.span)
            yield "workers", Argument(pair, first.span, first.keyword)
        if LOCATIONS in given and "datacenter" not in given:
            yield "datacenter", _as_location_list(given[LOCATIONS])
        if self.legacy.kind.startswith("Cpu") and "instanceIds" not in given:
            default = Known(DEFAULT_CPU, self.legacy.span)
            yield "cpu", Argument(default, self.legacy.span)

    def _without_suffix(self, argument: Argument) -> Argument:
        """Return the argument `name` without the suffix that the SDK removes."""
        value = argument.value
        if not isinstance(value, Known) or not isinstance(value.value, str):
            return argument
        name = value.value.removesuffix(SUFFIX)
        known = Known(name, value.origin, value.variables)
        return Argument(known, argument.span, argument.keyword)

    def check_declaration(self) -> bool:
        """Report what is wrong with the declaration as a whole; return whether to lower it."""
        raw = Arguments(decoder=self.decoder, kind=self.legacy.kind, by_name=self.legacy.arguments)
        check_names(raw, FIELDS | {*OF_ENDPOINT})
        image = next(
            (raw.given(name) for name in IMAGE_SOURCES if raw.given(name) is not None), None
        )
        is_own = image is not None or self.legacy.kind in OWN_IMAGE
        if is_own and (self.legacy.targets or self.legacy.routes):
            self.decoder.sink.report(
                rules.UNSUPPORTED_DIALECT,
                self.legacy.span if image is None else span_of_name(image),
                f"`{self.legacy.kind}` runs code of the project in an image of its own, which flashc "
                "does not build",
                help=(
                    "use `LiveServerless` or `LiveLoadBalancer`, whose image has Python and the "
                    "packages in `dependencies`",
                    'or deploy the image alone: `Endpoint(name="...", image="...")`',
                ),
            )
            return False
        local = [use for use in self.legacy.uses if "local" in use.arguments]
        for use in local:
            value = use.arguments["local"].value
            if not isinstance(value, Known) or value.value is not False:
                self.decoder.sink.report(
                    rules.UNSUPPORTED_DIALECT,
                    use.arguments["local"].span,
                    "flashc does not compile `remote(local=True)`, which deploys an endpoint that "
                    "is never called",
                    help=("remove the decorator, and the function runs where it is called",),
                )
                return False
        return super().check_declaration()

    def configuration(self, arguments: Arguments) -> Configuration:
        """Return the configuration that the arguments give."""
        return parameters.read_configuration(arguments)

    def edit(self, name: str) -> Edit:
        """Return the edit that replaces the declaration by the resource's name."""
        return Edit(self.value.text, json.dumps(resource_name(name)))

    def edit_if_unused(self) -> Edit | None:
        """Return the edit that replaces an unused resource by `""`; programs often keep some."""
        return Edit(self.value.text, '""')

    def dependencies(self) -> tuple[tuple[Dependency, ...], bool]:
        """Return the requirements in `dependencies=`, and whether all are known; report no errors."""
        return parameters.declared_dependencies(self.arguments())


def _as_location_list(argument: Argument) -> Argument:
    """Return `locations="EU-RO-1,US-KS-2"` as a list of data centres."""
    value = argument.value
    if not isinstance(value, Known) or not isinstance(value.value, str):
        return argument
    names: list[Value] = [
        Known(name.strip(), value.origin, value.variables)
        for name in value.value.split(",")
        if name.strip()
    ]
    listed = Known(SequenceValue(list, names), value.origin)
    return Argument(listed, argument.span, argument.keyword)
