"""Make the sandbox of `--trace`: what the process sees of this machine, and what it may ask the system for.

The sandbox is bubblewrap's.  The process has no network, its own processes, a read-only file system
with only the system's programs, Python, and a copy of the files that go into the artifact, and a
scratch folder in memory.  The kernel refuses to make sockets and processes (seccomp).
"""

from __future__ import annotations

import os
import platform
import shutil
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from flashc.project.project import Project
from flashc_core.bubblewrap import find_bubblewrap, mounts_of_system

_NAMESPACES = ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL")
_SCRATCH, _SHARED = str(256 * 1024**2), str(64 * 1024**2)  # bytes of `/tmp` and of `/dev/shm`
_LARGE = 1_000_000  # bytes; a larger file is mounted and not copied
_MOST_MOUNTS = 1000
# Files outside of `/usr` that programs need to start.
_CONFIGURATION = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/alternatives", "/etc/localtime")


# Numbers of the system calls that are refused, for x86_64 and aarch64; None if there is no such call.
# Source: the kernel's `unistd.h`.
_REFUSED: Mapping[str, tuple[int, int | None]] = {
    # sockets, and requests that a filter does not see
    "socket": (41, 198),
    "io_uring_setup": (425, 425),
    # processes, and other processes' memory and files
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # keys, programs in the kernel, faults handled by programs, counters, messages of the kernel
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "syslog": (103, 116),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # modes, owners and times of files: the devices in `/dev` are those of the machine
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    # memory that no limit of a process counts
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
}
_CLONE, _CLONE3 = (56, 220), 435
_CLONE_THREAD = 0x00010000
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_ALLOW, _REFUSE, _UNKNOWN, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000  # EPERM, ENOSYS
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _JUMP_IF_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_OTHER_INTERFACE = 0x40000000  # x86_64 has a second set of numbers from here


class Sandbox(Struct, frozen=True):
    """The path of `bwrap`, and the filter for system calls."""

    program: str
    call_filter: bytes


def find_sandbox() -> Sandbox | str:
    """Return the sandbox that this machine has; the reason if it has none."""
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES:
        return f"there is no sandbox for {sys.platform} on {platform.machine()}"
    program = find_bubblewrap(_NAMESPACES)
    if program is not None:
        return Sandbox(program, _call_filter(platform.machine()))
    if shutil.which("bwrap") is None:
        return "`bwrap` (bubblewrap) is not installed"
    return "the system does not let `bwrap` make namespaces"


def without_sandbox(reason: str) -> str:
    """Return which layers are missing if code runs without a sandbox, and why."""
    return (
        f"without a sandbox, because {reason}: without a read-only file system, without a network and "
        "processes of its own, and without a filter for system calls"
    )


def sandbox_options(
    sandbox: Sandbox, project: Project, scratch: Path, seen: Iterable[Path], filter_file: int
) -> list[str]:
    """Return the command that starts another one in the sandbox.

    `scratch` is an empty folder, which gets the copy of the project.  `seen` are further files that
    the process sees.  `filter_file` is an open file with the filter for system calls.
    """
    line = [sandbox.program, *_NAMESPACES, "--hostname", "flashc"]
    line += [*mounts_of_system(configuration=False), *_kernel_mounts()]
    line += ["--size", _SCRATCH, "--tmpfs", "/tmp"]
    for path in _CONFIGURATION:
        line += ["--ro-bind-try", path, path]
    large = copy_project(project, scratch)
    line += ["--ro-bind", str(scratch), str(project.root)]
    mounted = [*_python_folders(), *(str(project.root / path) for path in large), *map(str, seen)]
    for path in mounted:
        _make_mount_point(Path(path), project.root, scratch)
        line += ["--ro-bind", path, path]
    line += ["--remount-ro", "/", "--seccomp", str(filter_file)]
    return [*line, "--chdir", str(project.root), "--"]


def _kernel_mounts() -> Iterator[str]:
    """Yield the options that mount `/proc` and `/dev` read-only.

    The settings of the kernel in `/proc/sys` belong to "root", also to that of a sandbox.
    """
    yield from ("--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev")
    yield from ("--size", _SHARED, "--tmpfs", "/dev/shm", "--remount-ro", "/dev")


def copy_project(project: Project, target: Path) -> list[str]:
    """Copy the files that go into the artifact; return the paths of those that are too large for a copy.

    Other files of the folder, such as `.env`, are not copied.
    """
    large: list[str] = []
    modules = set(project.modules.values())
    for file in project.files:
        source, copy = project.root / file.path, target / file.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.path in modules or source.stat().st_size <= _LARGE:
            copy.write_bytes(project.read(file.path))
        elif len(large) < _MOST_MOUNTS:
            large.append(file.path)
    return large


def _make_mount_point(path: Path, root: Path, scratch: Path) -> None:
    """Make an empty file or folder in the copy of the project, in place of what is mounted there."""
    if not path.is_relative_to(root):
        return
    copy = scratch / path.relative_to(root)
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        copy.mkdir(exist_ok=True)
    else:
        copy.touch()


def _python_folders() -> Iterator[str]:
    """Yield the folders of the running Python outside of `/usr`, also those that its links lead through."""
    found = {sys.prefix, sys.base_prefix, sys.exec_prefix}
    link = sys.executable
    while os.path.islink(link):
        link = os.path.join(os.path.dirname(link), os.readlink(link))
        found.add(os.path.dirname(os.path.dirname(os.path.abspath(link))))
    found |= {os.path.realpath(folder) for folder in found}
    for folder in sorted(found):
        if not folder.startswith("/usr/") and folder not in ("/usr", "/"):
            yield folder


def _call_filter(machine: str) -> bytes:
    """Return the filter that refuses some system calls, as a program of the kernel's packet filter.

    A process may start threads, and no other process.  `clone3`, whose arguments a filter can't see, does not
    exist for it, so that the C library uses `clone`.
    """
    column, architecture = _ARCHITECTURES[machine]
    rules = [
        (_LOAD, 0, 0, 4),  # the processor's architecture
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # the number of the call
        (_JUMP_IF_AT_LEAST, 0, 1, _OTHER_INTERFACE),
        (_RETURN, 0, 0, _REFUSE),
    ]
    numbers = (found[column] for found in _REFUSED.values())
    answers = [(number, _REFUSE) for number in numbers if number is not None]
    for number, answer in (*answers, (_CLONE3, _UNKNOWN)):
        rules += [(_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]
    rules += [
        (_JUMP_IF_EQUAL, 0, 3, _CLONE[column]),
        (_LOAD, 0, 0, 16),  # its first argument
        (_JUMP_IF_SET, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *rule) for rule in rules)
