"""Convert values to the types of fields as pydantic does, which computes the result itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Annotated, Any, cast

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.library_values import SecretText, TypeForm
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Argument, CallArguments, ClassValue, InstanceValue
from flashc.evaluator.operations.apply import apply, cause, fail, resolve_symbolic, tainted
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import (
    DictValue,
    Known,
    NotConcrete,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    concrete,
    lift,
    variables_of,
)
from flashc_core.source import Span

from .model_fields import ModelField, ModelOptions, is_model, options_of
from .model_types import (
    CONTAINERS,
    OF_TEXTS,
    PATHS,
    PLAIN,
    SECRETS,
    NoType,
    alternatives,
    class_of,
    is_none_type,
    keeps_text,
    kinds_of,
    name_of,
    python_type,
)


def fitted(
    machine: Machine, value: Value, field: ModelField, options: ModelOptions, span: Span
) -> Value:
    """Return what pydantic makes of a value for a field.

    Raises:
        PythonError: pydantic refuses the value.
    """
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Symbolic) and keeps_text(field, options) and _takes(value, field.form):
        is_secret = any(name_of(each) in SECRETS for each in alternatives(field.form))
        return Known(SecretText(value), span) if is_secret else value
    resolved = resolve_symbolic(machine, value)
    if not isinstance(resolved, Known):
        return resolved
    return _Fitting(machine, field, options, span).of(resolved, field.form)


def _takes(value: Symbolic, form: Value | None) -> bool:
    """Return whether a text that may be missing fits a type."""
    return not value.optional or any(map(is_none_type, alternatives(form)))


class _Fitting:
    """Converts the value of one field."""

    def __init__(
        self, machine: Machine, field: ModelField, options: ModelOptions, span: Span
    ) -> None:
        self._machine = machine
        self._field = field
        self._options = options
        self._span = span

    def of(self, value: Value, form: Value | None) -> Value:
        """Return a value, or a part of one, as a type says."""
        if not isinstance(value, Known) or form is None or not isinstance(form, Known):
            return self._unclear() if isinstance(value, Known) else value
        if isinstance(value.value, DialectObject) or name_of(form) == "typing.Any":
            return value
        if name_of(form) in SECRETS and isinstance(value.value, (str, SecretText)):
            inside = value.value
            return value if isinstance(inside, SecretText) else Known(SecretText(value), self._span)
        if name_of(form) in PATHS and isinstance(value.value, (ProjectPath, PurePosixPath)):
            return self._path(value)
        structured = self._structured(value, form)
        return self._converted(value, form) if structured is None else structured

    def _path(self, value: Known) -> Value:
        """Return a path as a `pathlib.Path`."""
        inside = value.value
        if isinstance(inside, ProjectPath) and inside.text:
            return Known(ProjectPath(inside.path, False, inside.normalised), value.origin)
        return value

    def _unclear(self) -> Unknown:
        reason = f"flashc does not know what pydantic makes of the field `{self._field.name}`"
        return Unknown(reason=reason, origin=self._span)

    def _structured(self, value: Known, form: Known) -> Value | None:
        """Return a value that holds objects of the project; None if it holds none."""
        members = alternatives(form)
        if len(members) > 1:
            return self._of_union(value, members)
        if not members:
            return self._unclear()
        (only,) = members
        of = class_of(only)
        if of is not None:
            return self._object(value, of)
        form_value = only.value if isinstance(only, Known) else None
        inside = value.value
        if not isinstance(form_value, TypeForm) or not _holds_objects(only):
            return None
        kind = CONTAINERS.get(name_of(only))
        parts = form_value.arguments
        if (
            isinstance(inside, SequenceValue)
            and inside.is_python
            and kind in (list, tuple)
            and inside.escaped is None
        ):
            same = kind is list or (
                len(parts) == 2 and isinstance(parts[1], Known) and parts[1].value is ...
            )
            if same and inside.kind in (list, tuple):
                kept = inside.kind if inside.kind in kinds_of(name_of(only)) else kind
                return Known(
                    SequenceValue(kept, [self.of(i, parts[0]) for i in inside.items]), value.origin
                )
        if isinstance(inside, DictValue) and kind is dict and _has_text_keys(inside, parts):
            entries = {
                key: (shown, self.of(item, parts[1]))
                for key, (shown, item) in inside.entries.items()
            }
            return Known(DictValue(entries, inside.escaped), value.origin)
        return self._unclear()

    def _of_union(self, value: Known, members: list[Value]) -> Value | None:
        """Return a value of one of several types."""
        if value.value is None:
            return value if any(map(is_none_type, members)) else None
        rest = [each for each in members if not is_none_type(each)]
        if len(rest) == 1:
            return self.of(value, rest[0])
        objects = [each for each in rest if _holds_objects(each)]
        if isinstance(value.value, InstanceValue):
            return value if any(_is_of(value.value, class_of(each)) for each in rest) else None
        return self._unclear() if objects else None

    def _object(self, value: Known, of: ClassValue) -> Value:
        """Return an object of a class of the project: the value itself, or one made of a dict."""
        inside = value.value
        if isinstance(inside, InstanceValue) and _is_of(inside, of):
            always = options_of(self._machine, inside.of).values.get("revalidate_instances")
            return value if always in (None, "never") else self._unclear()
        if isinstance(inside, DictValue) and inside.escaped is not None:
            return inside.escaped
        if not isinstance(inside, DictValue) or not is_model(of):
            return self._unclear()
        return make(self._machine, of, inside, self._span)

    def _converted(self, value: Known, form: Known) -> Value:
        """Return what pydantic itself computes for a constant.

        Raises:
            PythonError: pydantic refuses it.
        """
        try:
            plain = concrete(value)
        except NotConcrete as problem:
            return cause(problem.part, self._span)
        options = {name: v for name in OF_TEXTS if (v := self._options.values.get(name))}
        kind = PLAIN.get(name_of(form)) if not isinstance(form.value, TypeForm) else None
        if kind in (str, int, float, bool) and type(plain) is kind:
            if not self._field.constraints and not (options and kind is str):
                return value
        try:
            made = _validated(python_type(form), plain, self._constraints(), options)
        except NoType:
            return self._unclear()
        except NotConcrete as problem:
            return cause(problem.part, self._span)
        except _Refused as refusal:
            return fail(
                self._machine,
                ValueError,
                f"{self._field.name}: {refusal}",
                self._span,
                variables_of(value),
            )
        if _is_same(made, plain):
            return value
        return tainted(lift(made, value.origin, variables_of(value)), variables_of(value))

    def _constraints(self) -> dict[str, object]:
        """Return the options of the field that restrict its value; raises NotConcrete."""
        return {name: concrete(value) for name, value in self._field.constraints.items()}


def make(machine: Machine, of: ClassValue, entries: DictValue, span: Span) -> Value:
    """Return the object that `Model(**entries)` makes; raises what the call raises."""
    keywords = {
        key: Argument(item, span)
        for key, (_, item) in entries.entries.items()
        if isinstance(key, str)
    }
    call = CallArguments(
        positional=[], keywords=keywords, span=span, text=span, module=of.frame.syntax.name
    )
    return machine.call(Known(of, span), call)


def _is_of(instance: InstanceValue, of: ClassValue | None) -> bool:
    """Return whether an object is of a class of the project."""
    return of is not None and any(each is of for each in instance.of.ancestry())


def _has_text_keys(mapping: DictValue, parts: tuple[Value, ...]) -> bool:
    """Return whether all keys of a dict are texts, as its type with these two parts says."""
    is_text = len(parts) == 2 and name_of(parts[0]) == "builtins.str"
    return is_text and all(type(key) is str for key in mapping.entries)


def _holds_objects(form: Value) -> bool:
    """Return whether a type contains a class of the project."""
    pending = [form]
    while pending:
        inside = current.value if isinstance(current := pending.pop(), Known) else None
        if isinstance(inside, ClassValue):
            return True
        if isinstance(inside, TypeForm):
            pending.extend(inside.arguments)
    return False


class _Refused(Exception):
    """Pydantic refuses a value; the text says why, and does not quote the value."""


def _validated(
    kind: Any, plain: object, constraints: dict[str, object], options: dict[str, object]
) -> object:
    """Return what pydantic makes of a constant.

    Raises:
        NoType: pydantic does not take the type.
        _Refused: it refuses the value.
    """
    # They are slow to import, and few projects need them.
    from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError

    field = cast("Callable[..., Any]", Field)
    config = cast("Callable[..., Any]", ConfigDict)
    try:
        wanted: Any = Annotated[kind, field(**constraints)] if constraints else kind
        adapter: TypeAdapter[object] = TypeAdapter(wanted, config=config(**options) or None)
        return adapter.validate_python(plain)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise _Refused(first["msg"]) from error
    except (PydanticUserError, TypeError) as error:
        raise NoType from error


def _is_same(made: object, plain: object) -> bool:
    """Return whether two constants are equal and of the same types, also inside."""
    if type(made) is not type(plain):
        return False
    if isinstance(made, (list, tuple)) and isinstance(plain, (list, tuple)):
        return len(made) == len(plain) and all(map(_is_same, made, plain))
    if isinstance(made, dict) and isinstance(plain, dict):
        return _is_same(list(made.items()), list(plain.items()))
    return made == plain


def read_json(machine: Machine, text: Value, span: Span) -> Value:
    """Return what settings read from a variable whose field holds a container or a model."""
    return apply(machine, json.loads, span, resolve_symbolic(machine, text))
