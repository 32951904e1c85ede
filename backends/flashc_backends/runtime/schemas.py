"""Read and write values of routes by the codec, if FastAPI has no schema for their types."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import PlainValidator, TypeAdapter
from pydantic.errors import PydanticUserError
from starlette.responses import Response

from .hints import MISSING
from .interface import Interface, codec_for
from .values import PLAIN, Misfit


def readable(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter whose annotation FastAPI can read; the codec reads other types."""
    kind = parameter.annotation
    if _has_schema(kind):
        return parameter
    codec = codec_for(kind, web=True)

    def load(data: Any) -> Any:
        try:
            return codec.load(data)
        except Misfit as error:
            raise ValueError(f"the value{error.path} {error.reason}") from None

    annotated: Any = Annotated  # for a type checker, its arguments must be types
    read: Any = annotated[Any, PlainValidator(load)]
    return parameter.replace(annotation=read)


def writing(
    wrapper: Callable[..., Any], function: Callable[..., Any], returns: Any
) -> tuple[Callable[..., Any], Any]:
    """Return a wrapper and its return annotation; the codec writes types without a schema."""
    if _makes_response(returns) or _has_schema(returns):
        return wrapper, returns
    interface = Interface(function, web=True)
    if codec_for(returns, web=True) is PLAIN:
        logging.getLogger("flashc").warning(
            "FastAPI can't use what %s() is annotated to return; its answers are not filtered",
            getattr(function, "__name__", "a route"),
        )
        return wrapper, MISSING

    def output(result: Any) -> Any:
        return result if isinstance(result, Response) else interface.output(result)

    if inspect.iscoroutinefunction(wrapper):

        @functools.wraps(wrapper)
        async def write(**given: Any) -> Any:
            return output(await wrapper(**given))

        return write, MISSING

    @functools.wraps(wrapper)
    def write_plain(**given: Any) -> Any:
        return output(wrapper(**given))

    return write_plain, MISSING


def _makes_response(kind: Any) -> bool:
    """Return whether an annotation says that the function makes the whole answer itself."""
    return inspect.isclass(kind) and issubclass(kind, Response)


def _has_schema(kind: Any) -> bool:
    """Return whether pydantic has a schema for a type."""
    if kind is MISSING:
        return True
    try:
        TypeAdapter(kind)
    except (PydanticUserError, NameError):
        return False
    return True
