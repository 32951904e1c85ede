"""Run a Docker daemon with what both previews start from, until standard input ends.

Usage: python docker_programs.py PYTHON

It runs in the environment in which flashc is installed, and prints the daemon's address as a line of JSON, or why there
is none.  No registry is needed: the images of `runpod-flash` are replaced by ones of the same names, which the code of
flashc that makes images for workers makes from a Python of this machine.  They have the packages of the worker image, with
compiled modules, and do what is known of that image: unpack the artifact and serve the routes of a load balancer.  A
queue's worker imports its handler and waits, because a preview of `runpod-flash` has no source of jobs for it.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path

import docker

from flashc_backends.platform.engines.layers import LINUX, ensure_layer
from flashc_backends.platform.engines.rootfs import CHANGES, make_rootfs
from flashc_core.cache import open_store
from tests.support.docker_daemon import NoDaemon, daemon

_TAG = "py3.12-latest"  # `flash deploy --preview` names it, whatever `--python-version` says
_IMAGES = ("runpod/flash-lb-cpu", "runpod/flash-cpu")
_START = """
import importlib, os, sys, tarfile, time

with tarfile.open("/root/.runpod/artifact.tar.gz") as archive:
    archive.extractall("/app")
os.chdir("/app")
module = "handler_" + os.environ["FLASH_RESOURCE_NAME"]
if os.environ.get("FLASH_ENDPOINT_TYPE") == "lb":
    program = [sys.executable, "-m", "uvicorn", module + ":app", "--host", "0.0.0.0", "--port", "80"]
    os.execv(sys.executable, program)
sys.path.insert(0, "/app")
importlib.import_module(module)
time.sleep(3600)
"""


def _make_images(address: str, python: str) -> None:
    """Make the images that `runpod-flash` names."""
    layer = ensure_layer(open_store().folder, python, LINUX, lambda _text: None)
    client = docker.DockerClient(base_url=address, timeout=600)
    with tempfile.TemporaryDirectory(prefix="flashc-bench-image-") as folder:
        archive = Path(folder, "rootfs.tar")
        make_rootfs(python, archive, lambda _text: None)
        with tarfile.open(archive, "a") as files:
            files.add(layer, f"usr/local/lib/python{python}/site-packages")
            info = tarfile.TarInfo("start.py")
            info.size = len(_START)
            files.addfile(info, io.BytesIO(_START.encode()))
        changes = [*CHANGES, 'CMD ["python", "/start.py"]']
        for image in _IMAGES:
            client.api.import_image_from_file(str(archive), image, _TAG, changes=changes)
    client.close()


def main(python: str) -> None:
    """Run the daemon; without one, say why."""
    try:
        with daemon() as address:
            _make_images(address, python)
            print(json.dumps({"address": address}), flush=True)
            sys.stdin.read()
    except NoDaemon as error:
        print(json.dumps({"missing": str(error)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
