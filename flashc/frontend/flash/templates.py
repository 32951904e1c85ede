"""Read `PodTemplate(...)`, the container of an endpoint's workers, by a table of its parameters."""

from __future__ import annotations

from flashc.evaluator.objects import Argument
from flashc.evaluator.values import DictValue, Known
from flashc.frontend.decode import ArgumentDecoder, span_of_value
from flashc.frontend.parameter_table import (
    Arguments,
    Parameter,
    Table,
    check_names,
    names_of,
    read_nothing,
    read_optional_flag,
    read_optional_integer,
    read_text,
)
from flashc.frontend.worker_variables import read_variable
from flashc_core import rules
from flashc_ir.platform.catalogue import CpuInstanceType, container_disk_limit
from flashc_ir.resources import Cpu, Hardware, Template, Variable

from .hardware import Located
from .semantics import ArgumentObject


def _read_environment(
    parameter: Parameter[tuple[Variable, ...]], arguments: Arguments
) -> tuple[Variable, ...]:
    """Read the environment variables of a template."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    decoder, what = arguments.decoder, arguments.describe(parameter.name)
    wanted = "a list of {key, value}"
    found = [
        _read_pair(decoder, item, what, wanted)
        for item in decoder.items(argument, what, wanted) or ()
    ]
    return tuple(variable for variable in found if variable is not None)


def _read_pair(decoder: ArgumentDecoder, item: Argument, what: str, wanted: str) -> Variable | None:
    """Read one variable of a template, `{"key": ..., "value": ...}`."""
    entry = item.value
    if isinstance(entry, Known) and isinstance(entry.value, DictValue):
        pair = {str(key): value for key, (_, value) in entry.value.entries.items()}
        if set(pair) == {"key", "value"}:
            name = decoder.text(Argument(pair["key"], item.span), "a variable's `key`")
            value = Argument(pair["value"], span_of_value(pair["value"], item.span))
            parts = read_variable(decoder, name or "", value)
            return None if name is None or parts is None else Variable(name, parts)
    decoder.invalid(what, item.span, wanted, entry)
    return None


ADVANCED_START = Parameter[bool | None](
    name="advancedStart",
    type="bool",
    annotation="bool | None",
    default=None,
    example="True",
    reader=read_optional_flag,
    manifest=("advancedStart",),
    doc="Passed to the platform as it is.",
)
CONFIG = Parameter[None](
    name="config",
    type="dict",
    annotation="Mapping[str, Any] | None",
    default=None,
    example='{"a": 1}',
    reader=read_nothing,
    doc="Accepted, but not used by a deployment.",
)
DISK = Parameter[int | None](
    name="containerDiskInGb",
    type="int",
    annotation="int | None",
    default=None,
    shown_default="the platform's default",
    example="20",
    reader=read_optional_integer,
    unit="GB",
    least=1,
    manifest=("containerDiskInGb",),
    doc="The container's disk. CPU instances have an upper limit.",
)
REGISTRY = Parameter[str | None](
    name="containerRegistryAuthId",
    type="str",
    annotation="str | None",
    default=None,
    example='"abc123"',
    reader=read_text,
    manifest=("containerRegistryAuthId",),
    doc="The id of the registry credentials for the image.",
)
DOCKER_ARGUMENTS = Parameter[str | None](
    name="dockerArgs",
    type="str",
    annotation="str | None",
    default=None,
    example='"--quiet"',
    reader=read_text,
    manifest=("dockerArgs",),
    doc="Arguments of the container's start command.",
)
ENVIRONMENT = Parameter[tuple[Variable, ...]](
    name="env",
    type="list of {key, value}",
    annotation="Sequence[Mapping[str, str | None]] | None",
    default=(),
    example='[{"key": "A", "value": "1"}]',
    reader=_read_environment,
    manifest=("env", "env_references"),
    doc="Environment variables of the container.",
)
IMAGE_NAME = Parameter[None](
    name="imageName",
    type="str",
    annotation="str | None",
    default=None,
    example='"owner/image:1"',
    reader=read_nothing,
    doc="Accepted, but not used by a deployment: use `Endpoint(image=...)`.",
)
NAME = Parameter[None](
    name="name",
    type="str",
    annotation="str | None",
    default=None,
    example='"base"',
    reader=read_nothing,
    doc="Accepted, but not used by a deployment.",
)
PORTS = Parameter[str | None](
    name="ports",
    type="str",
    annotation="str | None",
    default=None,
    example='"8000/http"',
    reader=read_text,
    manifest=("ports",),
    doc="The ports that the container exposes, as in `8000/http`.",
)
START_SCRIPT = Parameter[str | None](
    name="startScript",
    type="str",
    annotation="str | None",
    default=None,
    example='"echo start"',
    reader=read_text,
    manifest=("startScript",),
    doc="A script that the container runs first.",
)
README = Parameter[None](
    name="readme",
    type="str",
    annotation="str | None",
    default=None,
    example='"text"',
    reader=read_nothing,
    doc="Accepted, but not used by a deployment.",
)
POD_TEMPLATE: Table = (
    ADVANCED_START,
    CONFIG,
    DISK,
    REGISTRY,
    DOCKER_ARGUMENTS,
    ENVIRONMENT,
    IMAGE_NAME,
    NAME,
    PORTS,
    START_SCRIPT,
    README,
)


def read_template(
    parameter: Parameter[Located[Template] | None], arguments: Arguments
) -> Located[Template] | None:
    """Read a template.

    The span of the result is that of the disk size if one is given, else that of the template.
    """
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    decoder, what = arguments.decoder, arguments.describe(parameter.name)
    value = decoder.known(argument, what)
    if value is None:
        return None
    made = value.value
    if not isinstance(made, ArgumentObject) or made.kind != "PodTemplate":
        decoder.invalid(what, argument.span, "a `PodTemplate`", value)
        return None
    own = Arguments(decoder=decoder, kind=made.kind, by_name=made.arguments, is_qualified=True)
    check_names(own, names_of(POD_TEMPLATE))
    disk = own.given(DISK.name)
    template = Template(
        container_disk_gb=DISK.read(own),
        docker_args=DOCKER_ARGUMENTS.read(own),
        start_script=START_SCRIPT.read(own),
        advanced_start=ADVANCED_START.read(own),
        registry_auth_id=REGISTRY.read(own),
        ports=PORTS.read(own),
        environment=ENVIRONMENT.read(own),
    )
    return Located(template, argument.span if disk is None else disk.span)


def check_disk(arguments: Arguments, template: Located[Template], hardware: Hardware) -> None:
    """Report a container disk that is larger than the limit of a CPU instance."""
    size = template.value.container_disk_gb
    if size is None or not isinstance(hardware, Cpu) or not hardware.instances:
        return
    limits = {name: container_disk_limit(CpuInstanceType(name)) for name in hardware.instances}
    smallest = min(limits, key=lambda name: limits[name])
    limit, span = limits[smallest], template.span
    if size > limit:
        arguments.decoder.sink.report(
            rules.DISK_OVER_LIMIT,
            span,
            f"{size} GB of container disk; `{smallest}` has at most {limit} GB",
            help=(f"ask for {limit} GB or less, or for a larger instance",),
            fix=arguments.decoder.replacing_fix(span, str(limit), f"ask for {limit} GB"),
        )
