"""Say which package indexes uv may ask, as a configuration file of uv."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_ir.requirements import PackageIndex, ResolverSettings

from .tools import DependencyError

_REFERENCE = re.compile(r"\$\{(\w+)\}")
# What would replace the default index that the project names.
_DEFAULT_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAccess:
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
        lines: list[str] = []
        if settings.no_index:
            lines.append("no-index = true")
        lines += [f"{name} = {json.dumps(value)}" for name, value in settings.options]
        links = self.links()
        lines += [f"find-links = {json.dumps(links)}"] if links else []
        hosts = list(settings.insecure_hosts)
        lines += [f"allow-insecure-host = {json.dumps(hosts)}"] if hosts else []
        for index in settings.indexes:
            if not index.explicit:
                lines += self._index("[[index]]", index, default=index.default)
        return "".join(f"{line}\n" for line in lines)

    def links(self) -> list[str]:
        """Return the URLs and the absolute paths of the folders with distributions."""
        found = self.settings.find_links
        return [each if "://" in each else str((self.root / each).resolve()) for each in found]

    def config_of(self, name: str) -> str:
        """Return a configuration file with one index, which is asked instead of all others."""
        hosts = list(self.settings.insecure_hosts)
        lines = [f"allow-insecure-host = {json.dumps(hosts)}"] if hosts else []
        for index in self.settings.indexes:
            if index.name == name:
                lines += self._index("[[index]]", index, default=True)
        return "".join(f"{line}\n" for line in lines)

    def tables(self) -> str:
        """Return the tables of a `pyproject.toml` that pin distributions to indexes."""
        if not self.pins:
            return ""
        lines = ["[tool.uv.sources]"]
        lines += [f"{name} = {{ index = {json.dumps(i)} }}" for name, i in self.pins.items()]
        for index in self.settings.indexes:
            if index.name in self.pins.values():
                lines += [*self._index("[[tool.uv.index]]", index), "explicit = true"]
        return "".join(f"{line}\n" for line in lines)

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

    def _index(self, head: str, index: PackageIndex, *, default: bool = False) -> list[str]:
        """Return the lines of one index."""
        url = index.url if "://" in index.url else str((self.root / index.url).resolve())
        lines = [head, f"url = {json.dumps(url)}"]
        lines += [f"name = {json.dumps(index.name)}"] if index.name else []
        return lines + (["default = true"] if default else [])


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
