"""Convert the arguments and the result of a function by its annotations, in both directions."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .arguments import from_payload, to_payload
from .errors import InvalidInput, InvalidResult
from .hints import MISSING, evaluate
from .values import PLAIN, SCALARS, Codec, Misfit

_VAR_POSITIONAL = inspect.Parameter.VAR_POSITIONAL
_VAR_KEYWORD = inspect.Parameter.VAR_KEYWORD


class Interface:
    """What a function takes and returns, and how both travel as JSON data.

    `names` finds names in annotations that are texts; without it they are those of the function's
    module.  `receiver` says that the first parameter is `self` or `cls`, `web` that
    the function serves a route.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        names: Mapping[str, Any] | None = None,
        *,
        receiver: bool = False,
        web: bool = False,
    ) -> None:
        signature = inspect.signature(function)
        if receiver:
            listed = list(signature.parameters.values())[1:]
            signature = signature.replace(parameters=listed)
        self.signature = signature
        self._function = function
        self._name = getattr(function, "__name__", "function")
        self.names = names
        self._web = web
        self._codecs: dict[str, Codec] | None = None
        self._result: Codec | None = None

    # Arguments ------------------------------------------------------------------------------------

    def payload(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call as the input of a job.

        Raises:
            TypeError: they do not fit the signature, or JSON can't represent one.
        """
        values = to_payload(self.signature, self._name, args, kwargs)
        return {key: self.encoded(key, value) for key, value in values.items()}

    def encoded(self, name: str, value: Any) -> Any:
        """Return the argument `name` as JSON data.

        Raises:
            TypeError: JSON can't represent it.
        """
        return self._converted(name, value, "encode")

    def arguments(self, payload: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and keyword arguments for the input of a job.

        Raises:
            InvalidInput: an argument is missing, not expected, or does not fit its annotation.
        """
        args, kwargs = from_payload(self._function, self.signature, payload, self._loaded)
        return args, kwargs

    def _loaded(self, name: str, data: Any) -> Any:
        """Return the value of an argument.

        Raises:
            InvalidInput: the data does not fit the annotation.
        """
        try:
            return self._converted(name, data, "load")
        except TypeError as error:
            raise InvalidInput(str(error)) from error.__cause__

    def _converted(self, name: str, value: Any, way: str) -> Any:
        """Convert the argument `name` by the method `way` of its codec, "encode" or "load".

        Raises:
            TypeError: the value does not fit; the message says which argument it is, and where in it.
        """
        parameter = self.signature.parameters.get(name)
        if parameter is None or parameter.kind is _VAR_KEYWORD:
            found = [p for p in self.signature.parameters.values() if p.kind is _VAR_KEYWORD]
            parameter = found[0] if found else None
        if parameter is None or (value is None and parameter.default is None):
            return value
        convert = getattr(self._codec(parameter), way)
        try:
            if parameter.kind is _VAR_POSITIONAL and isinstance(value, list):
                from .containers import at_key

                return [at_key(convert, item, index) for index, item in enumerate(value)]
            return convert(value)
        except Misfit as error:
            where = f"argument {name!r} of {self._name}(){error.path}"
            hint = _hint(error, self._codec(parameter), "argument")
            raise TypeError(f"{where} {error.reason}{hint}") from error.__cause__

    def _codec(self, parameter: inspect.Parameter) -> Codec:
        """Return the codec of a parameter."""
        if self._codecs is None:
            self._codecs = {}
        if parameter.name not in self._codecs:
            codec = codec_for(self.evaluated(parameter.annotation), self._web)
            self._codecs[parameter.name] = codec
        return self._codecs[parameter.name]

    # Results --------------------------------------------------------------------------------------

    @property
    def _result_codec(self) -> Codec:
        """The codec of the result; that of one item, if the function is a generator."""
        if self._result is None:
            annotation = self.evaluated(self.signature.return_annotation)
            if self._yields():
                from .codec import element_of

                annotation = element_of(annotation)
            self._result = codec_for(annotation, self._web)
        return self._result

    def _yields(self) -> bool:
        """Return whether the function is a generator; others may return an iterator."""
        inner = inspect.unwrap(self._function)
        return inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner)

    def outputs(self, items: list[Any]) -> Any:
        """Return the items of a generator, or of an iterator that the function returned, as JSON data.

        Raises:
            InvalidResult: JSON can't represent one.
        """
        return [self.output(item) for item in items] if self._yields() else self.output(items)

    def output(self, value: Any) -> Any:
        """Return the result of a call, or an item of a generator, as JSON data.

        Raises:
            InvalidResult: JSON can't represent it.
        """
        try:
            return self._result_codec.encode(value)
        except Misfit as error:
            if error.odd_key and _is_json(value):
                return value
            where = f"the result of {self._name}(){error.path}"
            hint = _hint(error, self._result_codec, "result")
            raise InvalidResult(f"{where} {error.reason}{hint}") from error.__cause__

    def result(self, output: Any) -> Any:
        """Return the result of a call from the output of its job.

        It is the output itself, if the function did not return what its annotation says.  The
        platform's SDK sends nothing for an empty object.
        """
        for found in (output, {}) if output is None else (output,):
            try:
                return self._result_codec.load(found)
            except Misfit:
                continue
        return output

    def evaluated(self, annotation: Any) -> Any:
        """Return an annotation as an object."""
        return evaluate(annotation, self._function, self.names)


def codec_for(annotation: Any, web: bool = False) -> Codec:
    """Return the codec of an annotation; if `web` is True, the codec converts as FastAPI does."""
    if annotation is MISSING or annotation is getattr(sys.modules.get("typing"), "Any", MISSING):
        return PLAIN
    if annotation is None or (isinstance(annotation, type) and annotation in SCALARS):
        return SCALARS[annotation]
    from .codec import WEB, codec_of

    return codec_of(annotation, {WEB: True} if web else None)


def _hint(error: Misfit, codec: Codec, what: str) -> str:
    """Return what a user can do about a value without an annotation."""
    return f", or annotate the {what}" if error.unknown and codec is PLAIN else ""


def _is_json(value: Any) -> bool:
    """Return whether JSON can represent a value if it makes texts of numbers that are keys."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
