"""Import modules with stubs for SDKs, and list their endpoints: the separate process of `--trace`.

`trace_process` runs this file as a script, usually in a sandbox.  The script uses only the standard
library.  It reads from standard input, as JSON: the project's root, the stubs (a list of [dialect,
file, further files that it needs]), the names of modules, and two sets of environment variables: some with
placeholders, others with their values.  It writes the result to standard output.

The audit hook refuses the usual ways to reach the network, start a process, or write a file, with an
exception that names them.  It alone is not a sandbox.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import math
import os
import resource
import sys
import threading
import types
from enum import Enum

CPU_SECONDS, MEMORY, FILE_SIZE, FILES, THREADS = 60, 4 * 1024**3, 64 * 1024**2, 256, 4096
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_NETWORK = (
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.sendto",
    "socket.sendmsg",
    "urllib.Request",
)
_PROCESSES = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "os.kill",
    "os.killpg",
)
_CHANGES = (
    "os.truncate",
    "os.chmod",
    "os.chown",
    "os.utime",
    "os.setxattr",
    "os.removexattr",
    "sqlite3.connect",
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
_own_files = {__file__}


class Forbidden(RuntimeError):
    """Raised in the project's code when it does what tracing does not allow."""


def forbid(event, args):
    """Refuse the usual ways to use the network, to start or end processes, and to write or change files.

    This is an audit hook, which code can't remove.
    """
    if event in _NETWORK or event in _PROCESSES or event in _CHANGES:
        raise Forbidden(f"{event} is not allowed while tracing")
    if event == "open" and args[0] != os.devnull:
        mode, flags = args[1:]
        is_writing = set(mode) & set("wax+") if isinstance(mode, str) else flags & _WRITES
        if is_writing:
            raise Forbidden("writing files is not allowed while tracing")


def isolate(is_in_sandbox):
    """Limit CPU time, memory, threads and files; without a sandbox, try to take the network away.

    This holds for native code too.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    for kind, most in ((resource.RLIMIT_NOFILE, FILES), (resource.RLIMIT_NPROC, THREADS)):
        allowed = resource.getrlimit(kind)[1]
        most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(kind, (most, most))
    if sys.platform == "linux" and not is_in_sandbox:
        ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


# What the stubs of SDKs record ----------------------------------------------------------------------


def call_site():
    """Return where the project's code calls a stub.

    That is the nearest frame outside of this file and the stubs' main files.  The further files that a
    stub needs do not count as parts of the stub.
    """
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename in _own_files:
        frame = frame.f_back
    if frame is None:
        return {}
    positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    return {
        "file": frame.f_code.co_filename,
        "module": frame.f_globals.get("__name__", ""),
        "position": list(positions),
    }


def target_of(value):
    """Return a record of a function or class that an endpoint decorates."""
    code = getattr(value, "__code__", None)
    return {
        "module": getattr(value, "__module__", None),
        "qualname": getattr(value, "__qualname__", None),
        "file": code.co_filename if code is not None else None,
        "line": code.co_firstlineno if code is not None else None,
        "kind": "class" if isinstance(value, type) else "function",
    }


class Declaration:
    """An endpoint that the program declares."""

    def __init__(self, dialect, arguments, problem):
        """Record the declaration; `problem` says what is wrong with it."""
        self.record = {
            "dialect": dialect,
            **call_site(),
            "arguments": {key: encode(value) for key, value in arguments.items()},
            "problem": problem,
            "targets": [],
            "routes": [],
        }
        endpoints.append(self.record)

    def decorates(self, target):
        """Record that the endpoint decorates a function or class."""
        self.record["targets"].append({**call_site(), "target": target_of(target)})

    def route(self, method, path):
        """Return the decorator of a route, which records the function; `method` as in "GET"."""
        where = {**call_site(), "method": method, "path": encode(path)}

        def decorate(function):
            self.record["routes"].append({**where, "target": target_of(function)})
            return function

        return decorate


class Opaque:
    """An object of an SDK that holds its keyword arguments."""

    dialect = ""

    def __init__(self, **config):
        """Store the arguments."""
        self.config = config


class Tracer:
    """What a stub gets to record endpoints: `declare(arguments)`, and a base class for its objects."""

    def __init__(self, dialect):
        """Make the tracer of one dialect."""
        self.dialect = dialect
        self.Opaque = type("Opaque", (Opaque,), {"dialect": dialect})

    def declare(self, arguments, problem=None):
        """Record an endpoint; `problem` says what is wrong with its declaration."""
        return Declaration(self.dialect, arguments, problem)


# Values -> JSON -----------------------------------------------------------------------------------


def encode(value, depth=0):
    """Return a value as JSON data, or the reason why JSON can't describe it."""
    if depth > 20:
        return {"unknown": "it is nested too deeply"}
    if value is None or (isinstance(value, (bool, int, float)) and not isinstance(value, Enum)):
        return number(value)
    if isinstance(value, Enum):
        return {"enum": [type(value).__name__, value.name]}
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
        return {"sequence": [kind, [encode(item, depth + 1) for item in items]]}
    if isinstance(value, dict):
        return {"pairs": [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in value.items()]}
    if isinstance(value, Opaque):
        kwargs = {key: encode(item, depth + 1) for key, item in value.config.items()}
        return {"sdk": type(value).__name__, "dialect": value.dialect, "arguments": kwargs}
    return {"unknown": f"it is a `{type(value).__name__}`"}


