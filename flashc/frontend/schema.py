"""The arguments of `Endpoint(...)` -> a typed `Configuration`, every rule of its parameters checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from flashc_ir import rules
from flashc_ir.catalogue import (
    CPU_DATACENTERS,
    DOCUMENTED_ONLY,
    CpuInstanceType,
    CudaVersion,
    DataCenter,
    GpuGroup,
    GpuType,
    ServerlessScalerType,
    container_disk_limit,
)
from flashc_ir.diagnostics import Label
from flashc_ir.program import Configuration, Dependency
from flashc_ir.resources import (
    Cpu,
    EnvironmentReference,
    Gpu,
    Hardware,
    Resources,
    Scaler,
    Template,
    Text,
    Variable,
    Volume,
    Workers,
)
from flashc_ir.source import Span

from .evaluator.objects import Argument, EndpointValue, SdkObject, is_none
from .evaluator.values import DictValue, Known, Symbolic, Unknown
from .reading import Reader, did_you_mean, place_of

PARAMETERS = frozenset(
    [
        "name",
        "id",
        "image",
        "gpu",
        "cpu",
        "workers",
        "idle_timeout",
        "dependencies",
        "system_dependencies",
        "accelerate_downloads",
        "volume",
        "datacenter",
        "env",
        "gpu_count",
        "execution_timeout_ms",
        "flashboot",
        "scaler_type",
        "scaler_value",
        "template",
        "min_cuda_version",
        "python_version",
        "max_concurrency",
    ]
)
SUPPORTED_PYTHONS = ("3.10", "3.11", "3.12", "3.13")
_VOLUME_PARAMETERS = frozenset({"name", "id", "size", "datacenter", "dataCenterId"})
_DEFAULT_VOLUME_GB = 100
_TEMPLATE_PARAMETERS = frozenset(
    [
        "advancedStart",
        "config",
        "containerDiskInGb",
        "containerRegistryAuthId",
        "dockerArgs",
        "env",
        "imageName",
        "name",
        "ports",
        "startScript",
        "readme",
    ]
)


def read_configuration(
    reader: Reader, endpoint: EndpointValue, *, load_balanced: bool
) -> Configuration:
    """Everything that a deployed endpoint's constructor says beside its name."""
    return _Schema(reader, endpoint, load_balanced).configuration()


