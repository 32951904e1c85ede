"""Compute and show how large each package in an artifact is, as text and as a treemap."""

from __future__ import annotations

import html
from collections.abc import Sequence

import squarify
from msgspec import Struct

from flashc_ir.program import Program

from .layers import Layer
from .lock import Lock

_WIDTH, _HEIGHT = 1200.0, 700.0
_LEAST_LABEL = 60.0  # pixels of width that a name needs


class DistributionSize(Struct, frozen=True, kw_only=True):
    """One distribution of an artifact; sizes in bytes.

    `endpoints` are the endpoints that need it; `chain` is the shortest chain of requirements from
    the app to it.
    """

    name: str
    version: str
    installed: int
    compressed: int
    endpoints: tuple[str, ...]
    chain: tuple[str, ...]


def distribution_sizes(
    program: Program, lock: Lock, layers: Sequence[Layer]
) -> list[DistributionSize]:
    """Return the size of each distribution, the largest first."""
    needs = {endpoint: lock.needed_by(roots) for endpoint, roots in lock.endpoints}
    found = [
        DistributionSize(
            name=layer.contents.name,
            version=layer.contents.version,
            installed=layer.contents.size,
            compressed=layer.piece.size,
            endpoints=tuple(
                sorted(e for e, names in needs.items() if layer.contents.name in names)
            ),
            chain=lock.chain(layer.contents.name),
        )
        for layer in layers
    ]
    return sorted(found, key=lambda part: (-part.installed, part.name))


def show_size(count: float) -> str:
    """Return a size in bytes as text for people, in powers of ten."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def treemap(title: str, parts: Sequence[DistributionSize], project: int) -> str:
    """Return one self-contained HTML page; the area of each rectangle is an installed size.

    `project` is the size of the project's own files in bytes.
    """
    shown = [(part.name, part.installed, _about(part)) for part in parts if part.installed > 0]
    if project > 0:
        shown.append(("the project", project, f"the project's own files: {show_size(project)}"))
    shown.sort(key=lambda item: -item[1])
    sizes = squarify.normalize_sizes([item[1] for item in shown], _WIDTH, _HEIGHT)
    rectangles = squarify.squarify(sizes, 0, 0, _WIDTH, _HEIGHT) if shown else []
    drawn = [
        _rectangle(number, item[0], item[2], rectangle)
        for number, (item, rectangle) in enumerate(zip(shown, rectangles, strict=True))
    ]
    total = show_size(sum(item[1] for item in shown))
    name = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{name}: sizes</title>\n'
        "<style>body{font:14px system-ui,sans-serif;margin:1rem}svg{width:100%;height:auto}"
        "rect{stroke:#fff;stroke-width:2}text{fill:#fff;pointer-events:none}</style>\n"
        f"<h1>{name}: {total} installed</h1>\n"
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="sizes of packages">\n'
        + "\n".join(drawn)
        + "\n</svg>\n</html>\n"
    )


def _about(part: DistributionSize) -> str:
    """Return the tooltip of a distribution: its sizes, and why it is in the artifact."""
    lines = [f"{part.name} {part.version}", f"installed {show_size(part.installed)}"]
    lines.append(f"compressed {show_size(part.compressed)}")
    if part.chain:
        lines.append("because of " + " -> ".join(part.chain))
    lines.append("needed by " + (", ".join(part.endpoints) or "the whole app"))
    return "\n".join(lines)


def _rectangle(number: int, name: str, about: str, rectangle: dict[str, float]) -> str:
    """Return the SVG of one rectangle of the treemap."""
    x, y, dx, dy = (rectangle[key] for key in ("x", "y", "dx", "dy"))
    hue = number * 47 % 360
    label = ""
    if dx >= _LEAST_LABEL and dy >= 20:
        shown = html.escape(name[: int(dx / 8)])
        label = f'<text x="{x + 6:.1f}" y="{y + 18:.1f}">{shown}</text>'
    return (
        f'<g><rect x="{x:.1f}" y="{y:.1f}" width="{dx:.1f}" height="{dy:.1f}" '
        f'fill="hsl({hue} 45% 40%)"><title>{html.escape(about)}</title></rect>{label}</g>'
    )
