"""Define the table of the parameters of `Endpoint(...)`, and read a call's arguments into the IR.

The check of unknown names, the configuration in the IR, the signature of `flashc.Endpoint`, the
page of FC101 and `spec/parameters.md` all come from this table.  `scripts/parameters.py` writes the
last three, and tests compile the example of every row.  A new parameter is a row here and a field
in `flashc_ir` that `read_configuration` fills.
"""

from __future__ import annotations

from flashc.frontend.decode import ArgumentDecoder
from flashc.frontend.parameter_table import (
    Arguments,
    Parameter,
    Table,
    read_flag,
    read_integer,
    read_name,
    read_text,
)
from flashc.frontend.worker_variables import read_environment
from flashc_core.diagnostics import Severity, Sink
from flashc_ir.endpoints import Configuration
from flashc_ir.platform.catalogue import GpuGroup
from flashc_ir.requirements import Dependency
from flashc_ir.resources import (
    Cpu,
    Gpu,
    Hardware,
    Resources,
    Scaler,
    Template,
    Variable,
    Volume,
    Workers,
)

from .hardware import (
    Located,
    ScalerType,
    check_datacenters,
    check_one_hardware,
    read_datacenters,
    read_gpus,
    read_instances,
    read_min_cuda,
    read_scaler_type,
    read_workers,
)
from .identity import read_id
from .packages import read_dependencies, read_python_version, read_system_dependencies
from .templates import POD_TEMPLATE, check_disk, read_template
from .volumes import NETWORK_VOLUME, check_volume_datacenters, read_volumes


def _read_environment(
    parameter: Parameter[tuple[Variable, ...]], arguments: Arguments
) -> tuple[Variable, ...]:
    """Read the environment variables of workers."""
    argument = arguments.given(parameter.name)
    return read_environment(arguments.decoder, argument, arguments.describe(parameter.name))


