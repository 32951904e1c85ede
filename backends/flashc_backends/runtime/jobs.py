"""Call a function of an endpoint with the input of a job."""

import sys


def job_input(job):
    """Return the arguments of a job; the inverse of `arguments.input_of`.

    Raises:
        InvalidInput: the input is not an object.
    """
    given = job.get("input")
    if given is None:
        return {}
    if not isinstance(given, dict):
        from .errors import InvalidInput

        kind = type(given).__name__
        raise InvalidInput(f"the input of a job is an object of arguments, not a {kind}")
    wrapped = wrapped_arguments(given)
    if wrapped is not None:
        return wrapped
    return {key: value for key, value in given.items() if key != "__empty"}


def wrapped_arguments(given):
    """Return the arguments that are apart from the control keys; None if the input has another form."""
    arguments = given.get("__arguments")
    if isinstance(arguments, dict) and given.keys() <= {"method", "__arguments"}:
        return arguments
    return None


class Call:
    """Calls a function with JSON data.

    The annotations of the function are read at the first job and not at the start, because that takes milliseconds.
    """

    def __init__(self, function):
        self.function = function
        self._interface = None

    @property
    def interface(self):
        """How the arguments and the result travel."""
        if self._interface is None:
            from .interface import Interface

            self._interface = Interface(self.function)
        return self._interface

    def __call__(self, payload):
        """Call the function with a job's arguments, and return what it returns.

        Raises:
            InvalidInput: the arguments do not fit the signature or the annotations.
        """
        args, kwargs = self.interface.arguments(payload)
        return self.function(*args, **kwargs)

    def output(self, result):
        """Return a result as JSON data, or an awaitable of such data.  Iterators become lists.

        Raises:
            InvalidResult: JSON can't represent it.
        """
        if hasattr(result, "__await__"):
            return self._awaited(result)
        if hasattr(result, "__anext__"):
            return self._gathered(result)
        if hasattr(result, "__next__"):
            return self.interface.outputs(list(result))
        return self.interface.output(result)

    async def _awaited(self, result):
        """Return the result of an awaitable as JSON data."""
        found = await result
        waiting = sys.modules.get(f"{__package__}.waiting")  # an app without calls has none
        if waiting:
            found = await waiting.with_calls_awaited(found)
        found = self.output(found)
        return await found if hasattr(found, "__await__") else found

    async def _gathered(self, items):
        """Return the items of an async generator as a list."""
        return self.interface.outputs([item async for item in items])
