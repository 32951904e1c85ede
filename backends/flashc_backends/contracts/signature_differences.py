"""Compare two signatures: the arguments of a function or route, and its result, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct, structs

from flashc_backends.manifest.manifest_model import ManifestParameter, ManifestSignature
from flashc_backends.manifest.type_texts import is_said, schema_of_text
from flashc_ir.schemas import ListOf, Schema

from .remarks import remarks
from .subsumption import Comparison
from .values import Known
from .witnesses import witness

_TEXTS = frozenset(("path", "query", "header", "cookie", "form"))  # values travel as texts there
_Key = tuple[str | None, str]


class Difference(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What callers may notice; `breaks`: calls that worked may fail, or may get something else.

    `member` is the route, the method or the function, "" for the endpoint as a whole.  `example` is the
    JSON of an argument that was accepted and is refused now, or of a result that no earlier build gave,
    if flashc finds one.
    """

    text: str
    breaks: bool
    member: str = ""
    example: str | None = None


def compare_signatures(
    old: ManifestSignature,
    new: ManifestSignature,
    renamed: Mapping[str, str],
    *,
    is_route: bool,
) -> Iterator[Difference]:
    """Yield how two signatures differ; `renamed` are the new names of parameters of the path."""
    if old.parameters is None or new.parameters is None:
        return
    before = [
        structs.replace(p, name=renamed.get(p.name, p.name)) if p.where == "path" else p
        for p in old.parameters
    ]
    known = _Definitions(old.definitions or {}, new.definitions or {})
    yield from _Parameters(before, new.parameters, known).compare()
    was, now = (_Typed(each.returns, each.gives, None) for each in (old, new))
    yield from _results_differ(was, now, known)


class _Definitions(Struct, frozen=True):
    """The definitions of classes before and after a change."""

    old: Known
    new: Known


class _Typed(Struct, frozen=True):
    """A type: the text of its annotation, the schema that the manifest has, and limits in words."""

    text: str | None
    explicit: Schema | None
    limits: str | None

    @property
    def schema(self) -> Schema:
        """The schema, as far as it is known."""
        return schema_of_text(self.text) if self.explicit is None else self.explicit

    @property
    def by_text(self) -> Schema:
        """What the text alone says."""
        return schema_of_text(self.text)

    @property
    def is_known(self) -> bool:
        """Whether the schema says all; that of an older flashc is a text, with limits apart."""
        return self.explicit is not None or (is_said(self.by_text) and self.limits is None)


def _schemas(old: _Typed, new: _Typed) -> tuple[Schema, Schema]:
    """Return the schemas to compare: what the texts say, if one of the two is not known otherwise."""
    if old.is_known and new.is_known:
        return old.schema, new.schema
    return old.by_text, new.by_text


# Results --------------------------------------------------------------------------------------------


def _results_differ(old: _Typed, new: _Typed, known: _Definitions) -> Iterator[Difference]:
    """Yield how the declared results differ; callers rely on what was declared."""
    was, now = _schemas(old, new)
    gaps = Comparison(sent=known.new, taken=known.old, is_result=True).gaps(now, was)
    if gaps:
        example = witness(now, known.new, was, known.old)
        for path, text in gaps:
            yield Difference(
                text=_in_words(
                    f"the result{path}", path, text, old.text, new.text, "(not declared)"
                ),
                breaks=True,
                example=example,
            )
    elif old.text != new.text and not _is_equal(was, now, known):
        text = f"the result: {old.text or '(not declared)'} -> {new.text or '(not declared)'}"
        yield Difference(text=text, breaks=False)
        return
    broken = {path for path, _ in gaps}
    for path, text in remarks(was, now, known.old, known.new, is_result=True):
        if path not in broken:
            words = _in_words(f"the result{path}", path, text, old.text, new.text, "(not declared)")
            yield Difference(text=words, breaks=False)


def _is_equal(old: Schema, new: Schema, known: _Definitions, *, as_text: bool = False) -> bool:
    """Return whether two schemas allow the same data."""
    return not (
        Comparison(sent=known.old, taken=known.new, as_text=as_text).gaps(old, new)
        or Comparison(sent=known.new, taken=known.old, as_text=as_text).gaps(new, old)
    )


def _in_words(
    what: str, path: str, text: str, old: str | None, new: str | None, nothing: str
) -> str:
    """Return a text for a difference; one of the whole value has the texts of the annotations.

    `what` is the value at the path.
    """
    if not path and " -> " in text and old != new and ":" not in text:
        return f"{what}: {old or nothing} -> {new or nothing}"
    return f"{what} {text}" if text.startswith(("is ", "may ", "accepts ")) else f"{what}: {text}"


# Arguments ------------------------------------------------------------------------------------------