NAME = Parameter[str | None](
    name="name",
    type="str",
    annotation="str | None",
    default=None,
    shown_default="the function's name",
    example='"detector"',
    reader=read_name,
    doc="The endpoint's name, unique in the project. Routes and images need one.",
)
ID = Parameter[str | None](
    name="id",
    type="str",
    annotation="str | None",
    default=None,
    example='"abc123"',
    reader=read_id,
    doc="The id of an endpoint that exists: the object is a client of it, and nothing is deployed.",
)
IMAGE = Parameter[str | None](
    name="image",
    type="str",
    annotation="str | None",
    default=None,
    example='"owner/image:1"',
    reader=read_text,
    manifest=("imageName", "client_mode"),
    doc="A prebuilt image to deploy: the object is a client of it.",
)
GPU = Parameter[tuple[str, ...]](
    name="gpu",
    type="GpuGroup, GpuType, or a list of them",
    annotation="GpuGroup | GpuType | Sequence[GpuGroup | GpuType] | None",
    default=(GpuGroup.ANY.value,),
    shown_default="GpuGroup.ANY",
    example="GpuGroup.ADA_24",
    reader=read_gpus,
    manifest=("gpuIds",),
    doc="GPU workers: pools or models in the order of preference. Excludes `cpu`.",
)
CPU = Parameter[tuple[str, ...] | None](
    name="cpu",
    type="CpuInstanceType, str, or a list of them",
    annotation="CpuInstanceType | str | Sequence[CpuInstanceType | str] | None",
    default=None,
    example='"cpu3c-1-2"',
    reader=read_instances,
    manifest=("instanceIds",),
    doc="CPU workers, by instance type. Excludes `gpu`.",
)
WORKERS = Parameter[Workers](
    name="workers",
    type="int, or (int, int)",
    annotation="int | tuple[int, int] | list[int] | None",
    default=Workers(),
    shown_default="(0, 1)",
    example="(1, 3)",
    reader=read_workers,
    manifest=("workersMin", "workersMax"),
    doc="The maximum number of workers, or the minimum and the maximum: `n` means `(0, n)`.",
)
IDLE_TIMEOUT = Parameter[int](
    name="idle_timeout",
    type="int",
    annotation="int",
    default=60,
    signature="60",
    example="5",
    reader=read_integer,
    unit="s",
    least=1,
    most=3600,
    manifest=("idleTimeout",),
    doc="How long a worker without work keeps running.",
)
DEPENDENCIES = Parameter[tuple[Dependency, ...]](
    name="dependencies",
    type="list of str",
    annotation="list[str] | tuple[str, ...] | None",
    default=(),
    example='["idna==3.10"]',
    reader=read_dependencies,
    doc="Python packages that workers need, as PEP 508 requirements.",
)
SYSTEM_DEPENDENCIES = Parameter[tuple[str, ...]](
    name="system_dependencies",
    type="list of str",
    annotation="list[str] | tuple[str, ...] | None",
    default=(),
    example='["ffmpeg"]',
    reader=read_system_dependencies,
    manifest=("system_dependencies",),
    doc="Packages of the operating system that workers install with apt when they start.",
)
ACCELERATE_DOWNLOADS = Parameter[bool](
    name="accelerate_downloads",
    type="bool",
    annotation="bool",
    default=True,
    signature="True",
    example="False",
    reader=read_flag,
    doc="Accepted, but not used: an artifact contains the packages, so workers download none.",
)
VOLUME = Parameter[tuple[Located[Volume], ...]](
    name="volume",
    type="NetworkVolume, or a list of them",
    annotation="NetworkVolume | Sequence[NetworkVolume] | None",
    default=(),
    example='NetworkVolume(name="data", size=10)',
    reader=read_volumes,
    manifest=("networkVolumes",),
    doc="Volumes that are mounted at `/runpod-volume`, one per data centre.",
)
DATACENTER = Parameter[tuple[Located[str], ...]](
    name="datacenter",
    type="DataCenter, str, or a list of them",
    annotation="DataCenter | str | Sequence[DataCenter | str] | None",
    default=(),
    shown_default="any",
    example='"EU-RO-1"',
    reader=read_datacenters,
    manifest=("locations",),
    doc="Where workers may start. CPU workers run only in EU-RO-1.",
)
ENV = Parameter[tuple[Variable, ...]](
    name="env",
    type="dict of str to str",
    annotation="Mapping[str, str | None] | None",
    default=(),
    example='{"A": "1", "B": os.environ["B"]}',
    reader=_read_environment,
    manifest=("env", "env_references"),
    doc="Environment variables of workers. `os.environ[...]` is read by the deployment, never by a build.",
)
GPU_COUNT = Parameter[int](
    name="gpu_count",
    type="int",
    annotation="int",
    default=1,
    signature="1",
    example="2",
    reader=read_integer,
    least=1,
    manifest=("gpuCount",),
    doc="How many GPUs a worker has.",
)
EXECUTION_TIMEOUT_MS = Parameter[int](
    name="execution_timeout_ms",
    type="int",
    annotation="int",
    default=0,
    signature="0",
    shown_default="0 (the platform's default)",
    example="5000",
    reader=read_integer,
    unit="ms",
    manifest=("executionTimeoutMs",),
    doc="How long a job may run.",
)
FLASHBOOT = Parameter[bool](
    name="flashboot",
    type="bool",
    annotation="bool",
    default=True,
    signature="True",
    example="False",
    reader=read_flag,
    manifest=("flashboot",),
    doc="Whether the platform may keep workers ready for a faster start.",
)
SCALER_TYPE = Parameter[ScalerType](
    name="scaler_type",
    type="ServerlessScalerType",
    annotation='ServerlessScalerType | Literal["QUEUE_DELAY", "REQUEST_COUNT"] | None',
    default="QUEUE_DELAY",
    shown_default="QUEUE_DELAY; with routes REQUEST_COUNT",
    example="ServerlessScalerType.REQUEST_COUNT",
    reader=read_scaler_type,
    manifest=("scalerType",),
    doc="What makes the platform add workers. Endpoints with routes accept only REQUEST_COUNT.",
)
SCALER_VALUE = Parameter[int](
    name="scaler_value",
    type="int",
    annotation="int",
    default=4,
    signature="4",
    example="7",
    reader=read_integer,
    least=1,
    manifest=("scalerValue",),
    doc="The seconds of delay, or the number of requests, at which the platform adds a worker.",
)
TEMPLATE = Parameter[Located[Template] | None](
    name="template",
    type="PodTemplate",
    annotation="PodTemplate | None",
    default=None,
    example="PodTemplate(containerDiskInGb=20)",
    reader=read_template,
    manifest=("template",),
    doc="Settings of the worker's container.",
)
MIN_CUDA_VERSION = Parameter[str | None](
    name="min_cuda_version",
    type="CudaVersion or str",
    annotation="CudaVersion | str | None",
    default="12.8",
    signature='"12.8"',
    shown_default='"12.8"; none with `cpu`',
    example='"12.6"',
    reader=read_min_cuda,
    manifest=("minCudaVersion",),
    doc="The lowest version of CUDA that the driver of a GPU worker may have.",
)
PYTHON_VERSION = Parameter[str | None](
    name="python_version",
    type="str",
    annotation="str | None",
    default=None,
    shown_default="that of the build",
    example='"3.12"',
    reader=read_python_version,
    manifest=("python_version",),
    doc='The version of Python, "3.10" to "3.13". All endpoints of a project have the same one.',
)
MAX_CONCURRENCY = Parameter[int](
    name="max_concurrency",
    type="int",
    annotation="int",
    default=1,
    signature="1",
    example="3",
    reader=read_integer,
    least=1,
    manifest=("max_concurrency",),
    doc="How many jobs of a queue a worker runs at the same time.",
)

