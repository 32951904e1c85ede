"""Read the hardware parameters of `Endpoint(...)`: GPUs, CPUs, data centres, workers, scaling."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Generic, Literal, TypeVar, cast

from msgspec import Struct

from flashc.evaluator.objects import Argument
from flashc.frontend.decode import ArgumentDecoder, alternatives, span_of_name
from flashc.frontend.environment_values import report_computed
from flashc.frontend.parameter_table import Arguments, Parameter
from flashc_core import rules
from flashc_core.diagnostics import Fix, Label, Safety
from flashc_core.encoding import is_text
from flashc_core.source import Span
from flashc_core.suggest import did_you_mean
from flashc_ir.platform.catalogue import (
    CPU_DATACENTERS,
    DOCUMENTED_ONLY,
    CpuInstanceType,
    CudaVersion,
    DataCenter,
    GpuGroup,
    GpuType,
    ServerlessScalerType,
)
from flashc_ir.resources import Cpu, Hardware, Workers

T = TypeVar("T")
# Versions that only the documentation has.
UNLISTED_CUDA = frozenset(
    version.value for version in (CudaVersion.V11_1, CudaVersion.V11_4, CudaVersion.V11_7)
)


class Located(Generic[T], Struct, frozen=True):
    """A value that was read, with its span."""

    value: T
    span: Span


# GPU and CPU -------------------------------------------------------------------------------------------


def check_one_hardware(arguments: Arguments) -> None:
    """Report an endpoint that asks for both a GPU and a CPU."""
    gpu, cpu = arguments.given("gpu"), arguments.given("cpu")
    if gpu is not None and cpu is not None:
        arguments.decoder.sink.report(
            rules.GPU_AND_CPU,
            span_of_name(cpu),
            "`gpu` and `cpu` exclude each other",
            secondary=(Label(span_of_name(gpu), "the GPU is asked for here"),),
            help=("keep one of the two",),
        )


def read_gpus(parameter: Parameter[tuple[str, ...]], arguments: Arguments) -> tuple[str, ...]:
    """Read pools and models of GPUs, in the order of preference."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    decoder, what = arguments.decoder, arguments.describe(parameter.name)
    wanted = "a `GpuGroup`, a `GpuType` or a list of them"
    chosen: list[str] = []
    for item in decoder.several(argument, what, wanted):
        value = decoder.known(item, what)
        if value is None:
            continue
        if isinstance(value.value, (GpuGroup, GpuType)):
            chosen.append(value.value.value)
        else:
            hint = _spelled_gpu(value.value)
            hints = (f"write `{hint}`",) if hint else ()
            decoder.invalid(what, item.span, wanted, value, *hints)
    return tuple(dict.fromkeys(chosen)) or parameter.default


def _spelled_gpu(value: object) -> str | None:
    """Return the member that a string such as "ADA_24" stands for, as Python source."""
    kinds: tuple[type[Enum], ...] = (GpuGroup, GpuType)
    names = {member.value: f"{kind.__name__}.{member.name}" for kind in kinds for member in kind}
    return names.get(value) if isinstance(value, str) else None


def read_instances(
    parameter: Parameter[tuple[str, ...] | None], arguments: Arguments
) -> tuple[str, ...] | None:
    """Read types of CPU instances; None if the endpoint asks for none."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    decoder, what = arguments.decoder, arguments.describe(parameter.name)
    found = [
        decoder.member(item, what, CpuInstanceType)
        for item in decoder.several(argument, what, "a CPU instance type or a list of them")
    ]
    return tuple(dict.fromkeys(name for name in found if name is not None))


def read_min_cuda(parameter: Parameter[str | None], arguments: Arguments) -> str | None:
    """Read the lowest version of CUDA; an explicit None means any version."""
    argument = arguments.given(parameter.name)
    if argument is not None:
        what = arguments.describe(parameter.name)
        version = arguments.decoder.member(argument, what, CudaVersion)
        if version in UNLISTED_CUDA:
            arguments.decoder.sink.report(
                rules.UNLISTED_CUDA,
                argument.span,
                f"CUDA {version} is not a version that the SDK lists, so `flash deploy` fails",
                notes=("the documentation names it, the SDK does not",),
                help=('write `"11.8"` or a later version',),
            )
        return version
    return None if parameter.name in arguments.by_name else parameter.default


# Data centres -------------------------------------------------------------------------------------------


def decode_datacenter(decoder: ArgumentDecoder, argument: Argument, what: str) -> str | None:
    """Return the id of a data centre, given as a `DataCenter` or as a string, in upper or lower case."""
    value = decoder.known(argument, what)
    if value is None:
        return None
    if not isinstance(value.value, str):
        decoder.invalid(what, argument.span, "a `DataCenter` or a string", value)
        return None
    raw = value.value.value if isinstance(value.value, DataCenter) else value.value
    if not is_text(raw):
        decoder.lone_surrogate(what, argument.span)
        return None
    name = raw.strip().upper().replace("_", "-")
    documented = {each.value for each in DOCUMENTED_ONLY}
    listed = {each.value for each in DataCenter} - documented
    if name not in listed and value.variables:
        report_computed(decoder.sink, what, value.variables, argument.span)
        return None
    if name not in listed:
        known: tuple[str, ...] = ()
        if name in documented:
            known = ("the documentation names it, the SDK does not",)
            if "NetworkVolume" in what:
                known = (*known, "`flash deploy` refuses a volume in this data centre")
        decoder.sink.report(
            rules.UNLISTED_DATACENTER,
            argument.span,
            f"`{name}` is not a data centre that the SDK lists",
            notes=known,
            help=() if known else did_you_mean(name, listed),
        )
    return name


def read_datacenters(
    parameter: Parameter[tuple[Located[str], ...]], arguments: Arguments
) -> tuple[Located[str], ...]:
    """Read the ids of data centres."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    decoder, what = arguments.decoder, arguments.describe(parameter.name)
    found: list[Located[str]] = []
    for item in decoder.several(argument, what, "a data centre or a list of them"):
        name = decode_datacenter(decoder, item, what)
        if name is not None:
            found.append(Located(name, item.span))
    return tuple(found)


