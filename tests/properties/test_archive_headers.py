"""The header of a file in an artifact is the one that `tarfile` writes."""

from __future__ import annotations

import tarfile

from hypothesis import example, given
from hypothesis import strategies as st

from flashc_backends.archive import header_of

_LAST = 8**11 - 1  # the largest number in a field of eleven octal digits


def _header_by_tarfile(path: str, size: int, mtime: int, *, executable: bool) -> bytes:
    info = tarfile.TarInfo(f"./{path}")
    info.size, info.mtime, info.mode = size, mtime, 0o755 if executable else 0o644
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


@given(
    path=st.text(min_size=1) | st.text("ab/._", min_size=90, max_size=110),
    size=st.integers(0, 2**40) | st.sampled_from([0, _LAST, _LAST + 1]),
    mtime=st.integers(0, 2**32) | st.sampled_from([0, _LAST, _LAST + 1]),
    executable=st.booleans(),
)
@example("a" * 98, _LAST, 0, True)
@example("a" * 99, _LAST, _LAST, False)
@example("é.py", 1, 315532800, False)
def test_a_header_is_that_of_tarfile(path: str, size: int, mtime: int, executable: bool) -> None:
    try:
        expected = _header_by_tarfile(path, size, mtime, executable=executable)
    except UnicodeEncodeError:  # a surrogate, for which neither has a header
        expected = None
    try:
        found = header_of(path, size, mtime, executable=executable)
    except UnicodeEncodeError:
        found = None
    assert found == expected
