"""Make Python's objects of a function's annotations, with stand-ins for the classes that are not here."""

from __future__ import annotations

import builtins
import inspect
import types
import typing
from enum import EnumMeta
from types import EllipsisType
from typing import Any

import libcst as cst
from msgspec import Struct, field

from flashc.evaluator.activation import OutOfSteps
from flashc.evaluator.failures import PythonError
from flashc.evaluator.library.attributes import attribute
from flashc.evaluator.library_values import LiteralType, RouteMarker, TypeForm
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import ClassValue, FunctionValue
from flashc.evaluator.values import External, Known, Unknown, Value
from flashc.syntax.walk import dotted, string_literal

from .stand_ins import UNKNOWN, external, has_schema, is_stand_in, marker

_SOMETHING = object()  # a default, or a note in `Annotated`, that does not matter
_RECORDS: dict[object, type] = {typing.NamedTuple: tuple, typing.TypedDict: dict}
_WITHOUT_MARKERS = ("pydantic.", "annotated_types.", "typing.", "typing_extensions.", "builtins.")
_SCHEMA_HOOKS = ("__get_pydantic_core_schema__", "__get_validators__", "__pydantic_core_schema__")
_DEEPEST = 8  # dependencies of dependencies
_FORMS = (object, typing.Generic, typing.Protocol)  # bases that say nothing


class _Unclear(Exception):
    """What a default or a note is decides where an argument travels, and the source does not show it."""


