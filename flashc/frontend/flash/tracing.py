"""Describe the Flash SDK to `--trace`: its stub, and how to convert the objects that it records."""

from __future__ import annotations

from pathlib import Path

from flashc.evaluator.objects import Argument
from flashc.evaluator.values import Known, Value
from flashc.frontend.dialect import Tracing
from flashc_core.source import Span
from flashc_ir.platform import catalogue

from .names import ENUMS
from .semantics import ArgumentObject


class FlashTracing(Tracing):
    """The stub records endpoints, and the arguments of volumes and templates."""

    stub = Path(__file__).with_name("trace_stub.py")
    support = (Path(str(catalogue.__file__)),)
    enums = ENUMS

    def make(self, kind: str, arguments: dict[str, Argument], span: Span) -> Value:
        """Return a `NetworkVolume` or `PodTemplate`."""
        return Known(ArgumentObject(kind, arguments, span), span)
