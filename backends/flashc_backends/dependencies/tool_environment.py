"""Say which environment variables a package tool gets, and start it away from the project.

A tool starts in an empty folder, so that it finds no configuration and no module of the project.  A
tool that may run build scripts of packages gets no variables but those that it needs itself, and none
with a credential: what it needs to log in to an index is in a netrc file, because build scripts inherit
the variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from flashc_core.credentials import logins_in, without_credentials
from flashc_core.temporary import temporary_folder

# What uv, pip and a compiler need.  Other variables may hold secrets, which a build script could read.
_NEEDED = re.compile(
    r"PATH|LANG|LC_\w+|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|NETRC|SOURCE_DATE_EPOCH|RUST_LOG"
    r"|(https?|all|no|ftp)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|(UV(?!_PUBLISH_)|PIP)_\w+|CC|CXX|CFLAGS|LDFLAGS|COLUMNS",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(
    r"(UV|PIP)_\w*(PASSWORD|USERNAME|TOKEN|SECRET|CREDENTIALS)", re.IGNORECASE
)
_NAMED_INDEX = re.compile(r"(?:^|\s)([\w.-]+)=\w+://([^/\s:@]+)")
_WIDE = {"COLUMNS": "10000"}  # tools break their messages at the width of the user's terminal
_PATHS = re.compile(r"(UV|PIP)_\w*(FILE|DIR|FIND_LINKS|CONSTRAINTS?|CERT)|NETRC|SSL_CERT_FILE")


@contextmanager
def empty_folder() -> Generator[Path, None, None]:
    """Yield an empty folder for a tool to start in; it is removed at the end."""
    with temporary_folder("tool") as folder:
        yield folder


def tool_environment(given: Mapping[str, str], *, home: Path | None) -> dict[str, str]:
    """Return the variables of a tool that starts in another folder than this process.

    Relative paths in variables of uv and pip become absolute, and messages are not broken into
    lines.  With `home`, the tool may run build scripts: it gets only the variables that it needs,
    and `home` in place of the user's folder.  Credentials are not in the variables but in the file
    `netrc` next to `home`.
    """
    found = {name: _absolute(name, value) for name, value in given.items()} | _WIDE
    if home is None:
        return found
    kept = {name: value for name, value in found.items() if _NEEDED.fullmatch(name)}
    for name in [name for name in kept if _CREDENTIALS.fullmatch(name)]:
        del kept[name]
    logins = [*_logins(found), _read_netrc(given)]
    for name, value in kept.items():
        if name.upper().startswith(("UV_", "PIP_")):
            kept[name] = without_credentials(value)
    kept["HOME"] = str(home)
    netrc = home.with_name("netrc")
    netrc.touch(mode=0o600)
    netrc.write_text("\n".join(logins), encoding="utf-8")
    kept["NETRC"] = str(netrc)
    for variable, name in (("UV_CACHE_DIR", "uv"), ("PIP_CACHE_DIR", "pip")):
        kept.setdefault(variable, str(_caches(given) / name))
    return kept


def index_login(index: str, variables: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the user and the password of an index that variables of uv have; None if they have none."""
    name = re.sub(r"[^A-Z0-9]", "_", index.upper())
    user = variables.get(f"UV_INDEX_{name}_USERNAME", "")
    password = variables.get(f"UV_INDEX_{name}_PASSWORD", "")
    return (user, password) if user or password else None


def _logins(variables: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a netrc file for the credentials in variables of uv and pip."""
    for variable, value in variables.items():
        if not variable.upper().startswith(("UV_", "PIP_")):
            continue
        for user, password, host in logins_in(value):
            yield _login(host, unquote(user), unquote(password))
        for index, host in _NAMED_INDEX.findall(without_credentials(value)):
            login = index_login(index, variables)
            if login is not None:
                yield _login(host, *login)


def _login(host: str, user: str, password: str) -> str:
    """Return a line of a netrc file."""
    name, word = (each.replace("\\", "\\\\").replace('"', '\\"') for each in (user, password))
    return f'machine {host} login "{name}" password "{word}"'


def _read_netrc(given: Mapping[str, str]) -> str:
    """Return the text of the user's netrc file; "" if there is none, or it can't be read."""
    file = given.get("NETRC") or str(Path(os.path.expanduser(given.get("HOME", "~"))) / ".netrc")
    try:
        return Path(file).read_text(encoding="utf-8") if os.path.isfile(file) else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _caches(given: Mapping[str, str]) -> Path:
    """Return the user's folder for caches."""
    chosen = given.get("XDG_CACHE_HOME")
    return Path(chosen) if chosen else Path(os.path.expanduser(given.get("HOME", "~"))) / ".cache"


def _absolute(name: str, value: str) -> str:
    """Return the value of a variable; if it is a relative path that exists, an absolute one."""
    if _PATHS.fullmatch(name) and value and "://" not in value and os.path.exists(value):
        return os.path.abspath(value)
    return value
