"""Call a function of an endpoint with the input of a job."""


def job_input(job):
    """Return the arguments of a job.

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
    return {key: value for key, value in given.items() if key != "__empty"}


def call(function, payload):
    """Call `function` with a job's arguments and return its result.

    Raises:
        InvalidInput: the arguments do not fit the signature.
    """
    import inspect

    from .arguments import from_payload

    args, kwargs = from_payload(function, inspect.signature(function), payload)
    return function(*args, **kwargs)