def number(value):
    """Return None, a boolean or a number as JSON data."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"unknown": "it is not a finite number"}
    if isinstance(value, int) and abs(value) >= 2**63:
        return {"unknown": "it is a number of more than 18 digits"}
    return {"value": value}


def text(value):
    """Return a string as JSON data.

    A string that contains the value of a variable becomes a reference to it, or unknown.
    """
    if not value.isascii() and value.encode(errors="ignore").decode() != value:
        return {"unknown": "it contains half of a character (a lone surrogate)"}
    for name, content in _variables.items():
        if value == content:
            return {"variable": name}
    inside = [n for n, c in _variables.items() if c in value]
    if not inside:
        return {"value": str(value)}
    name = max(inside, key=lambda n: len(_variables[n]))
    before, _, after = value.partition(_variables[name])
    if any(c in before + "\0" + after for c in _variables.values()):
        return {"unknown": f"it contains the values of `{name}` and of other variables"}
    return {"parts": [before, name, after]}


def hidden(message):
    """Return a message with the values of environment variables hidden."""
    for name, content in sorted(_variables.items(), key=lambda item: -len(item[1])):
        message = message.replace(content, f"${{{name}}}")
    return message.encode(errors="backslashreplace").decode()


# Modules ------------------------------------------------------------------------------------------


class Anything(types.ModuleType):
    """A package that is not installed here: every call works, and every attribute exists whose name does not begin with `__`."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Thing()


class Thing:
    """An attribute of a package that is not installed, or the result of a call of it."""

    def __call__(self, *args, **_):
        """Return the function if this is called as a decorator, else a `Thing`."""
        # Called with one function: assume a decorator, return the function unchanged.
        only = args[0] if len(args) == 1 else None
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
    """Makes an `Anything` for each module that is neither the project's nor installed.

    Python asks this finder last.
    """

    def __init__(self, root):
        """Make the finder of the project at `root`."""
        self.root = root

    def find_spec(self, name, path=None, target=None):
        """Return a spec for a module that is not the project's."""
        top = os.path.join(self.root, name.partition(".")[0])
        if os.path.exists(top) or os.path.exists(f"{top}.py"):
            return None
        return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec):
        """Return the replacement of a module."""
        return Anything(spec.name)

    def exec_module(self, module):
        """Do nothing, because the replacement has no code."""


def load(path):
    """Return the module in a file."""
    name = "_flashc_" + os.path.basename(path).removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def install_stub(dialect, path, *support):
    """Replace the packages of an SDK by those of a stub.

    The file `path` defines `install(tracer, *support)`, which returns the packages' names and
    attributes.
    """
    _own_files.add(path)
    for name, attributes in load(path).install(Tracer(dialect), *map(load, support)).items():
        module = types.ModuleType(name)
        module.__path__ = []
        vars(module).update(attributes)
        sys.modules[name] = module


def main():
    """Import the modules, and write what they declare to standard output."""
    question = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    devnull = os.open(os.devnull, os.O_RDWR)
    os.dup2(devnull, 0)
    os.dup2(devnull, 1)
    given = question["variables"] | question["stated"]
    _variables.update({k: v for k, v in given.items() if len(v) >= _LEAST_SECRET})
    os.environ.clear()
    os.environ.update(given)
    root, modules = question["root"], question["modules"]
    for stub in question["stubs"]:
        install_stub(*stub)
    sys.path.insert(0, root)
    sys.meta_path.append(MissingPackages(root))
    threading.stack_size(64 * 1024 * 1024)
    isolate(question["is_in_sandbox"])
    sys.addaudithook(forbid)
    failed = {}
    for name in modules:
        try:
            importlib.import_module(name)
        except (
            BaseException
        ) as error:  # SystemExit too: the next module may be imported all the same
            failed[name] = f"{type(error).__name__}: {hidden(str(error))}"
    json.dump({"endpoints": endpoints, "failed": failed}, answer)
    answer.flush()
    os._exit(0)  # threads that the modules started must not keep the process alive


if __name__ == "__main__":
    main()
