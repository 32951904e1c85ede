"""Run a worker: the handler of an unpacked artifact under the worker SDK, or its FastAPI app under uvicorn.

The only argument is a JSON object with the settings of the worker:

- `kind`: "queue" or "load-balanced".
- `app`: the folder with the unpacked artifact.
- `artifact`: an archive to unpack into `app` first, or absent.
- `layer`: a folder of packages that the interpreter does not find itself, or null.
- `python`: the version that the artifact's packages are for, such as "3.12".
- `host`, `port`: the address on which a load-balanced worker listens; with the port 0, it takes a free one.
- `announce`: true if the worker has to write its port to the file descriptor 3.
- `tether`: true if the worker has to end when its standard input ends.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import signal
import site
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any, NoReturn

_PORT_DESCRIPTOR = 3  # the file descriptor
_KEEP_ALIVE = 600  # seconds, as in the worker image


def main() -> None:
    """Serve with the settings of the command line."""
    run(json.loads(sys.argv[1]))


def run(settings: dict[str, Any]) -> None:
    """Prepare the process, and serve until the platform ends the worker."""
    if settings["tether"]:
        _end_with_standard_input()
    if os.getpid() == 1:
        # The kernel gives the first process of a container no default action for signals.
        signal.signal(signal.SIGTERM, _exit_on_signal)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version != settings["python"]:
        sys.exit(f"the app is compiled for Python {settings['python']}, this is {version}")
    if settings.get("artifact"):
        _unpack(settings["artifact"], settings["app"])
    os.chdir(settings["app"])
    if settings["layer"]:
        site.addsitedir(settings["layer"])
    # As in the worker image, the artifact is first on the path.  The handler must not see this program's arguments.
    sys.path[:] = [settings["app"], *sys.path[1:]]
    sys.argv = ["handler.py"]
    if settings["kind"] == "queue":
        _serve_jobs()
    else:
        _serve_requests(settings)


def _load(name: str) -> ModuleType:
    """Import the handler of the resource that `FLASH_RESOURCE_NAME` names, as the module `name`.

    Raises:
        RuntimeError: the artifact has no such handler.
        Exception: any exception that the user's modules raise when they are imported.
    """
    resource = os.environ.get("FLASH_RESOURCE_NAME", "")
    path = os.path.abspath(f"handler_{resource}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    if not os.path.isfile(path) or spec is None or spec.loader is None:
        raise RuntimeError(f"the artifact has no handler_{resource}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _unpack(artifact: str, folder: str) -> None:
    """Unpack the artifact, as the worker image does.

    flashc's artifacts contain no path outside the folder, so extraction is safe without `data_filter` too.
    """
    import tarfile

    with tarfile.open(artifact) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(folder, filter="data")
        else:
            archive.extractall(folder)


# Ending the process -----------------------------------------------------------------------------


def _exit_on_signal(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Exit with the code for SIGTERM; this is the handler of the signal."""
    sys.exit(128 + signal.SIGTERM)


def _end_with_standard_input() -> None:
    """End this process when standard input ends; give the program an empty standard input instead."""
    tether = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait() -> NoReturn:
        """Wait for the end of standard input, then end the process at once."""
        while os.read(tether, 4096):
            pass
        os._exit(128 + signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


# Queues -------------------------------------------------------------------------------------------


def _serve_jobs() -> None:
    """Serve jobs with the handler under the worker SDK."""
    import runpod  # type: ignore[import-not-found, unused-ignore]  # it is in the worker's packages

    handler = _load(f"handler_{os.environ.get('FLASH_RESOURCE_NAME', '')}").handler
    runpod.serverless.start(_configuration(handler))


def _configuration(handler: Callable[..., Any]) -> dict[str, Any]:
    """Return the configuration of the SDK for a handler.

    The worker image passes only the handler to the SDK.  Here, the configuration also has the number of jobs that the
    handler can run at once, and the option for generators, both of which the handler's file sets when it runs as a
    script.
    """
    configuration: dict[str, Any] = {"handler": _with_await(handler)}
    if inspect.isasyncgenfunction(handler) or inspect.isgeneratorfunction(handler):
        configuration = {"handler": handler, "return_aggregate_stream": True}
    own: Any = getattr(handler, "max_concurrency", 1)
    limit = int(os.environ.get("RUNPOD_MAX_CONCURRENCY") or own)
    if limit > 1:

        def concurrency(_current: int) -> int:
            """Return the number of jobs that the worker runs at once."""
            return limit

        configuration["concurrency_modifier"] = concurrency
    return configuration


def _with_await(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return the handler as an `async` function that awaits its result if necessary."""

    async def run(job: dict[str, Any]) -> Any:
        """Call the handler with a job."""
        result = handler(job)
        return await result if inspect.isawaitable(result) else result

    return run


# Load balancers -----------------------------------------------------------------------------------


def _serve_requests(settings: dict[str, Any]) -> None:
    """Serve the app of the handler.

    The port is bound before the app is imported, but connections are refused until the server listens.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings["host"], settings["port"]))
        port = listener.getsockname()[1]
        os.environ["PORT"] = os.environ["PORT_HEALTH"] = str(port)
        if settings["announce"]:
            os.write(_PORT_DESCRIPTOR, b"%d\n" % port)
            os.close(_PORT_DESCRIPTOR)
        import uvicorn

        app = _with_health_check(_load("user_main").app)
        config = uvicorn.Config(app, timeout_keep_alive=_KEEP_ALIVE)
        uvicorn.Server(config).run(sockets=[listener])


def _with_health_check(app: Any) -> Any:
    """Add a route for the health check to an app that has none, and return the app.

    Raises:
        TypeError: `app` is not an app of FastAPI; the worker image accepts no other.
    """
    from fastapi import FastAPI

    if not isinstance(app, FastAPI):
        raise TypeError(f"`app` is a {type(app).__name__}, not a FastAPI")
    if not any(getattr(route, "path", None) == "/ping" for route in app.routes):
        app.add_api_route("/ping", _healthy, methods=["GET"])
    return app


def _healthy() -> dict[str, str]:
    """Answer the health check."""
    return {"status": "healthy"}


if __name__ == "__main__":
    main()
