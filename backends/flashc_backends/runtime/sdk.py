"""Replace the Flash SDK on workers: `Endpoint`, and the SDK's other names on demand.

`Endpoint(...)` decorates a function.  On the workers of that endpoint the function stays as it is;
on all other workers a stub that sends a job takes its place.  So callers
write the same call in both cases.
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
    """An endpoint of this app, or a client of an endpoint.

    flashc shortens a call `Endpoint(...)` that it can evaluate to the resource's name.  Other calls
    keep all their arguments, most of which are not used here.
    """

    def __init__(self, name=None, *, id=None, image=None, **config):
        self.__dict__.update(config)  # the attributes that the program reads
        self.name = name
        self.id = id
        self._client = None
        if id is not None or image is not None:
            from .client import Client

            self._client = Client(self._resource(name), id)

    @staticmethod
    def _resource(name):
        """Return the resource name of an endpoint."""
        return NAMES.get(name, name)

    def __call__(self, target):
        """Return the decorated function or class, or the stub that takes its place here."""
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
        """Return a decorator that registers a route's function, or replaces it by a stub."""

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
        """Declare a route; as a client, send a request instead."""
        if self._client is None:
            return self._route(method, path)
        return self._client.request(method, path, data, **options)

    def get(self, path, data=None, **options):
        """Declare a GET route; as a client, send a GET request instead."""
        return self._verb("GET", path, data, **options)

    def post(self, path, data=None, **options):
        """Declare a POST route; as a client, send a POST request instead."""
        return self._verb("POST", path, data, **options)

    def put(self, path, data=None, **options):
        """Declare a PUT route; as a client, send a PUT request instead."""
        return self._verb("PUT", path, data, **options)

    def delete(self, path, data=None, **options):
        """Declare a DELETE route; as a client, send a DELETE request instead."""
        return self._verb("DELETE", path, data, **options)

    def patch(self, path, data=None, **options):
        """Declare a PATCH route; as a client, send a PATCH request instead."""
        return self._verb("PATCH", path, data, **options)

    def __getattr__(self, name):
        if name in _CHANGED:
            return _Changed()
        client = self.__dict__.get("_client")
        if client is None or name not in ("run", "runsync", "status", "cancel"):
            raise AttributeError(f"an endpoint has no attribute {name!r} on a worker")
        return getattr(client, name)


# The arguments of an endpoint that programs change afterwards, as in `endpoint.env["K"] = "v"`.
_CHANGED = ("template", "volume", "env", "dependencies", "system_dependencies", "datacenter")


class _Changed:
    """Takes the changes of an argument, which workers do not need; nothing can be read from it."""

    def __setattr__(self, name, value):
        pass

    def __setitem__(self, key, value):
        pass

    def _ignore(self, *values, **named):
        """Ignore the elements that a method would add."""

    append = extend = insert = update = setdefault = _ignore


class _Configuration:
    """Keeps its arguments as attributes, for programs that read them; the runtime does not."""

    def __init__(self, **config):
        self.__dict__.update(config)


class NetworkVolume(_Configuration):
    """The arguments of a `NetworkVolume(...)` in the program."""

    id = name = datacenter = None
    size = 100


class PodTemplate(_Configuration):
    """The arguments of a `PodTemplate(...)` in the program."""

    id = None
    name = imageName = ""
    containerDiskInGb = 64


class _Resource(Endpoint):
    """An object of a resource class of the older dialect, such as `LiveServerless`: the first argument of `remote`."""


class _BalancedResource(_Resource):
    """An object of a resource class that balances load."""


def remote(resource_config, *_packages, method=None, path=None, **_config):
    """Return the decorator of a function, or that of a route."""
    if isinstance(resource_config, _BalancedResource):
        return resource_config._route(method, path)
    return resource_config


_RESOURCES = {
    **dict.fromkeys(
        ("LiveServerless", "CpuLiveServerless", "ServerlessEndpoint", "CpuServerlessEndpoint"),
        _Resource,
    ),
    **dict.fromkeys(
        (
            "LiveLoadBalancer",
            "CpuLiveLoadBalancer",
            "LoadBalancerSlsResource",
            "CpuLoadBalancerSlsResource",
        ),
        _BalancedResource,
    ),
}


def __getattr__(name):
    if name in _RESOURCES:
        return _RESOURCES[name]
    if name in ("RemoteError", "RemoteTimeout", "EndpointNotFound"):
        from . import errors

        return getattr(errors, name)
    if name in ("endpoint", "client"):  # inner modules of the SDK, which define the public names
        from . import sdk

        return sdk
    if name in ("load_dotenv", "find_dotenv"):
        import dotenv

        return getattr(dotenv, name)
    if name in __all__:
        from . import catalogue  # type: ignore[attr-defined]  # only artifacts contain it

        return getattr(catalogue, name)
    raise AttributeError(f"the SDK offers no {name!r} to workers")
