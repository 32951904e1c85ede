"""Define the SDK: a program declares its endpoints with it, and scripts call what is deployed.

In a script, a call of a function with a decorator goes to the deployed endpoint (`scripts.py`), by
the same code that workers use to call other endpoints.  This module defines the declarations, and
imports everything else when it is needed.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from flashc_ir.platform.catalogue import (
    CpuInstanceType,
    CudaVersion,
    DataCenter,
    GpuGroup,
    GpuType,
    ServerlessScalerType,
)

if TYPE_CHECKING:
    from flashc_backends.runtime.client import EndpointJob as EndpointJob
    from flashc_backends.runtime.errors import EndpointNotFound as EndpointNotFound
    from flashc_backends.runtime.errors import RemoteError as RemoteError
    from flashc_backends.runtime.errors import RemoteTimeout as RemoteTimeout

    from .context import NoContext as NoContext
    from .scripts import timeout as timeout

__all__ = [
    "CpuInstanceType",
    "CudaVersion",
    "DataCenter",
    "Endpoint",
    "EndpointJob",
    "EndpointNotFound",
    "GpuGroup",
    "GpuType",
    "NetworkVolume",
    "NoContext",
    "PodTemplate",
    "RemoteError",
    "RemoteTimeout",
    "ServerlessScalerType",
    "timeout",
]

_T = TypeVar("_T")

if TYPE_CHECKING:
    from typing import Protocol

    class RouteOrRequest(Protocol):
        """What `endpoint.get("/path")` gives: a decorator, or a client's request to be awaited."""

        def __call__(self, target: _T) -> _T:
            """Return the function that calls the route."""
            ...

        def __await__(self) -> Generator[Any, None, Any]:
            """Send the request."""
            ...


