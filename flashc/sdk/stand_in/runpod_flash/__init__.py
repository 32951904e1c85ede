"""Stand in for the SDK `runpod_flash` in scripts that `flashc run` starts.

The folder above is in `PYTHONPATH` then, before the packages of the interpreter.  If the real SDK is
installed, this module loads it in its own place.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder

_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _find_installed() -> ModuleSpec | None:
    """Return where the real SDK is; None if it is not installed."""
    others = [path for path in sys.path if os.path.abspath(path) != _FOLDER]
    for finder in sys.meta_path:
        path = others if finder is PathFinder else None
        find = getattr(finder, "find_spec", None)
        found = find(__name__, path) if find is not None else None
        if isinstance(found, ModuleSpec) and found.loader is not None:
            if found.origin is None or os.path.abspath(found.origin) != os.path.abspath(__file__):
                return found
    return None


_spec = _find_installed()
if _spec is not None and _spec.loader is not None:
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[__name__] = _module
    _spec.loader.exec_module(_module)
else:
    try:
        from flashc.sdk import scripts
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"this Python has neither runpod-flash nor all of flashc ({error}): {sys.executable}",
            name=error.name,
        ) from None
    scripts.load_dotenv()


def __getattr__(name: str) -> object:
    """Return a name of the SDK."""
    from flashc import sdk
    from flashc.sdk import older

    if name in sdk.__all__:
        return getattr(sdk, name)
    if name in older.__all__:
        return getattr(older, name)
    if name in ("load_dotenv", "find_dotenv"):
        import dotenv

        return getattr(dotenv, name)
    raise AttributeError(f"flashc has no {name!r} in place of runpod_flash; install runpod-flash")
