"""Find syntax that is newer than every Python for which there is an image of workers.

LibCST parses it, and the code behind the parser does not know it.
"""

from __future__ import annotations

import sys

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from flashc_ir.platform.images import supported_pythons

from .problems import SyntaxProblem

# The kinds of LibCST's nodes by name, because older versions of LibCST lack some.
_KINDS = {
    "TemplatedString": ("a template string", (3, 14)),
    "LazyImport": ("a lazy import", (3, 15)),
    "LazyImportFrom": ("a lazy import", (3, 15)),
    "StarredDictComp": ("a comprehension with `**`", (3, 15)),
}
_STARRED = ("a comprehension with `*`", (3, 15))
_BARE = ("several exceptions without parentheses", (3, 14))
_OLDEST = (3, 14)  # that of the table


def newer_syntax(tree: cst.Module) -> SyntaxProblem | None:
    """Return the first use of syntax that no worker knows; None if there is none.

    Sources: PEP 750, PEP 758, PEP 798, PEP 810.
    """
    newest = max(tuple(map(int, version.split("."))) for version in supported_pythons())
    pending: list[cst.CSTNode] = [tree]
    while pending:
        node = pending.pop()
        found = _feature(node)
        if found is not None and found[1] > newest:
            what, (major, minor) = found
            position = MetadataWrapper(tree, unsafe_skip_copy=True).resolve(PositionProvider)[node]
            text = f"{what} is syntax of Python {major}.{minor}, which no worker has"
            return SyntaxProblem(text, position.start.line, position.start.column + 1)
        pending += reversed(node.children)
    return None


def is_known_to_host() -> bool:
    """Return whether the running Python may accept such syntax."""
    return sys.version_info >= _OLDEST


def _feature(node: cst.CSTNode) -> tuple[str, tuple[int, int]] | None:
    """Return what a node needs: its name for people, and the first Python that has it."""
    match node:
        case cst.ListComp(elt=cst.StarredElement()) | cst.SetComp(elt=cst.StarredElement()):
            return _STARRED
        case cst.GeneratorExp(elt=cst.StarredElement()):
            return _STARRED
        case (
            cst.ExceptHandler(type=cst.Tuple(lpar=[]))
            | cst.ExceptStarHandler(type=cst.Tuple(lpar=[]))
        ):
            return _BARE
        case _:
            return _KINDS.get(type(node).__name__)
