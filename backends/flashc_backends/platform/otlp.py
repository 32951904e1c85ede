"""Export spans to a collector of traces (OTLP), with the optional packages of OpenTelemetry."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol
from urllib.parse import urlsplit

from flashc_core import rules
from flashc_core.diagnostics import Rule

from .spans import Span

_PATH = "/v1/traces"
_NANOSECONDS = 1_000_000_000


class ExportError(Exception):
    """Spans can't be exported; `rule`, the message and `help` are those of a finding."""

    def __init__(self, rule: Rule, message: str, *, help: tuple[str, ...]) -> None:
        super().__init__(message)
        self.rule, self.help = rule, help


class _Processor(Protocol):
    def on_end(self, span: Any) -> None: ...
    def shutdown(self) -> None: ...


class Exporter:
    """Sends spans in batches, in a thread of the SDK."""

    def __init__(self, url: str) -> None:
        """Prepare to send spans; nothing is sent yet.

        Raises:
            ExportError: the SDK is not installed, or the URL is not an HTTP URL.
        """
        endpoint = _endpoint(url)
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk import trace
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise ExportError(
                rules.OTLP_MISSING,
                f"the packages that export traces are not installed: {error.name or error}",
                help=("install them with `pip install 'flashc[otlp]'`",),
            ) from error
        self._trace, self._resource = trace, Resource
        self._resources: dict[str, Any] = {}
        self._processor: _Processor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=endpoint), schedule_delay_millis=1000
        )

    def export(self, span: Span) -> None:
        """Add a span to the next batch; if the collector does not accept the span, the SDK logs that and drops it."""
        self._processor.on_end(self._readable(span))

    async def close(self) -> None:
        """Send the spans that are left, and end the thread."""
        await asyncio.to_thread(self._processor.shutdown)

    def _readable(self, span: Span) -> Any:
        """Return a span as the SDK of OpenTelemetry takes it."""
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        def context(identity: str, *, remote: bool) -> SpanContext:
            """Return the ids of a span as the SDK takes them."""
            flags = TraceFlags(TraceFlags.SAMPLED)
            return SpanContext(int(span.trace, 16), int(identity, 16), remote, flags)

        resource = self._resources.get(span.label)
        if resource is None:
            resource = self._resource.create({"service.name": span.label})
            self._resources[span.label] = resource
        attributes = {
            "flashc.endpoint": span.endpoint,
            "flashc.status": span.status,
            "flashc.worker": span.worker,
            "flashc.job": span.job,
        }
        return self._trace.ReadableSpan(
            name=span.name,
            context=context(span.span, remote=False),
            parent=context(span.parent, remote=True) if span.parent is not None else None,
            resource=resource,
            attributes={key: value for key, value in attributes.items() if value is not None},
            kind=SpanKind.CONSUMER if span.job is not None else SpanKind.SERVER,
            status=Status(StatusCode.ERROR if span.has_failed else StatusCode.UNSET),
            start_time=int(span.start * _NANOSECONDS),
            end_time=int(span.end * _NANOSECONDS),
        )


def _endpoint(url: str) -> str:
    """Return the URL to which spans are sent: a URL without a path gets the standard path of collectors.

    Raises:
        ExportError: the text is not an HTTP URL.
    """
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        path = parts.path.strip("/")
    except ValueError:  # the port is not a number, or brackets do not match
        is_usable, path = False, ""
    if not is_usable:
        raise ExportError(
            rules.OTLP_URL,
            f"`--otlp {url}` is not an HTTP URL",
            help=("give the URL of a collector, such as `--otlp http://127.0.0.1:4318`",),
        )
    return url if path else url.rstrip("/") + _PATH
