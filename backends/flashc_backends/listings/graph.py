"""Emit a picture of the endpoints, their routes, and which endpoint calls which: Mermaid, DOT and HTML."""

from __future__ import annotations

import html
from collections.abc import Iterator

from msgspec import Struct

from flashc_backends.base import Context, Draft, DraftTarget
from flashc_ir.endpoints import (
    Endpoint,
    ExistingEndpoint,
    ImageEndpoint,
    LoadBalanced,
    QueueClass,
    QueueFunction,
)
from flashc_ir.program import Program, callee_of
from flashc_ir.resources import Cpu, Gpu

_WIDTH, _LINE, _PADDING, _GAP_X, _GAP_Y = 280, 18, 12, 90, 24
_LONGEST = 40  # characters of a line in the picture


class Node(Struct, frozen=True):
    """An endpoint: its name, what it is, and its functions, methods or routes."""

    name: str
    kind: str
    parts: tuple[str, ...]


class Graph(Struct, frozen=True):
    """The endpoints of a program; `edges` are pairs of positions in `nodes`: the caller, the called one."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]


def graph_of(program: Program) -> Graph:
    """Return the graph of a program."""
    places = {str(callee_of(each)): index for index, each in enumerate(program.endpoints)}
    edges = {
        (places[edge.caller], places[str(edge.callee)])
        for edge in program.edges
        if edge.caller in places and str(edge.callee) in places
    }
    nodes = tuple(map(_node, program.endpoints))
    return Graph(program.name, nodes, tuple(sorted(edges)))


def _node(endpoint: Endpoint) -> Node:
    """Return the node of an endpoint."""
    parts: tuple[str, ...]
    match endpoint:
        case QueueFunction():
            parts, kind = (f"{endpoint.function.name}()",), "queue"
        case QueueClass():
            parts, kind = tuple(f"{method.name}()" for method in endpoint.methods), "queue"
        case LoadBalanced():
            parts, kind = tuple(route.key for route in endpoint.routes), "load balancer"
        case ImageEndpoint():
            parts, kind = (endpoint.image,), "image"
        case ExistingEndpoint():
            return Node(endpoint.variable or "client", "exists already", (endpoint.id or "",))
    return Node(
        endpoint.name, f"{kind}, {_hardware(endpoint.configuration.resources.hardware)}", parts
    )


def _hardware(hardware: Cpu | Gpu) -> str:
    return "CPU" if isinstance(hardware, Cpu) else "GPU"


# Mermaid and DOT ------------------------------------------------------------------------------------


def to_mermaid(graph: Graph) -> str:
    """Return the graph as a flowchart of Mermaid."""
    lines = ["flowchart LR"]
    for index, node in enumerate(graph.nodes):
        shown = "<br>".join(map(_for_mermaid, (node.name, node.kind, *node.parts)))
        lines.append(f'  n{index}["{shown}"]')
    lines += [f"  n{caller} --> n{callee}" for caller, callee in graph.edges]
    return "\n".join(lines) + "\n"


def _for_mermaid(text: str) -> str:
    """Escape the characters that are special in Mermaid labels as `#code;`."""
    return "".join(c if c.isalnum() or c in " _-./:,()" else f"#{ord(c)};" for c in text)


def to_dot(graph: Graph) -> str:
    """Return the graph in the language of Graphviz."""
    lines = [f"digraph {_for_dot(graph.title)} {{", "  rankdir=LR;", "  node [shape=box];"]
    for index, node in enumerate(graph.nodes):
        label = _for_dot("\n".join((node.name, node.kind, *node.parts)))
        lines.append(f"  n{index} [label={label}];")
    lines += [f"  n{caller} -> n{callee};" for caller, callee in graph.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _for_dot(text: str) -> str:
    """Return a text as a quoted string of Graphviz."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


# HTML -----------------------------------------------------------------------------------------------

