"""Say why the result of a call of code outside the project is not known when the app is built."""

from __future__ import annotations

import sys

from flashc.evaluator.values import Unknown
from flashc_core.source import Span

_FROM_OUTSIDE = frozenset({"is the output of another program", "comes from the network"})
_BY_VARIABLE = (
    "set an environment variable to the value when building, and read it: `os.environ[...]`"
)
_BY_FILE = "keep the values in a JSON, TOML, YAML, INI or CSV file, whose reading flashc evaluates"
_FORMATS = frozenset(
    {"yaml", "ruamel", "omegaconf", "hydra", "toml", "tomlkit", "pandas", "orjson"}
)
_REASONS: dict[str, tuple[str, ...]] = {
    "differs from run to run": (
        *("datetime.date.today", "datetime.datetime.now", "datetime.datetime.today"),
        *("datetime.datetime.utcnow", "time", "random", "secrets", "uuid.uuid1", "uuid.uuid4"),
        *("os.urandom", "os.getpid", "tempfile"),
    ),
    "is the output of another program": ("subprocess", "os.popen", "os.system", "sh", "git"),
    "depends on the packages that are installed": (
        *("importlib.metadata", "importlib.util.find_spec", "pkg_resources", "pkgutil"),
        *("importlib.resources", "shutil.which"),
    ),
    "depends on the machine": (
        *("platform", "socket", "os.cpu_count", "os.getcwd", "os.uname", "os.getlogin"),
        *("os.sched_getaffinity", "multiprocessing", "getpass", "pathlib.Path.home"),
        *("pathlib.Path.cwd", "os.path.expanduser", "locale", "torch.cuda", "psutil"),
    ),
    "comes from the network": ("urllib.request", "http.client", "requests", "httpx", "aiohttp"),
}
_BY_NAME = {name: reason for reason, names in _REASONS.items() for name in names}


def unknown(name: str, span: Span) -> Unknown:
    """Return the value of `name(...)`, with what to write instead; `name` begins with the module."""
    parts = name.split(".")
    found = next(
        filter(None, (_BY_NAME.get(".".join(parts[:n])) for n in range(len(parts), 0, -1))), None
    )
    if found is not None:
        refused = found in _FROM_OUTSIDE
        advice = _BY_VARIABLE if refused else None
        return Unknown(
            reason=f"`{name}(...)` {found}", origin=span, advice=advice, is_refused=refused
        )
    advice = _BY_FILE if parts[0] in _FORMATS else None
    if parts[0] not in sys.stdlib_module_names and parts[0] != "builtins":
        reason = f"`{name}(...)` is code of a package, which flashc does not run"
        return Unknown(reason=reason, origin=span, advice=advice)
    return Unknown(reason=f"`{name}(...)` comes from outside the project", origin=span)
