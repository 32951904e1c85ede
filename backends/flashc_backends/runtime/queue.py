"""Make `handler(job)`, which the worker image calls, from the function or class of an endpoint."""

from . import identity, registry, trace
from .jobs import Call, job_input, wrapped_arguments


def load(resource, modules, max_concurrency=1):
    """Import the endpoint's modules and return its handler.

    Raises any exception of the user's modules; the worker then does not start.
    """
    import importlib

    identity.become(resource)
    for module in modules:
        importlib.import_module(module)
    target = registry.target(resource)
    calls = registry.methods_of(target) if isinstance(target, type) else target
    if isinstance(calls, dict):
        handler = _Handler(_class_call(target, calls), max_concurrency)
    else:
        handler = _function_handler(target, max_concurrency)
    if max_concurrency > 1 or handler.streams:
        from . import start

        start.complete(handler)
    return handler


def start(handler):
    """Serve jobs with the platform's SDK; a handler file calls it if it runs as a script."""
    import runpod

    runpod.serverless.start({"handler": handler})


class _Handler:
    """A handler, with the number of jobs that one worker may run at once."""

    streams = False

    def __init__(self, call, max_concurrency):
        self._call = call
        self.max_concurrency = max_concurrency
        self.__name__ = "handler"

    def __call__(self, job):
        """Run a job; return its output, or an awaitable of it."""
        if job.get("input") == identity.QUESTION:
            return identity.build()
        trace.begin_job(job)
        call, payload = self._call(job)
        if self.max_concurrency > 1 and not _is_async(call.function):
            from . import threads

            return threads.output(call, payload, self.max_concurrency)
        return call.output(call(payload))


def _function_handler(function, max_concurrency):
    """Return the handler of a function."""
    call = Call(function)
    if _flags(function) & (_GENERATOR | _ASYNC_GENERATOR) or _generates(function):
        from .streams import StreamingHandler

        return StreamingHandler(call, max_concurrency)
    return _Handler(lambda job: (call, job_input(job)), max_concurrency)


# The flags of `inspect`; importing that module would delay the start of a worker by milliseconds.
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200


def _flags(function):
    """Return the flags of a function's or method's code."""
    return getattr(getattr(function, "__code__", None), "co_flags", 0)


def _is_async(function):
    """Return whether a call of the function does not block."""
    return bool(_flags(function) & (_COROUTINE | _ASYNC_GENERATOR))


def _generates(function):
    """Return whether `function` is a decorator's wrapper of a generator, as `__wrapped__` shows.

    The result is False if the wrapper is a coroutine function, which returns only one value.
    """
    inner = _flags(getattr(function, "__wrapped__", None))
    return bool(inner & (_GENERATOR | _ASYNC_GENERATOR)) and not _flags(function) & _COROUTINE


def _class_call(target, methods):
    """Return a function that finds the method that a job names, on one instance for all jobs."""
    instance = target()  # once per worker, when it starts
    only = next(iter(methods)) if len(methods) == 1 else None
    calls = {name: Call(getattr(instance, name)) for name in methods}

    def find(job):
        payload = job_input(job)
        given = job.get("input") or {}
        name = given.get("method")
        if isinstance(name, str) and name in methods:
            if wrapped_arguments(given) is None:
                del payload["method"]
        elif only is not None:
            name = only  # a key `method` that names no method is an argument
        else:
            from .errors import InvalidInput

            choices = ", ".join(repr(choice) for choice in methods)
            given = "names no `method`" if name is None else f"names the method {name!r}"
            raise InvalidInput(f"the input of {target.__name__} {given}; it has {choices}")
        return calls[name], payload

    return find