class Endpoint:
    """An endpoint: a decorator for one function or class, an object with routes, or a client.

    flashc checks the values; `flashc explain FC101` lists the parameters.
    """

    # Generated: Endpoint.__init__
    def __init__(
        self,
        name: str | None = None,
        *,
        id: str | None = None,
        image: str | None = None,
        gpu: GpuGroup | GpuType | Sequence[GpuGroup | GpuType] | None = None,
        cpu: CpuInstanceType | str | Sequence[CpuInstanceType | str] | None = None,
        workers: int | tuple[int, int] | list[int] | None = None,
        idle_timeout: int = 60,
        dependencies: list[str] | tuple[str, ...] | None = None,
        system_dependencies: list[str] | tuple[str, ...] | None = None,
        accelerate_downloads: bool = True,
        volume: NetworkVolume | Sequence[NetworkVolume] | None = None,
        datacenter: DataCenter | str | Sequence[DataCenter | str] | None = None,
        env: Mapping[str, str | None] | None = None,
        gpu_count: int = 1,
        execution_timeout_ms: int = 0,
        flashboot: bool = True,
        scaler_type: ServerlessScalerType | Literal["QUEUE_DELAY", "REQUEST_COUNT"] | None = None,
        scaler_value: int = 4,
        template: PodTemplate | None = None,
        min_cuda_version: CudaVersion | str | None = "12.8",
        python_version: str | None = None,
        max_concurrency: int = 1,
    ) -> None:
        """Declare an `Endpoint`.

        Args:
            name: The endpoint's name, unique in the project. Routes and images need one.
            id: The id of an endpoint that exists: the object is a client of it, and nothing is
                deployed.
            image: A prebuilt image to deploy: the object is a client of it.
            gpu: GPU workers: pools or models in the order of preference. Excludes `cpu`.
            cpu: CPU workers, by instance type. Excludes `gpu`.
            workers: The maximum number of workers, or the minimum and the maximum: `n` means `(0,
                n)`. (≥ 0)
            idle_timeout: How long a worker without work keeps running. (1…3600 s)
            dependencies: Python packages that workers need, as PEP 508 requirements.
            system_dependencies: Packages of the operating system that workers install with apt
                when they start.
            accelerate_downloads: Accepted, but not used: an artifact contains the packages, so
                workers download none.
            volume: Volumes that are mounted at `/runpod-volume`, one per data centre.
            datacenter: Where workers may start. CPU workers run only in EU-RO-1.
            env: Environment variables of workers. `os.environ[...]` is read by the deployment,
                never by a build.
            gpu_count: How many GPUs a worker has. (≥ 1)
            execution_timeout_ms: How long a job may run. (≥ 0 ms)
            flashboot: Whether the platform may keep workers ready for a faster start.
            scaler_type: What makes the platform add workers. Endpoints with routes accept only
                REQUEST_COUNT.
            scaler_value: The seconds of delay, or the number of requests, at which the platform
                adds a worker. (≥ 1)
            template: Settings of the worker's container.
            min_cuda_version: The lowest version of CUDA that the driver of a GPU worker may have.
            python_version: The version of Python, "3.10" to "3.13". All endpoints of a project
                have the same one.
            max_concurrency: How many jobs of a queue a worker runs at the same time. (≥ 1)
        """
        self.name = name
        self.id = id
        self.image = image
        self.gpu = gpu
        self.cpu = cpu
        self.workers = workers
        self.idle_timeout = idle_timeout
        self.dependencies = dependencies
        self.system_dependencies = system_dependencies
        self.accelerate_downloads = accelerate_downloads
        self.volume = volume
        self.datacenter = datacenter
        self.env = env
        self.gpu_count = gpu_count
        self.execution_timeout_ms = execution_timeout_ms
        self.flashboot = flashboot
        self.scaler_type = scaler_type
        self.scaler_value = scaler_value
        self.template = template
        self.min_cuda_version = min_cuda_version
        self.python_version = python_version
        self.max_concurrency = max_concurrency

    # End of the generated part

    def __call__(self, target: _T) -> _T:
        """Declare that this endpoint runs the decorated function, or the methods of the class.

        In a script, calls of what is returned go to the deployed endpoint.
        """
        from .scripts import target_of

        return target_of(self, target)

    @overload
    def get(self, path: str) -> RouteOrRequest: ...
    @overload
    def get(self, path: str, data: Any = None, **options: Any) -> Any: ...
    def get(self, path: str, data: Any = None, **options: Any) -> Any:
        """Declare that the decorated function serves `GET path`; as a client, send a request."""
        return self._verb("GET", path, data, options)

    @overload
    def post(self, path: str) -> RouteOrRequest: ...
    @overload
    def post(self, path: str, data: Any = None, **options: Any) -> Any: ...
    def post(self, path: str, data: Any = None, **options: Any) -> Any:
        """Declare that the decorated function serves `POST path`; as a client, send a request."""
        return self._verb("POST", path, data, options)

    @overload
    def put(self, path: str) -> RouteOrRequest: ...
    @overload
    def put(self, path: str, data: Any = None, **options: Any) -> Any: ...
    def put(self, path: str, data: Any = None, **options: Any) -> Any:
        """Declare that the decorated function serves `PUT path`; as a client, send a request."""
        return self._verb("PUT", path, data, options)

    @overload
    def delete(self, path: str) -> RouteOrRequest: ...
    @overload
    def delete(self, path: str, data: Any = None, **options: Any) -> Any: ...
    def delete(self, path: str, data: Any = None, **options: Any) -> Any:
        """Declare that the decorated function serves `DELETE path`; as a client, send a request."""
        return self._verb("DELETE", path, data, options)

    @overload
    def patch(self, path: str) -> RouteOrRequest: ...
    @overload
    def patch(self, path: str, data: Any = None, **options: Any) -> Any: ...
    def patch(self, path: str, data: Any = None, **options: Any) -> Any:
        """Declare that the decorated function serves `PATCH path`; as a client, send a request."""
        return self._verb("PATCH", path, data, options)

    def run(self, input: Any, *, webhook: str | None = None) -> Any:
        """Submit a job to a client's endpoint, and return it as an `EndpointJob` without waiting.

        As with all methods of clients: in async code, await the result; in other code the call blocks
        and returns it.
        """
        return self._client().run(input, webhook=webhook)

    def runsync(self, input: Any, *, timeout: float = 60.0) -> Any:
        """Submit a job, wait for its end, at most `timeout` seconds, and return it as an `EndpointJob`."""
        return self._client().runsync(input, timeout=timeout)

    def status(self, job_id: str) -> Any:
        """Return the state of a job of a client's endpoint as an `EndpointJob`."""
        return self._client().status(job_id)

    def cancel(self, job_id: str) -> Any:
        """Cancel a job of a client's endpoint, and return it as an `EndpointJob`."""
        return self._client().cancel(job_id)

    def _verb(self, method: str, path: str, data: Any, options: dict[str, Any]) -> Any:
        """Return the decorator of a route; as a client, send a request."""
        if self.id is None and self.image is None:
            from .scripts import route_of

            return route_of(self, method, path)
        return self._client().request(method, path, data, **options)

    def _client(self) -> Any:
        """Return the client of this endpoint."""
        from .scripts import client_of

        return client_of(self)