@dataclass(frozen=True, eq=False)
class _Schema:
    reader: Reader
    endpoint: EndpointValue
    load_balanced: bool

    def given(self, name: str) -> Argument | None:
        """An argument that is present and not None."""
        argument = self.endpoint.arguments.get(name)
        return None if argument is None or is_none(argument.value) else argument

    def configuration(self) -> Configuration:
        resources = self.resources()
        return Configuration(
            resources,
            self.environment("env"),
            self.dependencies(),
            self.system_dependencies(),
            self.flag("accelerate_downloads", True),
            self.integer("max_concurrency", 1, 1),
            self.python_version(),
        )

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

    # Where it runs -------------------------------------------------------------------------------

    def resources(self) -> Resources:
        hardware = self.hardware()
        datacenters = self.datacenters(hardware)
        return Resources(
            hardware,
            self.workers(),
            self.scaler(),
            self.integer("idle_timeout", 60, 1, 3600),
            self.integer("execution_timeout_ms", 0, 0),
            self.flag("flashboot", True),
            datacenters,
            self.volumes(datacenters, hardware),
            self.template(hardware),
        )

    def hardware(self) -> Hardware:
        gpu, cpu = self.given("gpu"), self.given("cpu")
        if gpu is not None and cpu is not None:
            self.reader.sink.report(
                rules.GPU_AND_CPU,
                cpu.span,
                "`gpu` and `cpu` exclude each other",
                secondary=(Label(gpu.span, "the GPU is asked for here"),),
                help=("keep one of the two",),
            )
        if cpu is not None:
            return Cpu(self._instances(cpu))
        cuda = self.given("min_cuda_version")
        least: str | None = "12.8"
        if cuda is not None:
            least = self._member(cuda, "`min_cuda_version`", CudaVersion)
        elif "min_cuda_version" in self.endpoint.arguments:
            least = None
        return Gpu(
            self._gpus(gpu) if gpu is not None else (GpuGroup.ANY.value,),
            self.integer("gpu_count", 1, 1),
            least,
        )

    def _several(self, argument: Argument, what: str, wanted: str) -> list[Argument]:
        """A single value or a list of them."""
        value = argument.value
        if isinstance(value, Known) and not isinstance(value.value, (str, Enum, SdkObject)):
            items = self.reader.items(argument, what, wanted)
            if items == []:
                self.reader.invalid(what, argument.span, wanted, value, "the list is empty")
            return items or []
        return [argument]

    def _gpus(self, argument: Argument) -> tuple[str, ...]:
        wanted = "a `GpuGroup`, a `GpuType` or a list of them"
        chosen: list[str] = []
        for item in self._several(argument, "`gpu`", wanted):
            value = self.reader.known(item, "`gpu`")
            if value is None:
                continue
            if isinstance(value.value, (GpuGroup, GpuType)):
                chosen.append(value.value.value)
            else:
                names = {member.value: f"GpuGroup.{member.name}" for member in GpuGroup}
                names |= {member.value: f"GpuType.{member.name}" for member in GpuType}
                hint = names.get(value.value) if isinstance(value.value, str) else None
                hints = (f"write `{hint}`",) if hint else ()
                self.reader.invalid("`gpu`", item.span, wanted, value, *hints)
        return tuple(dict.fromkeys(chosen)) or (GpuGroup.ANY.value,)

    def _instances(self, argument: Argument) -> tuple[str, ...]:
        wanted = "a CPU instance type or a list of them"
        found = [
            self._member(item, "`cpu`", CpuInstanceType)
            for item in self._several(argument, "`cpu`", wanted)
        ]
        return tuple(dict.fromkeys(name for name in found if name is not None))

    def _member(self, argument: Argument, what: str, kind: type[Enum]) -> str | None:
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
            )
            return None
        self.reader.invalid(what, argument.span, f"a `{kind.__name__}`", value)
        return None

    def workers(self) -> Workers:
        argument = self.given("workers")
        if argument is None:
            return Workers()
        value = self.reader.known(argument, "`workers`")
        if value is None:
            return Workers()
        if isinstance(value.value, int) and not isinstance(value.value, bool):
            maximum = self.reader.integer(argument, "`workers`", 0)
            return Workers() if maximum is None else Workers(0, maximum)
        wanted = "a number or a pair (minimum, maximum)"
        pair = self.reader.items(argument, "`workers`", wanted)
        if pair is None:
            return Workers()
        if len(pair) != 2:
            self.reader.sink.report(
                rules.INVALID_VALUE,
                argument.span,
                f"`workers` takes {wanted}, not {len(pair)} values",
            )
            return Workers()
        minimum = self.reader.integer(pair[0], "the minimum of `workers`", 0)
        maximum = self.reader.integer(pair[1], "the maximum of `workers`", 0)
        if minimum is None or maximum is None:
            return Workers()
        if minimum > maximum:
            self.reader.sink.report(
                rules.OUT_OF_RANGE,
                argument.span,
                f"`workers` asks for at least {minimum} and at most {maximum}",
                help=(f"write `workers=({maximum}, {minimum})`",),
            )
            return Workers()
        return Workers(minimum, maximum)

    def scaler(self) -> Scaler:
        kind: Literal["QUEUE_DELAY", "REQUEST_COUNT"]
        kind = "REQUEST_COUNT" if self.load_balanced else "QUEUE_DELAY"
        argument = self.given("scaler_type")
        chosen = (
            None
            if argument is None
            else self._member(argument, "`scaler_type`", ServerlessScalerType)
        )
        if argument is not None and chosen == "QUEUE_DELAY" and self.load_balanced:
            self.reader.sink.report(
                rules.LB_QUEUE_DELAY,
                argument.span,
                "a load-balanced endpoint has no queue to scale on",
                help=("use `ServerlessScalerType.REQUEST_COUNT`, or leave `scaler_type` out",),
            )
        elif chosen is not None:
            kind = cast("Literal['QUEUE_DELAY', 'REQUEST_COUNT']", chosen)
        return Scaler(kind, self.integer("scaler_value", 4, 1))

    def datacenters(self, hardware: Hardware) -> tuple[str, ...] | None:
        argument = self.given("datacenter")
        if argument is None:
            return None
        places: list[str] = []
        for item in self._several(argument, "`datacenter`", "a data centre or a list of them"):
            name = self._datacenter(item, "`datacenter`")
            if name is None:
                continue
            places.append(name)
            if isinstance(hardware, Cpu) and name not in {d.value for d in CPU_DATACENTERS}:
                self.reader.sink.report(
                    rules.CPU_DATACENTER,
                    item.span,
                    f"`{name}` has no CPU workers",
                    help=(f"use {_alternatives(d.value for d in CPU_DATACENTERS)}",),
                )
        return tuple(dict.fromkeys(places)) or None

    def _datacenter(self, argument: Argument, what: str) -> str | None:
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

    def volumes(
        self, datacenters: tuple[str, ...] | None, hardware: Hardware
    ) -> tuple[Volume, ...]:
        argument = self.given("volume")
        if argument is None:
            return ()
        places = datacenters
        if places is None and isinstance(hardware, Cpu):
            places = tuple(d.value for d in CPU_DATACENTERS)
        seen: dict[str, Span] = {}
        found: list[Volume] = []
        for item in self._several(argument, "`volume`", "a `NetworkVolume` or a list of them"):
            volume = self._volume(item)
            if volume is None:
                continue
            found.append(volume)
            if volume.datacenter in seen:
                self.reader.sink.report(
                    rules.VOLUMES_SHARE_DATACENTER,
                    item.span,
                    f"two volumes lie in `{volume.datacenter}`",
                    secondary=(Label(seen[volume.datacenter], "the other one"),),
                    help=("an endpoint can have one volume per data centre",),
                )
            seen[volume.datacenter] = item.span
            if places is not None and volume.datacenter not in places:
                self.reader.sink.report(
                    rules.VOLUME_ELSEWHERE,
                    item.span,
                    f"the volume lies in `{volume.datacenter}`, the endpoint in "
                    + _alternatives(places, "and"),
                    help=("give the volume and the endpoint the same `datacenter`",),
                )
        return tuple(found)

    def _volume(self, argument: Argument) -> Volume | None:
        value = self.reader.known(argument, "`volume`")
        if value is None:
            return None
        made = value.value
        if not isinstance(made, SdkObject) or made.kind != "NetworkVolume":
            self.reader.invalid("`volume`", argument.span, "a `NetworkVolume`", value)
            return None
        given = self._object_arguments(made, _VOLUME_PARAMETERS)
        if not ({"name", "id"} & given.keys()):
            self.reader.sink.report(
                rules.INVALID_VALUE, made.span, "a `NetworkVolume` needs a `name` or an `id`"
            )
        size: int | None = _DEFAULT_VOLUME_GB
        if "size" in given:
            size = self.reader.integer(given["size"], "`NetworkVolume.size`", 10, 4096)
        place = given.get("datacenter") or given.get("dataCenterId")
        where = None if place is None else self._datacenter(place, "`NetworkVolume.datacenter`")
        return Volume(
            self._text(given, "NetworkVolume", "name"),
            self._text(given, "NetworkVolume", "id"),
            _DEFAULT_VOLUME_GB if size is None else size,
            where or DataCenter.EU_RO_1.value,
        )

    def _text(self, given: dict[str, Argument], kind: str, name: str) -> str | None:
        argument = given.get(name)
        return None if argument is None else self.reader.text(argument, f"`{kind}.{name}`")

    def _object_arguments(self, made: SdkObject, known: frozenset[str]) -> dict[str, Argument]:
        for name, argument in made.arguments.items():
            if name not in known:
                self.reader.sink.report(
                    rules.UNKNOWN_PARAMETER,
                    argument.span,
                    f"`{made.kind}` has no parameter `{name}`",
                    help=did_you_mean(name, known),
                )
        return {n: a for n, a in made.arguments.items() if n in known and not is_none(a.value)}

    def template(self, hardware: Hardware) -> Template | None:
        argument = self.given("template")
        if argument is None:
            return None
        value = self.reader.known(argument, "`template`")
        if value is None:
            return None
        made = value.value
        if not isinstance(made, SdkObject) or made.kind != "PodTemplate":
            self.reader.invalid("`template`", argument.span, "a `PodTemplate`", value)
            return None
        given = self._object_arguments(made, _TEMPLATE_PARAMETERS)

        disk, start = given.get("containerDiskInGb"), given.get("advancedStart")
        size: int | None = None
        if disk is not None:
            size = self.reader.integer(disk, "`PodTemplate.containerDiskInGb`", 1)
            if size is not None:
                self._check_disk(hardware, size, disk.span)
        return Template(
            size,
            self._text(given, "PodTemplate", "dockerArgs"),
            self._text(given, "PodTemplate", "startScript"),
            None if start is None else self.reader.flag(start, "`PodTemplate.advancedStart`"),
            self._text(given, "PodTemplate", "containerRegistryAuthId"),
            self._text(given, "PodTemplate", "ports"),
            self._template_environment(given.get("env")),
        )

    def _check_disk(self, hardware: Hardware, size: int, place: Span) -> None:
        if not isinstance(hardware, Cpu) or not hardware.instances:
            return
        limits = {name: container_disk_limit(CpuInstanceType(name)) for name in hardware.instances}
        smallest = min(limits, key=lambda name: limits[name])
        if size > limits[smallest]:
            self.reader.sink.report(
                rules.DISK_OVER_LIMIT,
                place,
                f"{size} GB of container disk; `{smallest}` has at most {limits[smallest]} GB",
                help=(f"ask for {limits[smallest]} GB or less, or for a larger instance",),
            )

    def _template_environment(self, argument: Argument | None) -> tuple[Variable, ...]:
        if argument is None:
            return ()
        items = self.reader.items(argument, "`PodTemplate.env`", "a list of {key, value}") or []
        found: list[Variable] = []
        for item in items:
            entry = item.value
            if isinstance(entry, Known) and isinstance(entry.value, DictValue):
                pair = {str(k): v for k, (_, v) in entry.value.entries.items()}
                if set(pair) == {"key", "value"}:
                    name = self.reader.text(Argument(pair["key"], item.span), "a variable's `key`")
                    value = Argument(pair["value"], place_of(pair["value"], item.span))
                    parts = self._parts(name or "", value)
                    if name is not None and parts is not None:
                        found.append(Variable(name, parts))
                    continue
            self.reader.invalid("`PodTemplate.env`", item.span, "a list of {key, value}", entry)
        return tuple(found)

    # What it needs -------------------------------------------------------------------------------

    def environment(self, parameter: str) -> tuple[Variable, ...]:
        argument = self.given(parameter)
        if argument is None:
            return ()
        value = argument.value
        if isinstance(value, Unknown):
            self.reader.unknown(f"`{parameter}`", argument.span, value)
            return ()
        if not isinstance(value, Known) or not isinstance(value.value, DictValue):
            self.reader.invalid(f"`{parameter}`", argument.span, "a dict of strings", value)
            return ()
        if value.value.escaped is not None:
            self.reader.unknown(f"`{parameter}`", argument.span, value.value.escaped)
            return ()
        found: list[Variable] = []
        for key, (key_value, item) in value.value.entries.items():
            if not isinstance(key, str):
                place = place_of(key_value, argument.span)
                self.reader.invalid(f"`{parameter}`", place, "names that are strings", key_value)
                continue
            parts = self._parts(key, Argument(item, place_of(item, argument.span)))
            if parts is not None:
                found.append(Variable(key, parts))
        return tuple(found)

    def _parts(
        self, name: str, argument: Argument
    ) -> tuple[Text | EnvironmentReference, ...] | None:
        value = argument.value
        match value:
            case Symbolic():
                return value.parts
            case Unknown():
                self.reader.unknown(f"the variable `{name}`", argument.span, value)
                return None
            case Known() if value.variables:
                self.reader.sink.report(
                    rules.COMPUTED_ENVIRONMENT,
                    argument.span,
                    f"the variable `{name}` is computed from {_alternatives(value.variables, 'and')} "
                    "when building, so its value would be written into the artifact",
                    help=(
                        "pass the environment variable on as it is and compute in the worker; "
                        "`os.environ[...]`, `os.getenv(...)`, `+` and f-strings stay references",
                    ),
                )
                return None
            case Known(value=str() as text) if not isinstance(text, Enum):
                return (Text(text),)
            case Known():
                hint = f'write `"{value.value}"`' if isinstance(value.value, (int, float)) else ""
                self.reader.invalid(
                    f"the variable `{name}`",
                    argument.span,
                    "a string",
                    value,
                    *([hint] if hint else ()),
                )
                return None

    def dependencies(self) -> tuple[Dependency, ...]:
        argument = self.given("dependencies")
        if argument is None:
            return ()
        found: list[Dependency] = []
        for text, span in self.reader.texts(argument, "`dependencies`") or ():
            try:
                requirement = Requirement(text)
            except InvalidRequirement as error:
                reason = str(error).partition("\n")[0]
                self.reader.sink.report(
                    rules.INVALID_REQUIREMENT,
                    span,
                    f"`{text}` is no requirement: {reason}",
                    help=("write it as `name`, `name==1.2`, `name[extra]>=1` or `name @ URL`",),
                )
                continue
            found.append(Dependency(canonicalize_name(requirement.name), str(requirement), span))
        return tuple(found)

    def system_dependencies(self) -> tuple[str, ...]:
        argument = self.given("system_dependencies")
        if argument is None:
            return ()
        found = self.reader.texts(argument, "`system_dependencies`") or []
        return tuple(dict.fromkeys(text for text, _ in found))

    def python_version(self) -> str | None:
        argument = self.given("python_version")
        text = None if argument is None else self.reader.text(argument, "`python_version`")
        if argument is None or text is None:
            return None
        if text not in SUPPORTED_PYTHONS:
            self.reader.sink.report(
                rules.UNSUPPORTED_PYTHON,
                argument.span,
                f"no worker image has Python {text}",
                help=(f"choose {_alternatives(SUPPORTED_PYTHONS)}",),
            )
            return None
        return text


def _alternatives(names: Iterable[str], word: str = "or") -> str:
    """`a`, `b` or `c`."""
    listed = [f"`{name}`" for name in sorted(set(names))]
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} {word} {listed[-1]}"
