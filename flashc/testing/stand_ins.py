"""Stand in for modules of Python that show or change the state of the process, in the world of one endpoint."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from types import ModuleType
from typing import Any


class StandIn(ModuleType):
    """A module with some attributes of its own; all others are those of the real module."""

    def __init__(self, real: ModuleType, **own: Any) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(own, _real=real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_real"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        owner = super() if name in self.__dict__ else self.__dict__["_real"]
        owner.__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["_real"])


class Variables(MutableMapping[str, str]):
    """The environment variables of an endpoint: those of the process, and changes that only the endpoint sees."""

    def __init__(self, own: Mapping[str, str]) -> None:
        self._own: dict[str, str | None] = dict(own)  # None: the endpoint has deleted it

    def __getitem__(self, name: str) -> str:
        value = self._own[name] if name in self._own else os.environ[name]
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        for text in (name, value):
            if not isinstance(text, str):
                raise TypeError(f"str expected, not {type(text).__name__}")
        self._own[name] = value

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._own[name] = None

    def __iter__(self) -> Iterator[str]:
        names = {**dict.fromkeys(os.environ), **dict.fromkeys(self._own)}
        return (name for name in names if self._own.get(name, "") is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __or__(self, other: Mapping[str, str]) -> dict[str, str]:
        return {**self, **other}

    def __ror__(self, other: Mapping[str, str]) -> dict[str, str]:
        return {**other, **self}

    def __repr__(self) -> str:
        return f"environ({dict(self)!r})"

    def copy(self) -> dict[str, str]:
        """Return the variables as a dictionary."""
        return dict(self)


class WorldModules(MutableMapping[str, ModuleType]):
    """`sys.modules` as an endpoint sees it: the endpoint's own modules have their plain names."""

    def __init__(self, inner_name: Callable[[str], str]) -> None:
        self._inner_name = inner_name

    def __getitem__(self, name: str) -> ModuleType:
        return sys.modules[self._inner_name(name)]

    def __setitem__(self, name: str, module: ModuleType) -> None:
        sys.modules[self._inner_name(name)] = module

    def __delitem__(self, name: str) -> None:
        del sys.modules[self._inner_name(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(list(sys.modules))

    def __len__(self) -> int:
        return len(sys.modules)


def stand_ins_for(
    inner_name: Callable[[str], str], variables: MutableMapping[str, str]
) -> dict[str, ModuleType]:
    """Return the modules that take the place of `importlib`, `os` and `sys` in the world of an endpoint.

    `inner_name` returns the name in `sys.modules` for a name that the endpoint's code uses.
    """

    def import_module(name: str, package: str | None = None) -> ModuleType:
        """Import a module as `importlib.import_module` does."""
        return importlib.import_module(name if name.startswith(".") else inner_name(name), package)

    def getenv(key: str, default: Any = None) -> Any:
        """Return an environment variable, or `default`."""
        return variables.get(key, default)

    return {
        "importlib": StandIn(importlib, import_module=import_module),
        "os": StandIn(os, environ=variables, getenv=getenv),
        "sys": StandIn(sys, modules=WorldModules(inner_name)),
    }
