"""Hold the summaries of modules as the cache stores them, and decode a summary only when it is needed.

If no summary has changed since an earlier run, the findings are known, and only the part of each
summary that names its inputs and imports is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import msgspec
from msgspec import Struct

from flashc.frontend.summary import ComponentSummary, ModuleExports, SummaryLinks
from flashc_core.cache import decoded, digest
from flashc_core.diagnostics import Diagnostic

from .memo import Trace, UnusableCache


class StoredSummary(Struct, frozen=True, eq=False, dict=True):
    """The summary of a component, encoded as in the cache, with its inputs and imports."""

    data: bytes
    digest: str
    links: SummaryLinks

    @classmethod
    def of(cls, trace: Trace) -> StoredSummary:
        """Return the summary that is the result of a trace.

        Raises:
            UnusableCache: the result is something else.
        """
        links = decoded(trace.result, SummaryLinks)
        if links is None:
            raise UnusableCache
        return cls(trace.result, trace.digest_of_result, links)

    @classmethod
    def encode(cls, summary: ComponentSummary) -> StoredSummary:
        """Return a summary that is not in the cache."""
        data = msgspec.msgpack.encode(summary)
        links = SummaryLinks(
            inputs=summary.inputs, imported=summary.imported, joined=summary.joined
        )
        return cls(data, digest(data), links)

    def decode(self) -> None:
        """Decode the whole summary, if this was not done before."""
        _ = self.summary

    @cached_property
    def summary(self) -> ComponentSummary:
        """The whole summary.

        Raises:
            UnusableCache: the cache has something else in its place.
        """
        summary = decoded(self.data, ComponentSummary)
        if summary is None:
            raise UnusableCache
        return summary


class Reading(Struct, frozen=True, eq=False, dict=True):
    """The summaries of all relevant modules of a project.

    `exports` has the plain modules that were evaluated because others import them.  `inputs` are
    the files and environment variables that the summaries depend on.  The spans in all summaries
    are valid, because they were checked when the summary was made.
    """

    stored: tuple[StoredSummary, ...]
    exports: dict[str, ModuleExports]
    inputs: tuple[str, ...]

    @cached_property
    def summaries(self) -> list[ComponentSummary]:
        """The summaries."""
        return [each.summary for each in self.stored]

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield the findings of all modules that were read."""
        for summary in self.summaries:
            yield from summary.diagnostics
        for exports in self.exports.values():
            yield from exports.diagnostics

    def digest(self) -> str:
        """Return a digest of what was read, without fingerprints, which only decide what is read."""
        plain = [
            (name, exports.import_failure, exports.diagnostics)
            for name, exports in self.exports.items()
        ]
        return digest(*(each.digest for each in self.stored), msgspec.msgpack.encode(plain))
