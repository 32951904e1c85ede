"""Report programs of the older dialect, and rewrite them to `Endpoint` if their text allows it.

A resource class becomes `Endpoint(...)` in its place, and `@remote(config, ...)` becomes `@config`, or
`@config.get("/path")` for a route.  The IR of the program stays the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import libcst as cst
from msgspec import Struct

from flashc.evaluator.declarations import EndpointValue
from flashc.evaluator.objects import Argument
from flashc.evaluator.values import Known
from flashc.frontend.decode import ArgumentDecoder
from flashc.syntax.parse import Syntax
from flashc.syntax.walk import children, dotted
from flashc_core import rules
from flashc_core.diagnostics import Fix, Safety
from flashc_core.python_texts import evaluate_literal, parse_expression
from flashc_core.source import Edit

from .names import (
    CLASSES,
    DEFAULT_CPU,
    LOAD_BALANCED,
    LOCATIONS,
    OF_ENDPOINT,
    OWN_IMAGE,
    PACKAGES,
    PARAMETER_BY_FIELD,
    PARAMETERS,
    REMOTE,
    SUFFIX,
    WORKERS,
)
from .semantics import LegacyValue


class _CannotRewrite(Exception):
    """The text of the program does not allow a rewriting that keeps its meaning."""


def report_legacy(decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> None:
    """Report the first use of `remote`, with a fix that rewrites all modules that belong together.

    After an error, there is no fix, because it would rewrite arguments that are not understood.
    """
    used = [value for value in declared if isinstance(value, LegacyValue) and value.uses]
    if not used:
        return
    first = min(use.span for value in used for use in value.uses)
    values = [value for value in declared if isinstance(value, LegacyValue)]
    fix = None if decoder.sink.has_errors() else _fix_of(decoder, values)
    decoder.sink.report(
        rules.LEGACY_DIALECT,
        first,
        f"`{REMOTE}` is the older form of `Endpoint`",
        notes=("flashc compiles it; the SDK gives a DeprecationWarning for each use",),
        help=(
            "run `flashc check --fix --unsafe-fixes` to rewrite it"
            if fix is not None
            else "declare the endpoint with `@Endpoint(name=..., gpu=...)`",
        ),
        fix=fix,
    )


def _fix_of(decoder: ArgumentDecoder, values: Sequence[LegacyValue]) -> Fix | None:
    """Return the fix that rewrites declarations; None if none keeps the meaning of the program."""
    try:
        edits = tuple(sorted(set(_Rewriter(decoder).edits(values))))
    except _CannotRewrite:
        return None
    return Fix("rewrite `remote` to `Endpoint`", edits, Safety.UNSAFE)


class _Rewriter(Struct, frozen=True, eq=False):
    """Computes the edits of all declarations and imports."""

    decoder: ArgumentDecoder

    def edits(self, values: Iterable[LegacyValue]) -> Iterator[Edit]:
        """Yield the edits.

        Raises:
            _CannotRewrite: a declaration has a form that can't be rewritten.
        """
        modules: set[str] = set()
        for value in values:
            modules |= {value.module, *(use.module for use in value.uses)}
            yield from self._declaration(value)
        for module in sorted(modules):
            frame = self.decoder.machine.frames.get(module)
            if frame is None:
                raise _CannotRewrite
            yield from _imports(frame.syntax)

    def _declaration(self, value: LegacyValue) -> Iterator[Edit]:
        """Yield the edits of one resource class and of its decorators."""
        if (
            value.kind in OWN_IMAGE
            or value.problems
            or value.is_assigned
            or value.condition is not None
        ):
            raise _CannotRewrite
        constructor = self._constructor(value)
        inline = False
        for use in value.uses:
            config = use.arguments[PARAMETERS[0]]
            if any(name not in (*PARAMETERS[:4], "method", "path") for name in use.arguments):
                raise _CannotRewrite
            if config.span == value.span:
                text, inline = constructor, True
            else:
                text = self._text(config)
            if value.kind in LOAD_BALANCED:
                method = use.arguments["method"].value
                verb = str(getattr(method, "value", "")).lower()
                text = f"{text}.{verb}({self._text(use.arguments['path'])})"
            yield Edit(use.span, text)
        if not inline:
            yield Edit(value.span, constructor)

    def _constructor(self, value: LegacyValue) -> str:
        """Return the text of the `Endpoint(...)` that means the same."""
        given = value.arguments
        if any(
            not value.span.covers(given[name].span) for name in given if name not in OF_ENDPOINT
        ):
            raise _CannotRewrite  # `**CONFIG`, whose values are written elsewhere
        parts: list[str] = []
        for field, parameter in PARAMETER_BY_FIELD.items():
            if field in given:
                known = given[field].value if field == "name" else None
                text = self._text(given[field])
                if isinstance(known, Known) and str(known.value).endswith(SUFFIX):
                    text = json.dumps(str(known.value).removesuffix(SUFFIX))
                parts.append(f"{parameter}={text}")
        if any(name in given for name in WORKERS):
            low, high = (
                self._text(given[name]) if name in given else default
                for name, default in zip(WORKERS, ("0", "1"), strict=True)
            )
            parts.append(f"workers=({low}, {high})")
        if LOCATIONS in given:
            parts.append(f"datacenter={self._text(given[LOCATIONS])}.split(',')")
        if value.kind.startswith("Cpu") and "instanceIds" not in given:
            parts.append(f'cpu="{DEFAULT_CPU}"')
        if any(
            name not in (*PARAMETER_BY_FIELD, *WORKERS, LOCATIONS, *OF_ENDPOINT) for name in given
        ):
            raise _CannotRewrite
        for name in OF_ENDPOINT:
            texts = [self._text(use.arguments[name]) for use in value.uses if name in use.arguments]
            if len(texts) > 1 or (texts and not _is_literal(texts[0])):
                raise _CannotRewrite
            parts += [f"{name}={text}" for text in texts]
        return f"Endpoint({', '.join(parts)})"

    def _text(self, argument: Argument) -> str:
        """Return the text of an argument.

        Raises:
            _CannotRewrite: the source does not contain the argument on its own, as in `**CONFIG`.
        """
        text = self.decoder.machine.text_at(argument.span)
        try:
            parse_expression(text)
        except SyntaxError as error:
            raise _CannotRewrite from error
        if text.startswith("**") or "#" in text:
            raise _CannotRewrite
        return text


def _is_literal(text: str) -> bool:
    """Return whether a text means the same at every place."""
    try:
        evaluate_literal(text)
    except (ValueError, SyntaxError):
        return False
    return True


def _imports(syntax: Syntax) -> Iterator[Edit]:
    """Yield the edits that import `Endpoint` in the place of the older names.

    Raises:
        _CannotRewrite: the names are used or imported in another way.
    """
    old = {REMOTE, *CLASSES}
    for node in _nodes(syntax.tree):
        if not isinstance(node, cst.ImportFrom) or isinstance(node.names, cst.ImportStar):
            continue
        module = (dotted(node.module) if node.module is not None else None) or ""
        if module.partition(".")[0] not in PACKAGES or node.relative:
            continue
        names = [(item.evaluated_name, item.evaluated_alias) for item in node.names]
        if not any(name in old for name, _ in names):
            continue
        if any(name in old and alias is not None for name, alias in names):
            raise _CannotRewrite
        kept = [(name, alias) for name, alias in names if name not in old]
        listed = [f"{name} as {alias}" if alias else name for name, alias in kept]
        if "Endpoint" not in listed:
            listed = sorted([*listed, "Endpoint"])
        package = "runpod_flash" if module.startswith("tetra_rp") else module
        yield Edit(syntax.span(node), f"from {package} import {', '.join(listed)}")
    if any(isinstance(node, cst.Import) and _imports_sdk(node) for node in _nodes(syntax.tree)):
        raise _CannotRewrite


def _imports_sdk(node: cst.Import) -> bool:
    """Return whether `import a, b` imports an SDK, so that its names are attributes."""
    return any(item.evaluated_name.partition(".")[0] in PACKAGES for item in node.names)


def _nodes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield a node and all nodes inside it."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(children(current))
