"""The registry of targets: what `flashc emit --target` can make.  A new backend is one line here."""

from __future__ import annotations

from .artifact import ARTIFACT
from .base import Target
from .handlers import HANDLERS
from .ir import IR
from .manifest import MANIFEST
from .stubs import STUBS

TARGETS: dict[str, Target] = {
    target.name: target for target in (IR, STUBS, HANDLERS, MANIFEST, ARTIFACT)
}
