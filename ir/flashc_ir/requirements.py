"""Define the IR of requirements: the packages that an app asks for, and where they come from."""

from __future__ import annotations

from msgspec import Struct

from flashc_core.source import Span

from .variant import Variant


class IndexSource(Variant, frozen=True, tag="index"):
    """The package index of this name, and no other one; see `PackageIndex`."""

    name: str

    def __str__(self) -> str:
        return f"the index `{self.name}`"


class UrlSource(Variant, frozen=True, tag="url"):
    """A wheel or a source archive at a URL."""

    url: str

    def __str__(self) -> str:
        return self.url


class PathSource(Variant, frozen=True, tag="path"):
    """A wheel, a source archive or a folder on this machine.

    `path` is POSIX.  It is relative to the project's root, from which it may lead out, if the user
    wrote a relative path or if it is below the root; otherwise it is absolute.
    """

    path: str

    def __str__(self) -> str:
        return self.path if self.path.startswith(("/", "../")) else f"./{self.path}"


class GitSource(Variant, frozen=True, tag="git"):
    """A commit of a git repository.

    `url` has no `git+` in front.  `revision` is a commit, a tag or a branch; "" means the default
    branch.  `subdirectory` is the folder of the package in the repository.
    """

    url: str
    revision: str = ""
    subdirectory: str = ""

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        fragment = f"#subdirectory={self.subdirectory}" if self.subdirectory else ""
        return f"git+{self.url}{revision}{fragment}"


Source = IndexSource | UrlSource | PathSource | GitSource


class Dependency(Struct, frozen=True, kw_only=True):
    """One requirement as declared; `name` is the normalized name of the distribution.

    `requirement` is a text of PEP 508 with extras, versions and marker, but without a URL: `source`
    says where the distribution comes from.  If it is None, the default indexes are asked.  `hashes`
    are those that the distribution's file may have, as `sha256:HEX`; any hash, if there are none.
    `constraint` says that it only limits the version, if another requirement asks for the
    distribution.  `is_unnamed` says that the user wrote the URL of a git repository without a name:
    then `name` is that of the repository, and the name of the distribution is known when the
    repository is read.

    Of several requirements with the same name and span, the first whose marker holds counts.
    """

    name: str
    requirement: str
    span: Span
    constraint: bool = False
    source: Source | None = None
    hashes: tuple[str, ...] = ()
    is_unnamed: bool = False

    def __str__(self) -> str:
        """Return the requirement with its source, for people."""
        if self.source is None:
            return self.requirement
        if isinstance(self.source, IndexSource):
            return f"{self.requirement} (from {self.source})"
        before, separator, marker = self.requirement.partition(";")
        if self.is_unnamed:
            extras = before.strip()[len(self.name) :]
            return f"{self.source}{extras}" + (f" ;{marker}" if separator else "")
        return f"{before.strip()} @ {self.source}" + (f" ;{marker}" if separator else "")


class Offer(Struct, frozen=True, kw_only=True):
    """A requirement that the project lists in a place that is not chosen.

    `place` says where, and `help` what to do so that workers get it.
    """

    name: str
    place: str
    help: str
    span: Span


class PackageIndex(Struct, frozen=True, kw_only=True):
    """A package index that the project names.

    `url` is as written: it may contain references to environment variables.  An `explicit` index is
    asked only for the requirements that name it; the `default` index replaces the public one.
    """

    name: str
    url: str
    span: Span
    explicit: bool = False
    default: bool = False


class NamedSource(Struct, frozen=True, kw_only=True):
    """The source that the project gives to a distribution, if the marker holds or is empty.

    `hashes` are those that the source's file may have, as in `Dependency`.  If flashc can't use the
    source, `source` is None, `problem` is the reason, and `help` says what to write.
    """

    name: str
    source: Source | None
    marker: str = ""
    hashes: tuple[str, ...] = ()
    problem: str = ""
    help: str = ""


class ResolverSettings(Struct, frozen=True, kw_only=True):
    """How the project wants its requirements to be resolved.

    `indexes` are in the order in which they are asked.  `find_links` are folders, relative to the
    root, and URLs.  `overrides` are requirements that replace those of other packages.  `options`
    are uv's own, with their values.  `sources` are those of requirements that have none of their
    own; of several for a name, the first whose marker holds counts.
    """

    indexes: tuple[PackageIndex, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    insecure_hosts: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    sources: tuple[NamedSource, ...] = ()


def source_from_text(text: str) -> UrlSource | PathSource | GitSource:
    """Return the source whose text is `text`: the inverse of `str(source)`.

    The source is none of the kind `IndexSource`.
    """
    if not text.startswith("git+"):
        is_url = text.startswith(("http://", "https://"))
        return UrlSource(text) if is_url else PathSource(text.removeprefix("./"))
    location, _, subdirectory = text.removeprefix("git+").partition("#subdirectory=")
    start = location.find("/", location.find("://") + 3)  # a user may be before the host
    path, _, revision = location[start:].partition("@")
    return GitSource(location[:start] + path, revision, subdirectory)
