"""Make the file system of a small image for workers, from a Python of this machine and the libraries that it needs.

This needs no network.  If this machine has no Python of the version, `mmdebstrap` makes the image from Debian's packages.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from flashc_core import rules

from .base import EngineError, Report
from .interpreters import Interpreter, find_interpreter

DEBIAN_SUITES = {"3.11": "bookworm", "3.13": "trixie"}
"""The releases of Debian by their version of Python, for the versions that workers can have."""
CHANGES = (
    "WORKDIR /app",
    "ENV PATH=/usr/local/bin:/usr/bin:/bin",
    "ENV LANG=C.UTF-8",
    "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
)
"""The configuration of the image, as instructions of a Dockerfile."""

_SECONDS = 900
_LEFT_OUT = re.compile(
    r"/(tests?|idlelib|tkinter|turtledemo|lib2to3|_bundled|__pycache__|site-packages|dist-packages"
    r"|config-3[^/]*)(/|$)|_tkinter|\.a$"
)
_TOOLS = tuple(
    "sh bash env ls cat ps id mkdir rm cp ln chmod kill sleep head tail grep sed hostname".split()
)
_LIBRARY = re.compile(r"(?:=>\s+)?(/\S+\.so\S*) \(0x")
# Python packages need these libraries, but `ldd` does not list them, or lists old names of parts of the C library.
_LIBRARY_PACKAGES = ("libc6", "libstdc++6", "libgcc-s1", "libgomp1", "zlib1g")
_FOLDERS = tuple(
    "usr/bin usr/sbin usr/lib usr/lib64 usr/local etc proc sys dev run var/tmp root app opt/flashc "
    "runpod-volume".split()
)
_TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "hosts: files dns\npasswd: files\ngroup: files\n",
    "etc/os-release": 'ID=flashc-worker\nNAME="flashc worker"\n',
}
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def make_rootfs(version: str, target: Path, report: Report) -> None:
    """Write the tar file of an image with this version of Python.

    Raises:
        EngineError: this machine has neither that Python nor `mmdebstrap` with a Debian that has it.
        OSError: the file can't be written.
    """
    interpreter = find_interpreter(version)
    if interpreter is not None:
        report(f"making an image from the Python {version} in {interpreter.prefix}")
        _write_image(interpreter, target)
        return
    suite = DEBIAN_SUITES.get(version)
    program = shutil.which("mmdebstrap")
    if suite is None or program is None:
        raise EngineError(
            rules.IMAGE_MISSING,
            f"flashc can't make an image with Python {version} on this machine",
            help=(
                f"name one with `--image`, such as `--image python:{version}-slim`",
                f"or install that Python with `uv python install {version}`"
                + (", or install mmdebstrap" if suite else ""),
            ),
        )
    report(f"making an image from Debian {suite}; this takes a minute or two")
    packages = "python3,python-is-python3,ca-certificates,libgomp1,libstdc++6"
    done = subprocess.run(
        [program, "--variant=essential", f"--include={packages}", suite, str(target)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode:
        raise EngineError(
            rules.IMAGE_MISSING,
            f"`mmdebstrap` can't make an image with Python {version}",
            notes=tuple(done.stderr.strip().splitlines()[-5:]),
            help=(f"name an image with `--image`, such as `--image python:{version}-slim`",),
        )


def _write_image(interpreter: Interpreter, target: Path) -> None:
    """Write an image with a copy of a Python, the libraries that its files need, and a few tools."""
    program = os.path.realpath(interpreter.executable)
    files = sorted(_files_of(str(interpreter.library)))
    tools = [path for name in _TOOLS if (path := shutil.which(name, path="/usr/bin:/bin"))]
    binaries = [program, *tools, *(path for path in files if ".so" in path)]
    libraries = sorted(set(_find_libraries(binaries)))
    place = _Places(str(interpreter.prefix))
    with tarfile.open(target, "w") as archive:
        for folder in _FOLDERS:
            archive.addfile(_folder(folder))
        archive.addfile(_folder("tmp", 0o1777))
        for name in ("bin", "sbin", "lib", "lib64"):
            archive.addfile(_link(name, f"usr/{name}"))
        for path in (program, *files):
            archive.add(path, place.of(path), recursive=False)
        for path in (*libraries, *tools):
            archive.add(os.path.realpath(path), place.of(path), recursive=False)
            if ".so" in path and place.of(path).startswith("usr/local/"):
                archive.addfile(_link(f"usr/lib/{os.path.basename(path)}", f"/{place.of(path)}"))
        for name in ("python", "python3"):
            archive.addfile(_link(f"{place.programs}/{name}", os.path.basename(program)))
        if os.path.exists(_CERTIFICATES):
            archive.add(os.path.realpath(_CERTIFICATES), _CERTIFICATES.lstrip("/"))
        for name, text in _TEXTS.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o644
            archive.addfile(info, io.BytesIO(text.encode("ascii")))


class _Places:
    """The paths of files in the image.

    The files of a Python outside of /usr go to /usr/local.  In the image, /bin, /lib and the like are links to folders
    in /usr.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._is_system = prefix == "/usr"
        self.programs = "usr/bin" if self._is_system else "usr/local/bin"

    def of(self, path: str) -> str:
        """Return the path that a file of this machine has in the image."""
        if not self._is_system and path.startswith(f"{self._prefix}/"):
            return f"usr/local/{os.path.relpath(path, self._prefix)}"
        return re.sub(r"^/(bin|sbin|lib|lib64)/", r"/usr/\1/", path).lstrip("/")


def _files_of(folder: str) -> Iterator[str]:
    """Yield the files and links that workers can need from the folder of Python's library."""
    for parent, names, files in os.walk(folder):
        names[:] = [name for name in names if not _LEFT_OUT.search(f"/{name}/")]
        for name in files:
            path = os.path.join(parent, name)
            if not _LEFT_OUT.search(path.removeprefix(folder)):
                yield path


def _find_libraries(programs: Iterable[str]) -> Iterator[str]:
    """Run `ldd` and `dpkg`, and yield the shared libraries that programs and extension modules need."""
    binaries = [path for path in programs if _is_binary(path)]
    linked = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False)
    yield from (match[1] for match in _LIBRARY.finditer(linked.stdout))
    listed = subprocess.run(
        ["dpkg", "-L", *_LIBRARY_PACKAGES], capture_output=True, text=True, check=False
    )
    for path in listed.stdout.split():
        if ".so" in path and "/gconv/" not in path and os.path.isfile(path):
            yield path


def _is_binary(path: str) -> bool:
    """Read whether a file is a program or a library (ELF)."""
    with open(path, "rb") as stream:
        return stream.read(4) == b"\x7fELF"


def _folder(name: str, mode: int = 0o755) -> tarfile.TarInfo:
    """Return the tar entry of a folder."""
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, mode
    return info


def _link(name: str, target: str) -> tarfile.TarInfo:
    """Return the tar entry of a symbolic link."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info