def check_datacenters(
    arguments: Arguments, datacenters: Iterable[Located[str]], hardware: Hardware
) -> None:
    """Report CPU workers in data centres that have no CPU workers."""
    with_cpus = [each.value for each in CPU_DATACENTERS]
    for datacenter in datacenters:
        if isinstance(hardware, Cpu) and datacenter.value not in with_cpus:
            arguments.decoder.sink.report(
                rules.CPU_DATACENTER,
                datacenter.span,
                f"`{datacenter.value}` has no CPU workers",
                help=(f"use {alternatives(with_cpus)}",),
                fix=arguments.decoder.replacing_fix(
                    datacenter.span, '"EU-RO-1"', "write `EU-RO-1`"
                ),
            )


# Scaling -----------------------------------------------------------------------------------------------


def read_workers(parameter: Parameter[Workers], arguments: Arguments) -> Workers:
    """Read a maximum number of workers, or a pair of minimum and maximum."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    decoder, what = arguments.decoder, arguments.describe(parameter.name)
    value = decoder.known(argument, what)
    if value is None:
        return parameter.default
    if isinstance(value.value, int) and not isinstance(value.value, bool):
        maximum = decoder.integer(argument, what, parameter.least)
        return parameter.default if maximum is None else Workers(minimum=0, maximum=maximum)
    wanted = "a number or a pair (minimum, maximum)"
    pair = decoder.items(argument, what, wanted)
    if pair is None:
        return parameter.default
    if len(pair) != 2:
        decoder.sink.report(
            rules.INVALID_VALUE,
            argument.span,
            f"{what} takes {wanted}, not {len(pair)} values",
            help=decoder.advice,
        )
        return parameter.default
    minimum = decoder.integer(pair[0], f"the minimum of {what}", parameter.least)
    maximum = decoder.integer(pair[1], f"the maximum of {what}", parameter.least)
    if minimum is None or maximum is None:
        return parameter.default
    if minimum > maximum:
        decoder.sink.report(
            rules.OUT_OF_RANGE,
            argument.span,
            f"{what} asks for at least {minimum} and at most {maximum}",
            help=(f"write `{parameter.name}=({maximum}, {minimum})`",),
            fix=_swapped(decoder, argument.span, maximum, minimum),
        )
        return parameter.default
    return Workers(minimum=minimum, maximum=maximum)


def _swapped(decoder: ArgumentDecoder, span: Span, least: int, most: int) -> Fix | None:
    """Return a fix that swaps the numbers of a pair; `span` excludes the parentheses of the pair."""
    pair = f"{least}, {most}"
    text = decoder.machine.text_at(span)
    if text.startswith("["):
        pair = f"[{pair}]"
    elif "," not in text:
        pair = f"({pair})"
    return decoder.replacing_fix(span, pair, "swap the two")


ScalerType = Literal["QUEUE_DELAY", "REQUEST_COUNT"]


def read_scaler_type(parameter: Parameter[ScalerType], arguments: Arguments) -> ScalerType:
    """Read the scaler type, by which the platform adds workers.

    The default depends on the kind of endpoint.
    """
    default: ScalerType = "REQUEST_COUNT" if arguments.load_balanced else "QUEUE_DELAY"
    argument = arguments.given(parameter.name)
    if argument is None:
        return default
    decoder = arguments.decoder
    chosen = decoder.member(argument, arguments.describe(parameter.name), ServerlessScalerType)
    if chosen == "QUEUE_DELAY" and arguments.load_balanced:
        decoder.sink.report(
            rules.LB_QUEUE_DELAY,
            argument.span,
            "a load-balanced endpoint has no queue to scale on",
            help=("use `ServerlessScalerType.REQUEST_COUNT`, or leave `scaler_type` out",),
            fix=decoder.ending_fix(argument.span, chosen, "REQUEST_COUNT", Safety.SAFE),
        )
        return default
    return default if chosen is None else cast("ScalerType", chosen)
