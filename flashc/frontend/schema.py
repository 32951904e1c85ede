"""The arguments of `Endpoint(...)` -> a typed `Configuration`, every rule of its parameters checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from flashc.evaluator.declarations import EndpointValue
from flashc.evaluator.objects import Argument
from flashc_core import rules
from flashc_core.diagnostics import Fix, Label, Safety
from flashc_core.source import Span
from flashc_ir.endpoints import Configuration, Dependency
from flashc_ir.platform.catalogue import (
    CPU_DATACENTERS,
    CpuInstanceType,
    CudaVersion,
    GpuGroup,
    GpuType,
    ServerlessScalerType,
)
from flashc_ir.platform.distributions import meant_by
from flashc_ir.platform.images import SUPPORTED_PYTHONS
from flashc_ir.resources import Cpu, Gpu, Hardware, Resources, Scaler, Workers

from .decode import Reader
from .parameters import alternatives
from .volumes import Storage
from .worker_variables import read_environment

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


def read_configuration(
    reader: Reader, endpoint: EndpointValue, *, load_balanced: bool
) -> Configuration:
    """Everything that a deployed endpoint's constructor says beside its name."""
    return _Schema(reader, endpoint, load_balanced).configuration()


@dataclass(frozen=True, eq=False)
class _Schema(Storage):
    """All parameters of an endpoint."""

    def configuration(self) -> Configuration:
        resources = self.resources()
        return Configuration(
            resources=resources,
            environment=read_environment(self.reader, self.given("env"), "`env`"),
            dependencies=self.dependencies(),
            system_dependencies=self.system_dependencies(),
            accelerate_downloads=self.flag("accelerate_downloads", True),
            max_concurrency=self.integer("max_concurrency", 1, 1),
            python_version=self.python_version(),
        )

    # Where it runs -------------------------------------------------------------------------------

    def resources(self) -> Resources:
        hardware = self.hardware()
        datacenters = self.datacenters(hardware)
        return Resources(
            hardware=hardware,
            workers=self.workers(),
            scaler=self.scaler(),
            idle_timeout=self.integer("idle_timeout", 60, 1, 3600),
            execution_timeout_ms=self.integer("execution_timeout_ms", 0, 0),
            flashboot=self.flag("flashboot", True),
            datacenters=datacenters,
            volumes=self.volumes(datacenters, hardware),
            template=self.template(hardware),
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
            least = self.member(cuda, "`min_cuda_version`", CudaVersion)
        elif "min_cuda_version" in self.endpoint.arguments:
            least = None
        return Gpu(
            self._gpus(gpu) if gpu is not None else (GpuGroup.ANY.value,),
            self.integer("gpu_count", 1, 1),
            least,
        )

    def _gpus(self, argument: Argument) -> tuple[str, ...]:
        wanted = "a `GpuGroup`, a `GpuType` or a list of them"
        chosen: list[str] = []
        for item in self.several(argument, "`gpu`", wanted):
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
            self.member(item, "`cpu`", CpuInstanceType)
            for item in self.several(argument, "`cpu`", wanted)
        ]
        return tuple(dict.fromkeys(name for name in found if name is not None))

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
                fix=self._swapped(argument.span, maximum, minimum),
            )
            return Workers()
        return Workers(minimum, maximum)

    def _swapped(self, place: Span, least: int, most: int) -> Fix | None:
        """A pair's span leaves its own parentheses out."""
        pair = f"{least}, {most}"
        text = self.reader.machine.text_at(place)
        if text.startswith("["):
            pair = f"[{pair}]"
        elif "," not in text:
            pair = f"({pair})"
        return self.reader.rewritten(place, pair, "swap the two")

    def scaler(self) -> Scaler:
        kind: Literal["QUEUE_DELAY", "REQUEST_COUNT"]
        kind = "REQUEST_COUNT" if self.load_balanced else "QUEUE_DELAY"
        argument = self.given("scaler_type")
        chosen = (
            None
            if argument is None
            else self.member(argument, "`scaler_type`", ServerlessScalerType)
        )
        if argument is not None and chosen == "QUEUE_DELAY" and self.load_balanced:
            self.reader.sink.report(
                rules.LB_QUEUE_DELAY,
                argument.span,
                "a load-balanced endpoint has no queue to scale on",
                help=("use `ServerlessScalerType.REQUEST_COUNT`, or leave `scaler_type` out",),
                fix=self.reader.ending(argument.span, chosen, "REQUEST_COUNT", Safety.SAFE),
            )
        elif chosen is not None:
            kind = cast("Literal['QUEUE_DELAY', 'REQUEST_COUNT']", chosen)
        return Scaler(kind, self.integer("scaler_value", 4, 1))

    def datacenters(self, hardware: Hardware) -> tuple[str, ...] | None:
        argument = self.given("datacenter")
        if argument is None:
            return None
        places: list[str] = []
        for item in self.several(argument, "`datacenter`", "a data centre or a list of them"):
            name = self.datacenter(item, "`datacenter`")
            if name is None:
                continue
            places.append(name)
            if isinstance(hardware, Cpu) and name not in {d.value for d in CPU_DATACENTERS}:
                self.reader.sink.report(
                    rules.CPU_DATACENTER,
                    item.span,
                    f"`{name}` has no CPU workers",
                    help=(f"use {alternatives(d.value for d in CPU_DATACENTERS)}",),
                    fix=self.reader.rewritten(item.span, '"EU-RO-1"', "write `EU-RO-1`"),
                )
        return tuple(dict.fromkeys(places)) or None

    # What it needs -------------------------------------------------------------------------------

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
                    fix=self._pinned(text, span),
                )
                continue
            name = canonicalize_name(requirement.name)
            self._check_package(name, text, span)
            found.append(Dependency(name=name, requirement=str(requirement), span=span))
        return tuple(found)

    def _check_package(self, name: str, text: str, span: Span) -> None:
        """`cv2` is what one imports; `opencv-python` is what one installs."""
        meant = meant_by(name)
        if meant is None:
            return
        own = re.match(r"[\w.-]+", text)
        renamed = text if own is None else meant + text[own.end() :]
        self.reader.sink.report(
            rules.MODULE_AS_REQUIREMENT,
            span,
            f"`{name}` is the name of a module; the package that brings it is `{meant}`",
            help=(f'write `"{renamed}"`',),
            fix=self.reader.ending(span, text, renamed),
        )

    def _pinned(self, text: str, span: Span) -> Fix | None:
        """`torch=2.9` is what conda writes for `torch==2.9`."""
        pinned = re.sub(r"(?<![=<>!~])=(?!=)", "==", text)
        try:
            Requirement(pinned)
        except InvalidRequirement:
            return None
        return self.reader.ending(span, text, pinned)

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
                help=(f"choose {alternatives(SUPPORTED_PYTHONS)}",),
            )
            return None
        return text
