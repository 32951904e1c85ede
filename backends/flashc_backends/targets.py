"""List the targets, the outputs that `flashc emit --target` offers.

A new target is one line here.
"""

from __future__ import annotations

from flashc_backends.artifact.artifact import ARTIFACT
from flashc_backends.contracts.client import CLIENT
from flashc_backends.contracts.documents import JSON_SCHEMA
from flashc_backends.contracts.openapi import OPENAPI
from flashc_backends.files.handlers import HANDLERS
from flashc_backends.files.stubs import STUBS
from flashc_backends.listings.graph import GRAPH
from flashc_backends.listings.ir import IR
from flashc_backends.manifest.manifest import MANIFEST
from flashc_backends.preview.compose import COMPOSE
from flashc_backends.preview.plan import PREVIEW

from .base import EmitTarget

TARGETS: dict[str, EmitTarget] = {
    target.name: target
    for target in (
        *(IR, STUBS, HANDLERS, MANIFEST, ARTIFACT, PREVIEW, COMPOSE),
        *(JSON_SCHEMA, OPENAPI, CLIENT, GRAPH),
    )
}
