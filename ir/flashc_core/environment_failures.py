"""Tell exceptions that the machine is the reason for from bugs: a full disk, a limit, a wrong variable."""

from __future__ import annotations

import errno
from collections.abc import Mapping

_LATEST_EPOCH = 2**32 - 1
_RESERVED_BYTES = 2 << 20
_reserve = b""


class EnvironmentFailure(Exception):
    """The machine or an environment variable does not let flashc go on; the text says what to do."""


_MEMORY = "there is not enough memory: end other programs, or raise the limit (`ulimit -v`)"
_STARTS = "no process or thread can be started: raise the limits (`ulimit -u`, `ulimit -v`)"
_SPACE = "nothing more can be written: free space on the disk, or raise the limit (`ulimit -f`)"
_FILES = "too many files are open: raise the limit (`ulimit -n`)"
_TEMPORARY = "no folder for temporary files can be written: set TMPDIR to one, or free space in it"
_BY_NUMBER = {
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: _STARTS,
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: _SPACE,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
}
_OF_THE_MACHINE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENXIO, errno.ENODEV, errno.ELOOP}
    | {errno.ENAMETOOLONG, errno.ESTALE, errno.ENOTCONN, errno.ETXTBSY, errno.EBUSY, errno.ENOSYS}
)
_BY_TEXT = {
    "can't start new thread": _STARTS,
    "failed to map segment": _MEMORY,
    "cannot allocate memory": _MEMORY,
    "No usable temporary directory": _TEMPORARY,
    "too many open files": _FILES,
}


def hold_reserve() -> None:
    """Keep memory back for `environment_failure`, which may be called where none is left.

    It takes address space only, as nothing is written to it.
    """
    global _reserve
    _reserve = bytes(_RESERVED_BYTES)


def environment_failure(error: BaseException) -> str | None:
    """Return in one line what the machine lacks if that is the reason for an exception, else None."""
    global _reserve
    _reserve = b""
    for each in _reasons(error):
        found = _failure(each)
        if found is not None:
            return found
    return None


def _reasons(error: BaseException) -> list[BaseException]:
    """Return an exception, those of a group, and those that it was raised from."""
    pending: list[BaseException | None] = [error]
    reasons: dict[int, BaseException] = {}
    while pending:
        each = pending.pop()
        if each is None or id(each) in reasons:
            continue
        reasons[id(each)] = each
        pending += (each.__context__, each.__cause__)
        if isinstance(each, BaseExceptionGroup):
            pending += each.exceptions
    return list(reasons.values())


def _failure(error: BaseException) -> str | None:
    """Return what the machine lacks, from one exception."""
    if isinstance(error, EnvironmentFailure):
        return str(error)
    if isinstance(error, MemoryError) or (isinstance(error, SystemError) and _has_memory_limit()):
        return _MEMORY  # some of Python's own code raises the second error if it gets no memory
    if isinstance(error, OSError) and error.errno in _BY_NUMBER:
        return _BY_NUMBER[error.errno]
    if isinstance(error, (OSError, RuntimeError, ImportError)):
        text = str(error)
        found = next((advice for part, advice in _BY_TEXT.items() if part in text), None)
        if found is not None:
            return found
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        named = f": {str(error.filename)!r}" if error.filename is not None else ""
        return f"the system refuses it: {error.strerror}{named}"
    return None


def _has_memory_limit() -> bool:
    """Return whether this process may use only a part of the memory, as after `ulimit -v`."""
    try:
        import resource
    except (ImportError, MemoryError):
        return True
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def source_date(environ: Mapping[str, str]) -> int | None:
    """Return the seconds in `SOURCE_DATE_EPOCH`; None if the variable is not set.

    Raises:
        EnvironmentFailure: it is no number of seconds since 1970.
    """
    text = environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    if text.isascii() and text.isdecimal() and len(text) < 12 and int(text) <= _LATEST_EPOCH:
        return int(text)
    raise EnvironmentFailure(
        f"SOURCE_DATE_EPOCH is {text[:40]!r}: set it to a number of seconds from 0 to "
        f"{_LATEST_EPOCH}, or unset it"
    )
