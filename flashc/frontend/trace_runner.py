"""The program of the tracing process: imports modules under a stub of the SDK, and tells what they define.

Run as a script by `trace`, in a process of its own, with the standard library only.  Arguments: the
project's root, the path of `catalogue.py`, the number of the pipe for the answer, then modules' names.

What the project's code may not do here: reach the network, start a process, or write a file.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import os
import resource
import sys
import threading
import types
from enum import Enum

CPU_SECONDS, MEMORY = 60, 4 * 1024**3
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_NETWORK = (
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.sendto",
    "urllib.Request",
)
_PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork")
_CHANGES = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "shutil.rmtree",
)
_LEAST_SECRET = 4  # characters; a shorter value occurs in other strings by chance

endpoints = []
_variables = {}


class Forbidden(RuntimeError):
    """The project's code tried what tracing does not allow."""


def forbid(event, args):
    """An audit hook; it can't be taken away again."""
    if event in _NETWORK or event in _PROCESSES or event in _CHANGES:
        raise Forbidden(f"{event} is not allowed while tracing")
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        if args[0] != os.devnull:
            raise Forbidden("writing files is not allowed while tracing")


def isolate():
    """Limits that hold for native code too, as far as the system grants them."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


# The SDK's stub -----------------------------------------------------------------------------------


def place():
    """Where the project's code calls the stub: the nearest frame outside of this file."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    if frame is None:
        return None
    positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    return {
        "file": frame.f_code.co_filename,
        "module": frame.f_globals.get("__name__", ""),
        "place": list(positions),
    }


def target_of(value):
    """A function or class that an endpoint was put on."""
    code = getattr(value, "__code__", None)
    return {
        "module": getattr(value, "__module__", None),
        "qualname": getattr(value, "__qualname__", None),
        "file": code.co_filename if code is not None else None,
        "line": code.co_firstlineno if code is not None else None,
        "kind": "class" if isinstance(value, type) else "function",
    }


class Endpoint:
    def __init__(self, name=None, *args, **config):
        if name is not None:
            config["name"] = name
        self.record = {
            **(place() or {}),
            "surplus": len(args),
            "arguments": {key: encode(value) for key, value in config.items()},
            "targets": [],
            "routes": [],
        }
        endpoints.append(self.record)

    def __call__(self, target):
        self.record["targets"].append({**(place() or {}), "target": target_of(target)})
        return target

    def __getattr__(self, verb):
        if verb not in ("get", "post", "put", "delete", "patch"):
            raise AttributeError(verb)

        def route(path=None, **_):
            where = place()

            def decorate(function):
                self.record["routes"].append(
                    {
                        **(where or {}),
                        "method": verb.upper(),
                        "path": encode(path),
                        "target": target_of(function),
                    }
                )
                return function

            return decorate

        return route


class Sdk:
    """`NetworkVolume(...)`, `PodTemplate(...)`."""

    def __init__(self, **config):
        self.config = config


class NetworkVolume(Sdk):
    pass


class PodTemplate(Sdk):
    pass


# Values -> JSON -----------------------------------------------------------------------------------


def encode(value, depth=0):
    if depth > 20:
        return {"unknown": "it is nested too deeply"}
    if value is None or (isinstance(value, (bool, int, float)) and not isinstance(value, Enum)):
        return {"value": value}
    if isinstance(value, Enum):
        return {"enum": [type(value).__name__, value.name]}
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
        return {kind: [encode(item, depth + 1) for item in items]}
    if isinstance(value, dict):
        return {"dict": [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in value.items()]}
    if isinstance(value, Sdk):
        kwargs = {key: encode(item, depth + 1) for key, item in value.config.items()}
        return {"sdk": type(value).__name__, "arguments": kwargs}
    return {"unknown": f"it is a `{type(value).__name__}`"}


def text(value):
    """A string; one that holds a variable's value is the variable, or nothing that may be told."""
    for name, content in _variables.items():
        if value == content:
            return {"variable": name}
    inside = [n for n, c in _variables.items() if len(c) >= _LEAST_SECRET and c in value]
    if not inside:
        return {"value": str(value)}
    name = max(inside, key=lambda n: len(_variables[n]))
    before, _, after = value.partition(_variables[name])
    if any(len(c) >= _LEAST_SECRET and c in before + "\0" + after for c in _variables.values()):
        return {"unknown": f"the value of `{name}` went into it, and others"}
    return {"parts": [before, name, after]}


def hidden(message):
    """A message without the values of variables."""
    for name, content in sorted(_variables.items(), key=lambda item: -len(item[1])):
        if len(content) >= _LEAST_SECRET:
            message = message.replace(content, f"${{{name}}}")
    return message


# Modules ------------------------------------------------------------------------------------------


class Anything(types.ModuleType):
    """Stands for a package that is not installed here: every attribute exists, every call works."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Thing()


class Thing:
    def __call__(self, *args, **_):
        only = args[0] if len(args) == 1 else None  # a decorator leaves what it decorates
        return only if callable(only) else Thing()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Thing()

    def __getitem__(self, _):
        return Thing()

    def __mro_entries__(self, _):
        return ()


class MissingPackages:
    """The last finder of all: what nobody else finds is no package of the project's."""

    def __init__(self, root):
        self.root = root

    def find_spec(self, name, path=None, target=None):
        top = os.path.join(self.root, name.partition(".")[0])
        if os.path.exists(top) or os.path.exists(f"{top}.py"):
            return None
        return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec):
        return Anything(spec.name)

    def exec_module(self, module):
        pass


def install_stub(catalogue):
    spec = importlib.util.spec_from_file_location("_flashc_catalogue", catalogue)
    enums = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(enums)
    for name in ("runpod_flash", "flashc"):
        module = types.ModuleType(name)
        module.__path__ = []
        for each in (Endpoint, NetworkVolume, PodTemplate):
            setattr(module, each.__name__, each)
        for each in vars(enums).values():
            if isinstance(each, type) and issubclass(each, Enum) and each is not Enum:
                setattr(module, each.__name__, each)
        sys.modules[name] = module


def main():
    root, catalogue, pipe, *modules = sys.argv[1:]
    answer = os.fdopen(int(pipe), "w", encoding="utf-8")
    _variables.update({k: v for k, v in os.environ.items() if v})
    install_stub(catalogue)
    sys.path.insert(0, root)
    sys.meta_path.append(MissingPackages(root))
    threading.stack_size(64 * 1024 * 1024)
    isolate()
    sys.addaudithook(forbid)
    failed = {}
    for name in modules:
        try:
            importlib.import_module(name)
        except BaseException as error:  # SystemExit too: the next module may be fine
            failed[name] = f"{type(error).__name__}: {hidden(str(error))}"
    json.dump({"endpoints": endpoints, "failed": failed}, answer)
    answer.flush()
    os._exit(0)  # threads that the modules started must not keep the process alive


if __name__ == "__main__":
    main()