class NetworkVolume:
    """A network volume, which workers find at `/runpod-volume`."""

    # Generated: NetworkVolume.__init__
    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,
        size: int = 100,
        datacenter: DataCenter | str | None = None,
        dataCenterId: DataCenter | str | None = None,
    ) -> None:
        """Declare a `NetworkVolume`.

        Args:
            name: The volume's name. If there is no volume of this name, it is created.
            id: The id of a volume that exists.
            size: The size of a volume that is created. (10…4096 GB)
            datacenter: Where the volume is. Workers start in the same data centre.
            dataCenterId: Another name of `datacenter`.
        """
        self.name = name
        self.id = id
        self.size = size
        self.datacenter = datacenter
        self.dataCenterId = dataCenterId

    # End of the generated part


class PodTemplate:
    """The container of an endpoint's workers."""

    # Generated: PodTemplate.__init__
    def __init__(
        self,
        *,
        advancedStart: bool | None = None,
        config: Mapping[str, Any] | None = None,
        containerDiskInGb: int | None = None,
        containerRegistryAuthId: str | None = None,
        dockerArgs: str | None = None,
        env: Sequence[Mapping[str, str | None]] | None = None,
        imageName: str | None = None,
        name: str | None = None,
        ports: str | None = None,
        startScript: str | None = None,
        readme: str | None = None,
    ) -> None:
        """Declare a `PodTemplate`.

        Args:
            advancedStart: Passed to the platform as it is.
            config: Accepted, but not used by a deployment.
            containerDiskInGb: The container's disk. CPU instances have an upper limit. (≥ 1 GB)
            containerRegistryAuthId: The id of the registry credentials for the image.
            dockerArgs: Arguments of the container's start command.
            env: Environment variables of the container.
            imageName: Accepted, but not used by a deployment: use `Endpoint(image=...)`.
            name: Accepted, but not used by a deployment.
            ports: The ports that the container exposes, as in `8000/http`.
            startScript: A script that the container runs first.
            readme: Accepted, but not used by a deployment.
        """
        self.advancedStart = advancedStart
        self.config = config
        self.containerDiskInGb = containerDiskInGb
        self.containerRegistryAuthId = containerRegistryAuthId
        self.dockerArgs = dockerArgs
        self.env = env
        self.imageName = imageName
        self.name = name
        self.ports = ports
        self.startScript = startScript
        self.readme = readme

    # End of the generated part


def __getattr__(name: str) -> object:
    """Import a name at its first use, because only scripts need it."""
    if name == "EndpointJob":
        from flashc_backends.runtime.client import EndpointJob

        return EndpointJob
    if name in ("RemoteError", "RemoteTimeout", "EndpointNotFound"):
        from flashc_backends.runtime import errors

        return getattr(errors, name)
    if name == "NoContext":
        from .context import NoContext

        return NoContext
    if name == "timeout":
        from .scripts import timeout

        return timeout
    raise AttributeError(f"module 'flashc.sdk' has no attribute {name!r}")