class AnnotationReader(Struct, eq=False, kw_only=True):
    """Reads the parameters of one function.

    `guess` stands for every type that the source does not show; `has_guessed` says that there was one.
    `plain_classes` are the stand-ins for classes of the project of which pydantic knows nothing;
    `without_schema` says that a type may be one that pydantic knows nothing of.
    """

    machine: Machine
    function: FunctionValue
    guess: object
    depth: int = 0
    has_guessed: bool = False
    without_schema: bool = False
    plain_classes: set[type] = field(default_factory=set[type])
    _in_text: bool = False
    _classes: dict[int, Value] = field(default_factory=dict[int, Value])
    _kept: list[object] = field(default_factory=list[object])

    def parameters(self) -> list[inspect.Parameter]:
        """Return the parameters, with annotations and defaults that are objects."""
        params, kinds = self.function.node.params, inspect.Parameter
        listed: list[tuple[cst.Param, Any]] = []
        listed += [(p, kinds.POSITIONAL_ONLY) for p in params.posonly_params]
        listed += [(p, kinds.POSITIONAL_OR_KEYWORD) for p in params.params]
        if isinstance(params.star_arg, cst.Param):
            listed.append((params.star_arg, kinds.VAR_POSITIONAL))
        listed += [(p, kinds.KEYWORD_ONLY) for p in params.kwonly_params]
        if params.star_kwarg is not None:
            listed.append((params.star_kwarg, kinds.VAR_KEYWORD))
        return [self._parameter(param, kind) for param, kind in listed]

    def returned(self) -> object:
        """Return the object of what the function is annotated to return."""
        node = self.function.node.returns
        try:
            return self._guessed() if node is None else self.of_node(node.annotation)
        except _Unclear:
            return self._guessed()

    def _parameter(self, param: cst.Param, kind: Any) -> inspect.Parameter:
        """Return one parameter."""
        made = inspect.Parameter(param.name.value, kind)
        try:
            if param.annotation is not None:
                made = made.replace(annotation=self.of_node(param.annotation.annotation))
            if param.default is not None:
                value = self.function.defaults.get(param.name.value)
                default = _SOMETHING if value is None else self._note_of(value)
                self._depend_on_type(default, made.annotation)
                made = made.replace(default=default)
        except _Unclear:
            made = made.replace(annotation=self._guessed())
        return made

    def _guessed(self) -> object:
        """Return what stands for a type that the source does not show."""
        self.has_guessed = self.without_schema = True
        return self.guess

    # Expressions ----------------------------------------------------------------------------------

    def of_node(self, node: cst.BaseExpression) -> object:
        """Return the object that an annotation stands for.

        Raises:
            _Unclear: a note in `Annotated` may be a marker.
        """
        match node:
            case cst.Name() | cst.Attribute():
                return self._of_value(self._named(node))
            case cst.SimpleString() | cst.ConcatenatedString():
                return self._of_text(string_literal(node))
            case cst.BinaryOperation(left=left, operator=cst.BitOr(), right=right):
                return self._subscripted(typing.Union, [self.of_node(left), self.of_node(right)])
            case cst.Subscript(value=value):
                parts = [e.slice.value for e in node.slice if isinstance(e.slice, cst.Index)]
                return self._of_subscript(self.of_node(value), parts)
            case cst.Ellipsis():
                return ...
            case cst.List():  # the parameters of a `Callable`
                return [self.of_node(element.value) for element in node.elements]
            case _:
                return self._guessed()

    def _of_subscript(self, origin: object, parts: list[cst.BaseExpression]) -> object:
        """Return the object of `origin[parts]`."""
        if origin is typing.Literal:
            return typing.Literal["..."]
        if origin is typing.Annotated:
            return self._annotated(self.of_node(parts[0]), [self._note(n) for n in parts[1:]])
        return self._subscripted(origin, [self.of_node(part) for part in parts])

    def _note(self, node: cst.BaseExpression) -> object:
        """Return a note of `Annotated`: a stand-in for a marker of FastAPI, or anything else.

        Raises:
            _Unclear: it may be a marker.
        """
        if not isinstance(node, cst.Call):
            return self._note_of(self._named(node)) if dotted(node) else _SOMETHING
        callee = self._named(node.func)
        if isinstance(callee, Known) and isinstance(callee.value, External):
            if callee.value.name.startswith(_WITHOUT_MARKERS):
                return _SOMETHING
        if self._in_text:
            raise _Unclear
        try:
            return self._note_of(self.machine.evaluate(node, self.function.frame))
        except (PythonError, OutOfSteps):
            raise _Unclear from None

    def _note_of(self, value: Value) -> object:
        """Return a default or a note: a stand-in for a marker of FastAPI, or anything else.

        Raises:
            _Unclear: it may be a marker.
        """
        if isinstance(value, Unknown):
            raise _Unclear
        if not isinstance(value, Known) or not isinstance(value.value, RouteMarker):
            return _SOMETHING
        if value.value.options is None:
            raise _Unclear
        dependency = value.value.dependency
        given = None if dependency is None else self._callable(dependency)
        options = {"dependency": given, "has_default": value.value.has_default}
        return marker(value.value.name, {**value.value.options, **options})

    def _depend_on_type(self, note: Any, kind: object) -> None:
        """Complete a marker `Depends()`, whose dependency is the annotated class."""
        if getattr(note, "dependency", _SOMETHING) is None:
            found = self._classes.get(id(kind))
            note.dependency = _SOMETHING if found is None else self._callable(found)

    def _callable(self, value: Value) -> object:
        """Return what has the signature of a dependency; something without one if it is not known."""
        inside = value.value if isinstance(value, Known) else None
        skipped = 0
        if isinstance(inside, ClassValue) and not inside.decorated and not inside.node.keywords:
            constructor = inside.find("__init__")
            inside = constructor.value if isinstance(constructor, Known) else None
            skipped = 1
        if not isinstance(inside, FunctionValue) or inside.decorated or self.depth >= _DEEPEST:
            return _SOMETHING

        def stand_in() -> None:
            """Stand for the dependency."""

        reader = AnnotationReader(
            machine=self.machine, function=inside, guess=self.guess, depth=self.depth + 1
        )
        listed = reader.parameters()[skipped:]
        self.has_guessed |= reader.has_guessed
        stand_in.__signature__ = inspect.Signature(listed)  # type: ignore[attr-defined]
        return stand_in

    def _named(self, node: cst.BaseExpression) -> Value:
        """Return the value of a name or of an attribute of one; that it is read is recorded."""
        span = self.function.name_span
        if isinstance(node, cst.Attribute):
            try:
                return attribute(self.machine, self._named(node.value), node.attr.value, span)
            except PythonError as error:
                return Unknown(reason=str(error), origin=span)
        if not isinstance(node, cst.Name):
            return Unknown(reason="flashc does not read this annotation", origin=span)
        frame, name = self.function.frame, node.value
        self.machine.interactions.note_read("", frame.syntax.name, name)
        found = frame.lookup(name)
        if found is None and name == "None":
            return Known(None, span)
        if found is None and hasattr(builtins, name):
            return Known(External(f"builtins.{name}"), span)
        return found or Unknown(reason=f"`{name}` is not defined here", origin=span)

    def _of_text(self, text: str | None) -> object:
        """Return the object of an annotation that is written as a string."""
        try:
            node = cst.parse_expression(text or "")
        except (cst.ParserSyntaxError, cst.CSTValidationError):
            return self._guessed()
        outer, self._in_text = self._in_text, True
        try:
            return self.of_node(node)
        finally:
            self._in_text = outer

    # Values ---------------------------------------------------------------------------------------

    def _of_value(self, value: Value) -> object:
        """Return the object that the value of an annotation stands for."""
        match value.value if isinstance(value, Known) else value:
            case (None | EnumMeta() | EllipsisType()) as itself:
                return itself
            case str() as text:
                return self._of_text(text)
            case External(name=name):
                self.without_schema |= not has_schema(name)
                found = external(name)
                return self._guessed() if found is UNKNOWN else found
            case LiteralType():
                return typing.Literal["..."]
            case TypeForm(origin=origin, arguments=arguments):
                return self._of_form(self._of_value(origin), arguments)
            case ClassValue() as class_value:
                made = self._of_class(class_value)
                self._classes[id(made)] = value
                self._kept.append(made)  # so that its `id` is its own
                return made
            case _:
                return self._guessed()

    def _of_form(self, origin: object, arguments: tuple[Value, ...]) -> object:
        """Return the object of a type that is made of others and has a name in the program."""
        if origin is typing.Annotated:
            notes = [self._note_of(note) for note in arguments[1:]]
            return self._annotated(self._of_value(arguments[0]), notes)
        return self._subscripted(origin, [self._of_value(value) for value in arguments])

    def _annotated(self, kind: object, notes: list[object]) -> object:
        """Return `Annotated[kind, *notes]`."""
        for note in notes:
            self._depend_on_type(note, kind)
        return self._subscripted(typing.Annotated, [kind, *notes])

    def _subscripted(self, origin: Any, arguments: list[object]) -> object:
        """Return `origin[arguments]`; a class that is not generic here stays what it is."""
        is_class = isinstance(origin, type) and typing.get_origin(origin) is None
        if origin is self.guess or (is_class and is_stand_in(origin)):
            return origin
        generic: Any = origin
        try:
            return generic[tuple(arguments) if len(arguments) != 1 else arguments[0]]
        except (TypeError, AttributeError):
            return self._guessed()

    def _of_class(self, class_value: ClassValue) -> object:
        """Return a stand-in for a class of the project."""
        if class_value.decorated:
            return self._guessed()
        bases: list[Any] = []
        for value in class_value.bases:
            inside = value.value if isinstance(value, Known) else None
            base: Any = self._of_value(inside.origin if isinstance(inside, TypeForm) else value)
            if base is self.guess and self.has_guessed:
                return base
            base = _RECORDS.get(base, base)
            if isinstance(base, type) and base not in _FORMS:
                bases.append(base)
        body: dict[str, object] = {"__module__": class_value.frame.syntax.name}
        if class_value.is_record:
            body["__dataclass_fields__"] = {}
        try:
            made = types.new_class(class_value.name, tuple(bases), {}, lambda n: n.update(body))
        except TypeError:
            return self._guessed()
        if not class_value.is_record and self.plain_classes.issuperset(bases):
            if not any(class_value.find(hook) for hook in _SCHEMA_HOOKS):
                self.plain_classes.add(made)
                self.without_schema = True
        return made
