"""Replace the Flash SDK while `--trace` imports modules: a stub that records endpoints.

`trace_runner` loads this file in a separate process and calls `install`.  The file uses only the
standard library.
"""

from enum import Enum

VERBS = ("get", "post", "put", "delete", "patch")


def install(tracer, catalogue):
    """Return the SDK's packages; `catalogue` is the module with its enums."""

    class Endpoint:
        """Records its declaration, the functions that it decorates, and its routes."""

        def __init__(self, name=None, *args, **config):
            if name is not None:
                config["name"] = name
            surplus = "`Endpoint` takes one positional argument, its name" if args else None
            self._declaration = tracer.declare(config, surplus)

        def __call__(self, target):
            self._declaration.decorates(target)
            return target

        def __getattr__(self, verb):
            if verb not in VERBS:
                raise AttributeError(verb)
            return lambda path=None, **_: self._declaration.route(verb.upper(), path)

    class NetworkVolume(tracer.Opaque):
        """Records its arguments."""

    class PodTemplate(tracer.Opaque):
        """Records its arguments."""

    enums = [
        each
        for each in vars(catalogue).values()
        if isinstance(each, type) and issubclass(each, Enum) and each is not Enum
    ]
    names = {each.__name__: each for each in (Endpoint, NetworkVolume, PodTemplate, *enums)}
    return {"runpod_flash": names, "flashc": names}