_STYLE = """\
body { font: 14px/1.4 system-ui, sans-serif; margin: 24px; color: #1b1f24; background: #fff }
svg { max-width: none } rect { fill: #f6f8fa; stroke: #57606a } path { fill: none; stroke: #57606a }
marker path { fill: #57606a; stroke: none } text { font: 12px system-ui, sans-serif; fill: #1b1f24 }
text.name { font-weight: 600; font-size: 14px } text.kind { fill: #57606a }
@media (prefers-color-scheme: dark) {
  body { color: #e6edf3; background: #0d1117 } rect { fill: #161b22; stroke: #8b949e }
  path { stroke: #8b949e } marker path { fill: #8b949e } text { fill: #e6edf3 }
  text.kind { fill: #8b949e }
}"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def to_html(graph: Graph) -> str:
    """Return a page with the graph as a picture; the page loads nothing."""
    title = html.escape(f"The endpoints of {graph.title}")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            f"<h1>{title}</h1>",
            *_svg_lines(graph),
            *_text_alternative(graph),
            "</body>",
            "</html>\n",
        ]
    )


def _columns(graph: Graph) -> list[list[int]]:
    """Return the positions of the nodes in columns: callers are left of what they call."""
    depth = [0] * len(graph.nodes)
    for _ in graph.nodes:  # the bound on rounds stops cycles
        for caller, callee in graph.edges:
            wanted = min(depth[caller] + 1, len(graph.nodes) - 1)
            if caller != callee:
                depth[callee] = max(depth[callee], wanted)
    used = sorted(set(depth))
    return [[i for i, own in enumerate(depth) if own == each] for each in used]


def _height(node: Node) -> int:
    return 2 * _PADDING + _LINE * (2 + len(node.parts))


def _svg_lines(graph: Graph) -> Iterator[str]:
    """Yield the text lines of the SVG drawing: a box per endpoint, an arrow per call."""
    places: dict[int, tuple[int, int]] = {}
    height = _PADDING
    for x, column in enumerate(_columns(graph)):
        y = _PADDING
        for index in column:
            places[index] = (_PADDING + x * (_WIDTH + _GAP_X), y)
            y += _height(graph.nodes[index]) + _GAP_Y
        height = max(height, y)
    width = max((x for x, _ in places.values()), default=0) + _WIDTH + _PADDING
    yield f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"'
    yield '  aria-labelledby="calls">'
    yield '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
    yield '  markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
    for caller, callee in graph.edges:
        yield _edge(graph, places, caller, callee)
    for index, node in enumerate(graph.nodes):
        yield from _box(node, *places[index])
    yield "</svg>"


def _edge(graph: Graph, places: dict[int, tuple[int, int]], caller: int, callee: int) -> str:
    """Return the line from a caller to what it calls."""
    (x1, y1), (x2, y2) = places[caller], places[callee]
    x1, y1 = x1 + _WIDTH, y1 + _height(graph.nodes[caller]) // 2
    y2 += _height(graph.nodes[callee]) // 2
    bend = max(40, abs(x2 - x1) // 2)
    curve = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return f'<path d="{curve}" marker-end="url(#end)"/>'


def _box(node: Node, x: int, y: int) -> Iterator[str]:
    """Yield the lines of the box of an endpoint."""
    yield f'<g><rect x="{x}" y="{y}" width="{_WIDTH}" height="{_height(node)}" rx="8"/>'
    for number, text in enumerate((node.name, node.kind, *node.parts)):
        kind = ("name", "kind")[number] if number < 2 else "part"
        shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
        at = y + _PADDING + _LINE * (number + 1) - 5
        yield (
            f'<text x="{x + _PADDING}" y="{at}" class="{kind}">{html.escape(shown)}'
            f"<title>{html.escape(text)}</title></text>"
        )
    yield "</g>"


def _text_alternative(graph: Graph) -> Iterator[str]:
    """Yield the calls in words, for readers who do not see the drawing."""
    yield '<p id="calls">'
    calls = [
        f"{graph.nodes[caller].name} calls {graph.nodes[callee].name}"
        for caller, callee in graph.edges
    ]
    yield html.escape("; ".join(calls) or "No endpoint calls another") + ".</p>"


def _emit(program: Program, _context: Context) -> tuple[Draft, ...]:
    """Draft the three forms: the `emit` of the target `graph`."""
    graph = graph_of(program)
    return (
        Draft(path="graph.mmd", content=to_mermaid(graph).encode()),
        Draft(path="graph.dot", content=to_dot(graph).encode()),
        Draft(path="graph.html", content=to_html(graph).encode()),
    )


GRAPH = DraftTarget(
    name="graph", summary="endpoints, routes and calls as Mermaid, DOT and HTML", emit=_emit
)
