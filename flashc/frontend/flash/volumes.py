"""Read `NetworkVolume(...)`, the network volumes of an endpoint, by a table of its parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flashc.evaluator.objects import Argument
from flashc.frontend.decode import alternatives
from flashc.frontend.parameter_table import (
    Arguments,
    Parameter,
    Table,
    check_names,
    names_of,
    read_identifier,
    read_integer,
)
from flashc_core import rules
from flashc_core.diagnostics import Label
from flashc_core.source import Span
from flashc_ir.platform.catalogue import CPU_DATACENTERS, DataCenter
from flashc_ir.resources import Cpu, Hardware, Volume

from .hardware import Located, decode_datacenter
from .semantics import ArgumentObject

_DEFAULT_DATACENTER = DataCenter.EU_RO_1.value
_ID = re.compile(r"[\w-]+")


def _read_datacenter(parameter: Parameter[str | None], arguments: Arguments) -> str | None:
    """Read the data centre of a volume, given under one of two names."""
    argument = arguments.given("datacenter") or arguments.given("dataCenterId")
    if argument is None:
        return parameter.default
    what = arguments.describe("datacenter")
    return decode_datacenter(arguments.decoder, argument, what) or parameter.default


def _read_id(parameter: Parameter[str | None], arguments: Arguments) -> str | None:
    """Read the id of a volume; report a placeholder such as `<VOLUME-ID>`."""
    text = read_identifier(parameter, arguments)
    argument = arguments.given(parameter.name)
    if text is None or argument is None or _ID.fullmatch(text):
        return text
    what = arguments.describe(parameter.name)
    arguments.decoder.sink.report(
        rules.INVALID_VALUE,
        argument.span,
        f"{what} is not the id of a volume, which has only letters, digits, `-` and `_`",
        help=("take the id from the platform's console",),
    )
    return None


NAME = Parameter[str | None](
    name="name",
    type="str",
    annotation="str | None",
    default=None,
    example='"models"',
    reader=read_identifier,
    manifest=("name",),
    doc="The volume's name. If there is no volume of this name, it is created.",
)
ID = Parameter[str | None](
    name="id",
    type="str",
    annotation="str | None",
    default=None,
    example='"abc123"',
    reader=_read_id,
    manifest=("id",),
    doc="The id of a volume that exists.",
)
SIZE = Parameter[int](
    name="size",
    type="int",
    annotation="int",
    default=100,
    signature="100",
    example="200",
    reader=read_integer,
    unit="GB",
    least=10,
    most=4096,
    manifest=("size",),
    doc="The size of a volume that is created.",
)
DATACENTER = Parameter[str | None](
    name="datacenter",
    type="DataCenter or str",
    annotation="DataCenter | str | None",
    default=_DEFAULT_DATACENTER,
    shown_default=_DEFAULT_DATACENTER,
    example="DataCenter.US_CA_2",
    reader=_read_datacenter,
    manifest=("dataCenterId",),
    doc="Where the volume is. Workers start in the same data centre.",
)
DATACENTER_ID = Parameter[str | None](
    name="dataCenterId",
    type="DataCenter or str",
    annotation="DataCenter | str | None",
    default=_DEFAULT_DATACENTER,
    shown_default=_DEFAULT_DATACENTER,
    example='"US-CA-2"',
    reader=_read_datacenter,
    manifest=("dataCenterId",),
    doc="Another name of `datacenter`.",
)
NETWORK_VOLUME: Table = (NAME, ID, SIZE, DATACENTER, DATACENTER_ID)


def read_volumes(
    parameter: Parameter[tuple[Located[Volume], ...]], arguments: Arguments
) -> tuple[Located[Volume], ...]:
    """Read one volume or a list of volumes; report two volumes in the same data centre."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    decoder, what = arguments.decoder, arguments.describe(parameter.name)
    seen: dict[str, Span] = {}
    found: list[Located[Volume]] = []
    for item in decoder.several(argument, what, "a `NetworkVolume` or a list of them"):
        volume = _read_volume(arguments, item, what)
        if volume is None:
            continue
        found.append(Located(volume, item.span))
        if volume.datacenter in seen:
            decoder.sink.report(
                rules.VOLUMES_SHARE_DATACENTER,
                item.span,
                f"two volumes are in `{volume.datacenter}`",
                secondary=(Label(seen[volume.datacenter], "the other one"),),
                help=("an endpoint can have one volume per data centre",),
            )
        seen[volume.datacenter] = item.span
    return tuple(found)


def check_volume_datacenters(
    arguments: Arguments,
    volumes: Iterable[Located[Volume]],
    datacenters: tuple[str, ...],
    hardware: Hardware,
) -> None:
    """Report volumes that are in none of the endpoint's data centres."""
    allowed = datacenters
    if not allowed and isinstance(hardware, Cpu):
        allowed = tuple(each.value for each in CPU_DATACENTERS)
    for volume in volumes:
        if allowed and volume.value.datacenter not in allowed:
            arguments.decoder.sink.report(
                rules.VOLUME_ELSEWHERE,
                volume.span,
                f"the volume is in `{volume.value.datacenter}`; the endpoint's workers run in "
                + alternatives(allowed, "and"),
                help=("give the volume and the endpoint the same `datacenter`",),
            )


def _read_volume(arguments: Arguments, argument: Argument, what: str) -> Volume | None:
    """Read one `NetworkVolume(...)`; None if an error was reported."""
    decoder = arguments.decoder
    value = decoder.known(argument, what)
    if value is None:
        return None
    made = value.value
    if not isinstance(made, ArgumentObject) or made.kind != "NetworkVolume":
        decoder.invalid(what, argument.span, "a `NetworkVolume`", value)
        return None
    own = Arguments(decoder=decoder, kind=made.kind, by_name=made.arguments, is_qualified=True)
    check_names(own, names_of(NETWORK_VOLUME))
    known_id = own.given("id")
    if own.given("name") is None and known_id is None:
        decoder.sink.report(
            rules.INVALID_VALUE,
            made.span,
            "a `NetworkVolume` needs a `name` or an `id`",
            help=decoder.advice,
        )
    if known_id is not None and not (own.given("datacenter") or own.given("dataCenterId")):
        decoder.sink.report(
            rules.VOLUME_DEFAULT_PLACE,
            known_id.span,
            f"flashc assumes that the volume is in `{_DEFAULT_DATACENTER}`, as no data centre is given",
            notes=(
                "workers start in that data centre, and find nothing if the volume is elsewhere",
            ),
            help=("add `datacenter=...` with the volume's own data centre",),
        )
    return Volume(
        name=NAME.read(own),
        id=ID.read(own),
        size=SIZE.read(own),
        datacenter=DATACENTER.read(own) or _DEFAULT_DATACENTER,
    )
