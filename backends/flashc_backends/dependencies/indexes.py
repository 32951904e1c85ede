"""Say which package indexes uv may ask, as a configuration file of uv."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct, structs

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.files import real_path
from flashc_ir.requirements import PackageIndex, ResolverSettings

from .tool_environment import index_login
from .tools import DependencyError

_REFERENCE = re.compile(r"\$\{(\w+)\}")
# What would replace the default index that the project names.
_DEFAULT_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")


class IndexAccess(Struct, frozen=True, kw_only=True):
    """The indexes that are asked, with the values of environment variables in their URLs.

    `pins` names the only index that is asked for a distribution.  `root` is the project's folder.
    """

    settings: ResolverSettings
    pins: Mapping[str, str]
    root: Path
    environ: Mapping[str, str]

    def expanded(self, url: str) -> str:
        """Return a URL with the values of the environment variables that it refers to."""
        return _REFERENCE.sub(lambda match: self.environ.get(match[1], match[0]), url)

    def config(self) -> str:
        """Return a configuration file of uv with the indexes that are asked for all packages."""
        settings = self.settings
        document: dict[str, Any] = dict(settings.options)
        if settings.no_index:
            document["no-index"] = True
        document |= {"find-links": self.links(), "allow-insecure-host": [*settings.insecure_hosts]}
        document["index"] = [
            self._index(index, default=index.default)
            for index in settings.indexes
            if not index.explicit
        ]
        return as_toml(document)

    def links(self) -> list[str]:
        """Return the URLs and the absolute paths of the folders with distributions."""
        found = self.settings.find_links
        return [each if "://" in each else str(real_path(self.root / each)) for each in found]

    def config_of(self, name: str) -> str:
        """Return a configuration file with one index, which is asked instead of all others."""
        indexes = [self._index(i, default=True) for i in self.settings.indexes if i.name == name]
        return as_toml({"allow-insecure-host": [*self.settings.insecure_hosts], "index": indexes})

    def table(self) -> dict[str, Any]:
        """Return the table `tool.uv` of a `pyproject.toml` that pins distributions to indexes."""
        pinned = set(self.pins.values())
        return {
            "sources": {name: {"index": index} for name, index in self.pins.items()},
            "index": [
                {**self._index(index), "explicit": True}
                for index in self.settings.indexes
                if index.name in pinned
            ],
        }

    def environment(self, *, only_pinned: bool = False) -> dict[str, str] | None:
        """Return the environment variables of uv; None if they are those of this process."""
        has_default = any(i.default for i in self.settings.indexes) or only_pinned
        if not has_default:
            return None
        left_out = {
            *_DEFAULT_VARIABLES,
            *(("UV_INDEX", "UV_EXTRA_INDEX_URL") if only_pinned else ()),
        }
        return {name: value for name, value in os.environ.items() if name not in left_out}

    def _index(self, index: PackageIndex, *, default: bool = False) -> dict[str, Any]:
        """Return the table of one index.

        Its user and password are in the URL, also if they come from variables of uv: build scripts do
        not get these.
        """
        url = index.url if "://" in index.url else str(real_path(self.root / index.url))
        login = index_login(index.name, os.environ) if index.name else None
        if login is not None and "://" in url and "@" not in url:
            user, password = (quote(each, safe="") for each in login)
            url = url.replace("://", f"://{user}:{password}@", 1)
        table: dict[str, Any] = {"url": url, "default": default}
        return {**table, "name": index.name} if index.name else table


def as_toml(document: Mapping[str, Any]) -> str:
    """Return a document as TOML."""
    import tomli_w  # only a build that resolves packages writes TOML

    return tomli_w.dumps(document)


def index_access(
    settings: ResolverSettings,
    pins: Mapping[str, str],
    root: Path,
    environ: Mapping[str, str],
    sink: Sink,
) -> IndexAccess:
    """Return the access to the project's indexes; `environ` has the values of variables.

    Raises:
        DependencyError: a variable is not set; the finding is already reported.
    """
    expanded: list[PackageIndex] = []
    for index in settings.indexes:
        missing = [name for name in _REFERENCE.findall(index.url) if name not in environ]
        if missing:
            sink.report(
                rules.MISSING_VARIABLE,
                index.span,
                f"the package index needs the environment variable `{missing[0]}`, which is not set",
                help=(f"set `{missing[0]}` when building",),
            )
            raise DependencyError
        url = _REFERENCE.sub(lambda match: environ[match[1]], index.url)
        expanded.append(structs.replace(index, url=url))
    return IndexAccess(
        settings=structs.replace(settings, indexes=tuple(expanded)),
        pins=dict(sorted(pins.items())),
        root=root,
        environ=environ,
    )
