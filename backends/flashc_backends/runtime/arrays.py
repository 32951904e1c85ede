"""Convert numpy's arrays and numbers."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

from .values import Codec, Misfit, misfit


def array_codec(kind: type, arguments: tuple[Any, ...]) -> Codec:
    """Return the codec of `numpy.ndarray`, with its element type if it is declared, or of a number."""
    import numpy

    if issubclass(kind, numpy.generic):
        return Number(kind)
    declared = None
    if arguments:
        element = getattr(arguments[-1], "__args__", (None,))[0]
        if isinstance(element, type) and issubclass(element, numpy.generic):
            try:
                declared = numpy.dtype(element)
            except TypeError:  # an abstract type, such as `numpy.floating`
                declared = None
    return Array(declared)


class Number(Codec):
    """Takes numpy's numbers; JSON has a number."""

    key = "json"

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def takes(self, value: Any) -> bool:
        """Return whether a value is a number of the type."""
        return isinstance(value, self._kind)

    def fits(self, value: Any) -> bool:
        """Return whether a value is exactly of the type."""
        return type(value) is self._kind

    def dump(self, value: Any) -> Any:
        """Return the number."""
        number = value.item()
        if not isinstance(number, (bool, int, float, str)):
            raise Misfit(f"is a numpy.{type(value).__name__}, which JSON can't carry")
        if isinstance(number, float) and not math.isfinite(number):
            raise Misfit(f"is {number!r}, which JSON can't carry")
        return number

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the number of the type."""
        if not isinstance(data, (bool, int, float)):
            raise misfit(data, f"a numpy.{self._kind.__name__}")
        try:
            number = self._kind(data)
        except (TypeError, ValueError, OverflowError):
            raise misfit(data, f"a numpy.{self._kind.__name__}") from None
        if strict and (type(number.item()) is not type(data) or number.item() != data):
            raise misfit(data, f"a numpy.{self._kind.__name__}")
        return number


class Array(Codec):
    """Takes numpy's arrays.

    JSON has lists of numbers if these make the same array again.  If they don't (another type than
    64 bit or the declared one, NaN, no elements), it has an object: the type, the shape, and the
    bytes as base64.
    """

    def __init__(self, declared: Any) -> None:
        self._declared = declared

    def takes(self, value: Any) -> bool:
        """Return whether a value is an array."""
        import numpy

        return isinstance(value, numpy.ndarray)

    def dump(self, value: Any) -> Any:
        """Return the array as lists, or as an object with its bytes."""
        import numpy

        if value.dtype.hasobject or value.dtype.kind not in "biufcSUmM":
            raise Misfit(f"is an array of {value.dtype}, which JSON can't carry")
        usual = value.dtype.str[1:] in ("i8", "f8", "b1")
        if self._declared is not None:
            usual = value.dtype == self._declared
        if usual and value.size and value.ndim and value.dtype.kind in "biuf":
            if value.dtype.kind != "f" or bool(numpy.isfinite(value).all()):
                return value.tolist()
        data = numpy.ascontiguousarray(value).tobytes()
        return {
            "dtype": value.dtype.str,
            "shape": list(value.shape),
            "data": base64.b64encode(data).decode("ascii"),
        }

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the array of lists, or of an object with its bytes."""
        import numpy

        try:
            if isinstance(data, dict):
                content = base64.b64decode(data["data"], validate=True)
                array = numpy.frombuffer(content, numpy.dtype(data["dtype"]))
                return array.reshape(data["shape"]).copy()
            if isinstance(data, (list, int, float)):
                array = numpy.array(data, dtype=self._declared)
                if array.dtype.kind in "biuf":
                    return array
        except (KeyError, TypeError, ValueError, binascii.Error):
            pass
        raise misfit(data, "an array")