ENDPOINT: Table = (
    NAME,
    ID,
    IMAGE,
    GPU,
    CPU,
    WORKERS,
    IDLE_TIMEOUT,
    DEPENDENCIES,
    SYSTEM_DEPENDENCIES,
    ACCELERATE_DOWNLOADS,
    VOLUME,
    DATACENTER,
    ENV,
    GPU_COUNT,
    EXECUTION_TIMEOUT_MS,
    FLASHBOOT,
    SCALER_TYPE,
    SCALER_VALUE,
    TEMPLATE,
    MIN_CUDA_VERSION,
    PYTHON_VERSION,
    MAX_CONCURRENCY,
)
TABLES: dict[str, Table] = {
    "Endpoint": ENDPOINT,
    "NetworkVolume": NETWORK_VOLUME,
    "PodTemplate": POD_TEMPLATE,
}


def declared_dependencies(arguments: Arguments) -> tuple[tuple[Dependency, ...], bool]:
    """Return the requirements of an endpoint, and whether all are known; report no errors.

    A wrong requirement is known if its text shows the name of the package.
    """
    sink = Sink()
    quiet = Arguments(
        decoder=ArgumentDecoder(machine=arguments.decoder.machine, sink=sink),
        kind=arguments.kind,
        by_name=arguments.by_name,
    )
    found = DEPENDENCIES.read(quiet)
    named = {dependency.span for dependency in found}
    return found, all(each.location in named for each in sink if each.severity is Severity.ERROR)


def read_configuration(arguments: Arguments) -> Configuration:
    """Return the configuration that the arguments give, without name and image.

    Reports values that a parameter does not take, and values that contradict each other.
    """
    hardware = _read_hardware(arguments)
    located = DATACENTER.read(arguments)
    check_datacenters(arguments, located, hardware)
    datacenters = tuple(dict.fromkeys(each.value for each in located))
    volumes = VOLUME.read(arguments)
    check_volume_datacenters(arguments, volumes, datacenters, hardware)
    template = TEMPLATE.read(arguments)
    if template is not None:
        check_disk(arguments, template, hardware)
    resources = Resources(
        hardware=hardware,
        workers=WORKERS.read(arguments),
        scaler=Scaler(type=SCALER_TYPE.read(arguments), value=SCALER_VALUE.read(arguments)),
        idle_timeout=IDLE_TIMEOUT.read(arguments),
        execution_timeout_ms=EXECUTION_TIMEOUT_MS.read(arguments),
        flashboot=FLASHBOOT.read(arguments),
        datacenters=datacenters or None,
        volumes=tuple(volume.value for volume in volumes),
        template=None if template is None else template.value,
    )
    reported = len(arguments.decoder.sink)
    dependencies = DEPENDENCIES.read(arguments)
    is_known = len(arguments.decoder.sink) == reported
    return Configuration(
        resources=resources,
        environment=ENV.read(arguments),
        dependencies=dependencies,
        has_known_dependencies=is_known or declared_dependencies(arguments)[1],
        system_dependencies=SYSTEM_DEPENDENCIES.read(arguments),
        accelerate_downloads=ACCELERATE_DOWNLOADS.read(arguments),
        max_concurrency=MAX_CONCURRENCY.read(arguments),
        python_version=PYTHON_VERSION.read(arguments),
    )


def _read_hardware(arguments: Arguments) -> Hardware:
    """Read the GPUs or the CPU instances of an endpoint."""
    check_one_hardware(arguments)
    instances = CPU.read(arguments)
    if instances is not None:
        return Cpu(instances=instances)
    return Gpu(
        choices=GPU.read(arguments),
        count=GPU_COUNT.read(arguments),
        min_cuda=MIN_CUDA_VERSION.read(arguments),
    )
