"""Replace the Flash SDK on workers: `Endpoint`, and the SDK's other names on demand.

Where `Endpoint` is applied, a function stays what it is on the worker that owns it, and is replaced by a dispatch
stub on every other worker.  So every way to reach it works.
"""

from . import identity, registry
from .app import NAMES

__all__ = [
    "CpuInstanceType",
    "CudaVersion",
    "DataCenter",
    "Endpoint",
    "GpuGroup",
    "GpuType",
    "NetworkVolume",
    "PodTemplate",
    "ServerlessScalerType",
]


class Endpoint:
    """An endpoint of this app, or a client of one.

    Constructions that the compiler evaluated have only their resource's name; others still have all their
    arguments, which are not used here.
    """

    def __init__(self, name=None, *, id=None, image=None, **_config):
        self.name = name
        self.id = id
        self._client = None
        if id is not None or image is not None:
            from .client import Client

            self._client = Client(self._resource(name), id)

    @staticmethod
    def _resource(name):
        return NAMES.get(name, name)

    def __call__(self, target):
        """Apply the endpoint to a function or class: return it, or its stub."""
        if self.name is None:
            self.name = target.__name__
        resource = self._resource(self.name)
        running = identity.running()
        if running is None:
            return target
        if running == resource:
            registry.offer(resource, target)
            return target
        from . import dispatch

        return dispatch.stub_of(resource, target)

    def _route(self, method, path):
        def decorate(function):
            resource = self._resource(self.name)
            running = identity.running()
            if running is None:
                return function
            if running == resource:
                registry.offer_route(resource, method, path, function)
                return function
            from . import dispatch

            return dispatch.route_stub_of(resource, method, path, function)

        return decorate

    def _verb(self, method, path, data=None, **options):
        if self._client is None:
            return self._route(method, path)
        return self._client.request(method, path, data, **options)

    def get(self, path, data=None, **options):
        """Declare a GET route, or send a request, as a client."""
        return self._verb("GET", path, data, **options)

    def post(self, path, data=None, **options):
        """Declare a POST route, or send a request, as a client."""
        return self._verb("POST", path, data, **options)

    def put(self, path, data=None, **options):
        """Declare a PUT route, or send a request, as a client."""
        return self._verb("PUT", path, data, **options)

    def delete(self, path, data=None, **options):
        """Declare a DELETE route, or send a request, as a client."""
        return self._verb("DELETE", path, data, **options)

    def patch(self, path, data=None, **options):
        """Declare a PATCH route, or send a request, as a client."""
        return self._verb("PATCH", path, data, **options)

    def __getattr__(self, name):
        client = self.__dict__.get("_client")
        if client is None or name not in ("run", "runsync", "status", "cancel"):
            raise AttributeError(f"an endpoint has no attribute {name!r} on a worker")
        return getattr(client, name)


class _Inert:
    """A container of configuration; the runtime keeps it for programs that read it, and does not use it."""

    def __init__(self, **config):
        self.__dict__.update(config)


class NetworkVolume(_Inert):
    """A network volume as declared."""


class PodTemplate(_Inert):
    """A container template as declared."""


def __getattr__(name):
    if name in __all__:
        from . import catalogue  # type: ignore[attr-defined]  # it joins in the artifact

        return getattr(catalogue, name)
    raise AttributeError(f"the SDK offers no {name!r} to workers")
