"""Make `handler(job)`, which the worker image calls, from the function or class of an endpoint."""

from . import identity, registry, trace
from .jobs import call, job_input


def load(resource, modules, max_concurrency=1):
    """Import the endpoint's modules and return its handler.

    Raises any exception of the user's modules; the worker then does not start.
    """
    import importlib

    identity.become(resource)
    for module in modules:
        importlib.import_module(module)
    target = registry.target(resource)
    calls = _methods(target) if isinstance(target, type) else target
    if isinstance(calls, dict):
        return _Handler(_class_handler(target, calls), max_concurrency)
    return _function_handler(target, max_concurrency)


def start(handler):
    """Serve jobs with the platform's SDK; a handler file calls it if it runs as a script."""
    import runpod

    limit = handler.max_concurrency
    runpod.serverless.start(
        {
            "handler": handler,
            "concurrency_modifier": lambda _current: limit,
            "return_aggregate_stream": True,
        }
    )


class _Handler:
    """A handler, with the number of jobs that one worker may run at once."""

    def __init__(self, call, max_concurrency):
        self._call = call
        self.max_concurrency = max_concurrency
        self.__name__ = "handler"

    def __call__(self, job):
        trace.begin_job(job)
        return self._call(job)


def _function_handler(function, max_concurrency):
    """Return the handler of a function, which depends on the function's kind and concurrency."""
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if flags & (_GENERATOR | _ASYNC_GENERATOR) or _generates(function):
        from .streams import StreamingHandler

        return StreamingHandler(function, max_concurrency)
    if flags & _COROUTINE:
        return _Handler(_async_handler(function), max_concurrency)
    if max_concurrency > 1:
        return _Handler(_threaded_handler(function), max_concurrency)
    return _Handler(lambda job: call(function, job_input(job)), max_concurrency)


# The flags of `inspect`; importing that module would delay the start of a worker by milliseconds.
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200


def _generates(function):
    """Return whether `function` is a decorator's wrapper of a generator, as `__wrapped__` shows.

    The result is False if the wrapper is a coroutine function, which returns only one value.
    """
    inner = getattr(function, "__wrapped__", None)
    flags = getattr(getattr(inner, "__code__", None), "co_flags", 0)
    own = getattr(getattr(function, "__code__", None), "co_flags", 0)
    return bool(flags & (_GENERATOR | _ASYNC_GENERATOR)) and not own & _COROUTINE


def _async_handler(function):
    """Return a handler that awaits `function`."""

    async def handler(job):
        return await call(function, job_input(job))

    return handler


def _threaded_handler(function):
    """Return a handler that calls `function` in a thread, so that other jobs can go on."""

    async def handler(job):
        import asyncio

        result = await asyncio.to_thread(call, function, job_input(job))
        return await result if hasattr(result, "__await__") else result

    return handler


def _methods(target):
    """Return the public methods of a class by name, inherited ones too."""
    found = {}
    for kind in reversed(target.__mro__[:-1]):
        for name, value in vars(kind).items():
            if not name.startswith("_") and (
                isinstance(value, (staticmethod, classmethod)) or hasattr(value, "__code__")
            ):
                found[name] = value
    return found


def _class_handler(target, methods):
    """Return a handler that calls the method that the job names, on one instance for all jobs."""
    instance = target()  # once per worker, when it starts
    only = next(iter(methods)) if len(methods) == 1 else None

    def handler(job):
        payload = job_input(job)
        name = payload.get("method")
        if isinstance(name, str) and name in methods:
            del payload["method"]
        elif only is not None:
            name = only  # a key `method` that names no method is an argument
        else:
            from .errors import InvalidInput

            choices = ", ".join(repr(choice) for choice in methods)
            given = "names no `method`" if name is None else f"names the method {name!r}"
            raise InvalidInput(f"the input of {target.__name__} {given}; it has {choices}")
        result = call(getattr(instance, name), payload)
        if hasattr(result, "__aiter__"):
            return _gathered(result)
        if hasattr(result, "__next__"):
            return list(result)
        return result

    return handler


async def _gathered(chunks):
    """Return the results of an async generator as a list."""
    return [chunk async for chunk in chunks]