class _Parameters:
    """The parameters of a function before and after a change."""

    def __init__(
        self, old: list[ManifestParameter], new: list[ManifestParameter], known: _Definitions
    ) -> None:
        self._old = {_key(parameter): parameter for parameter in old}
        self._new = {_key(parameter): parameter for parameter in new}
        self._old_rest = _rest(old)
        self._new_rest = _rest(new)
        self._known = known

    def compare(self) -> Iterator[Difference]:
        """Yield the differences."""
        for key, old in self._old.items():
            new = self._new.get(key)
            if old.stars == "**":
                yield from self._rest_differs(old)
            elif new is not None:
                yield from self._parameter_differs(old, new)
            else:
                yield self._removed(old)
        for key, new in self._new.items():
            if key not in self._old and not (new.stars == "**" and self._old_rest):
                yield self._added(new)

    def _accepts(self, new: ManifestParameter, old: ManifestParameter) -> bool:
        """Return whether one parameter takes all values of another."""
        was, now = _schemas(_typed(old), _typed(new))
        if new.stars == "*" and old.stars == "**":
            now = ListOf(item=now)
        return not Comparison(sent=self._known.old, taken=self._known.new).gaps(was, now)

    def _rest_differs(self, old: ManifestParameter) -> Iterator[Difference]:
        """Yield what becomes of the arguments that `**` took."""
        if self._new_rest is None:
            yield Difference(text="further arguments are refused", breaks=True)
        elif not self._accepts(self._new_rest, old):
            text = f"further arguments: {_type(old)} -> {_type(self._new_rest)}"
            yield Difference(text=text, breaks=True)

    def _removed(self, old: ManifestParameter) -> Difference:
        rest = self._new_rest
        if rest is not None and not old.stars and self._accepts(rest, old):
            text = f"{_shown(old)} is one of `**{rest.name}`"
            return Difference(text=text, breaks=False)
        return Difference(text=f"{_shown(old)} is removed", breaks=True)

    def _added(self, new: ManifestParameter) -> Difference:
        if new.stars == "**":
            return Difference(text="further arguments are taken", breaks=False)
        taken = self._old_rest
        if not new.optional and not new.stars:
            return Difference(text=f"{_shown(new)} is new and required", breaks=True)
        if taken is not None and (new.stars or not self._accepts(new, taken)):
            text = f"{_shown(new)} was one of `**{taken.name}`, and is {_type(new)}"
            return Difference(text=text, breaks=True)
        return Difference(text=f"{_shown(new)} is new and optional", breaks=False)

    def _parameter_differs(
        self, old: ManifestParameter, new: ManifestParameter
    ) -> Iterator[Difference]:
        """Yield how two parameters of one name differ."""
        if old.stars != new.stars:
            yield Difference(text=f"{_shown(old)} is another kind of parameter", breaks=True)
            return
        if old.optional != new.optional:
            is_required = not new.optional
            word = "required" if is_required else "optional"
            yield Difference(text=f"{_shown(new)} is {word} now", breaks=is_required)
        before, after = _typed(old), _typed(new)
        if before.is_known and after.is_known:
            yield from self._schemas_differ(old, new)
        else:
            yield from self._texts_differ(old, new)

    def _schemas_differ(
        self, old: ManifestParameter, new: ManifestParameter
    ) -> Iterator[Difference]:
        """Yield how the schemas of two parameters differ."""
        known, as_text = self._known, new.where in _TEXTS
        was, now = _typed(old).schema, _typed(new).schema
        gaps = Comparison(sent=known.old, taken=known.new, as_text=as_text).gaps(was, now)
        example = witness(was, known.old, now, known.new) if gaps else None
        for path, text in gaps:
            words = _in_words(_shown(new, path), path, text, old.type, new.type, "(any)")
            yield Difference(text=words, breaks=True, example=example)
        if gaps or not _is_equal(was, now, known, as_text=as_text):
            broken = {path for path, _ in gaps}
            found = [r for r in remarks(was, now, known.old, known.new) if r[0] not in broken]
            if not found and not gaps and old.type != new.type:
                found = [("", f"{_type(old)} -> {_type(new)}")]
            for path, text in found:
                words = _in_words(_shown(new, path), path, text, old.type, new.type, "(any)")
                yield Difference(text=words, breaks=False)

    def _texts_differ(self, old: ManifestParameter, new: ManifestParameter) -> Iterator[Difference]:
        """Yield how two parameters differ if one of them is known by the text of its type alone."""
        if old.type != new.type:
            # What a limit means depends on the type.
            was, now = _typed(old).by_text, _typed(new).by_text
            gaps = Comparison(sent={}, taken={}, as_text=new.where in _TEXTS).gaps(was, now)
            breaks = bool(gaps) or new.limits is not None
            text = f"{_shown(new)}: {_type(old)} -> {_type(new)}"
            yield Difference(text=text, breaks=breaks)
        if old.limits != new.limits:
            text = f"{_shown(new)}: {old.limits or 'no limits'} -> {new.limits or 'no limits'}"
            yield Difference(text=text, breaks=new.limits is not None)


def _typed(parameter: ManifestParameter) -> _Typed:
    return _Typed(parameter.type, parameter.accepts, parameter.limits)


def _key(parameter: ManifestParameter) -> _Key:
    """Return what a call names an argument by; only one parameter is the whole body."""
    return parameter.where, "" if parameter.where == "whole body" else parameter.name


def _rest(parameters: list[ManifestParameter]) -> ManifestParameter | None:
    """Return the parameter that takes all other arguments of a job; requests have none."""
    return next((p for p in parameters if p.stars == "**" and p.where is None), None)


def _shown(parameter: ManifestParameter, path: str = "") -> str:
    """Return a parameter, or a part of it, for a text: with where it travels in a request."""
    name = f"`{parameter.stars or ''}{parameter.name}{path}`"
    return f"{name} ({parameter.where})" if parameter.where is not None else name


def _type(parameter: ManifestParameter) -> str:
    return parameter.type or "(any)"
