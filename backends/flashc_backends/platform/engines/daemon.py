"""Connect to the Docker daemon, and turn its errors into errors of the engine."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

import docker
import docker.errors
import requests

from flashc_core import rules

from .base import EngineError, WorkerSpec

THREADS = 64
"""The threads of an engine, and its connections to the daemon; stopping a container occupies one for the whole grace."""
_SECONDS = 120
_ADDRESS = "unix:///var/run/docker.sock"
_HELP = "correct what the daemon reports in the note"


@contextmanager
def engine_errors(message: str) -> Generator[None, None, None]:
    """Turn an error of the daemon in the `with` block into an `EngineError` with this message.

    Raises:
        EngineError: the daemon refuses, or does not answer.
    """
    try:
        yield
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineError(
            rules.ENGINE_FAILED,
            message,
            notes=(_reason_of(error)[:500],),
            help=(_HELP, "or pass `--engine process`, which needs no Docker"),
        ) from error


def _reason_of(error: Exception) -> str:
    """Return what the daemon says about an error."""
    return str(getattr(error, "explanation", None) or error)


def connect() -> docker.DockerClient:
    """Connect to the daemon.

    Raises:
        EngineError: no daemon answers.
    """
    address = os.environ.get("DOCKER_HOST") or _ADDRESS
    try:
        path = address.removeprefix("unix://")
        if path != address and not os.path.exists(path):
            raise FileNotFoundError(f"there is no {path}")
        client = docker.from_env(timeout=_SECONDS, max_pool_size=THREADS)
        client.ping()
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineError(
            rules.ENGINE_MISSING,
            "no Docker daemon answers",
            notes=(str(error)[:300],),
            help=(
                "start Docker, or set DOCKER_HOST to the address of its daemon",
                "or pass `--engine process`, which needs no Docker",
            ),
        ) from error
    return client


def start_error(spec: WorkerSpec, error: Exception) -> EngineError:
    """Return the error for a container that the daemon does not start."""
    explanation = _reason_of(error)
    help_ = (_HELP,)
    if "executable file not found" in explanation:
        help_ = (f"the image needs Python {spec.python} as `python` on its PATH",)
    return EngineError(
        rules.ENGINE_FAILED,
        f"Docker can't start a worker of `{spec.label}`",
        notes=(explanation[:500],),
        help=help_,
    )
