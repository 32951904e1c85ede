"""`NetworkVolume(...)` and `PodTemplate(...)` -> typed volumes and templates."""

from __future__ import annotations

from dataclasses import dataclass

from flashc.evaluator.objects import Argument
from flashc.evaluator.values import DictValue, Known
from flashc_core import rules
from flashc_core.diagnostics import Label
from flashc_core.source import Span
from flashc_ir.platform.catalogue import (
    CPU_DATACENTERS,
    CpuInstanceType,
    DataCenter,
    container_disk_limit,
)
from flashc_ir.resources import Cpu, Hardware, Template, Variable, Volume

from .decode import place_of
from .flash.semantics import SdkObject
from .parameters import Parameters, alternatives
from .worker_variables import read_variable

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


@dataclass(frozen=True, eq=False)
class Storage(Parameters):
    """What an endpoint's workers find on their disks."""

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
        for item in self.several(argument, "`volume`", "a `NetworkVolume` or a list of them"):
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
                    + alternatives(places, "and"),
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
        given = self.object_arguments(made, _VOLUME_PARAMETERS)
        if not ({"name", "id"} & given.keys()):
            self.reader.sink.report(
                rules.INVALID_VALUE, made.span, "a `NetworkVolume` needs a `name` or an `id`"
            )
        size: int | None = _DEFAULT_VOLUME_GB
        if "size" in given:
            size = self.reader.integer(given["size"], "`NetworkVolume.size`", 10, 4096)
        place = given.get("datacenter") or given.get("dataCenterId")
        self._check_place(given, place)
        where = None if place is None else self.datacenter(place, "`NetworkVolume.datacenter`")
        return Volume(
            name=self.text(given, "NetworkVolume", "name"),
            id=self.text(given, "NetworkVolume", "id"),
            size=_DEFAULT_VOLUME_GB if size is None else size,
            datacenter=where or DataCenter.EU_RO_1.value,
        )

    def _check_place(self, given: dict[str, Argument], place: Argument | None) -> None:
        """An id names a volume that exists somewhere; the default is only one of the places."""
        known = given.get("id")
        if known is not None and place is None:
            default = DataCenter.EU_RO_1.value
            self.reader.sink.report(
                rules.VOLUME_DEFAULT_PLACE,
                known.span,
                f"the volume is taken to lie in `{default}`, as no data centre is given",
                notes=("workers start where the volume is said to be, and find nothing elsewhere",),
                help=("add `datacenter=...` with the volume's own data centre",),
            )

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
        given = self.object_arguments(made, _TEMPLATE_PARAMETERS)

        disk, start = given.get("containerDiskInGb"), given.get("advancedStart")
        size: int | None = None
        if disk is not None:
            size = self.reader.integer(disk, "`PodTemplate.containerDiskInGb`", 1)
            if size is not None:
                self._check_disk(hardware, size, disk.span)
        return Template(
            container_disk_gb=size,
            docker_args=self.text(given, "PodTemplate", "dockerArgs"),
            start_script=self.text(given, "PodTemplate", "startScript"),
            advanced_start=None
            if start is None
            else self.reader.flag(start, "`PodTemplate.advancedStart`"),
            registry_auth_id=self.text(given, "PodTemplate", "containerRegistryAuthId"),
            ports=self.text(given, "PodTemplate", "ports"),
            environment=self._template_environment(given.get("env")),
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
                fix=self.reader.rewritten(
                    place, str(limits[smallest]), f"ask for {limits[smallest]} GB"
                ),
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
                    parts = read_variable(self.reader, name or "", value)
                    if name is not None and parts is not None:
                        found.append(Variable(name, parts))
                    continue
            self.reader.invalid("`PodTemplate.env`", item.span, "a list of {key, value}", entry)
        return tuple(found)
