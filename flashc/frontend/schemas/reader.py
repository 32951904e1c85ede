"""Turn an annotation into the schema of its values, as the codec of jobs or pydantic writes and reads them."""

from __future__ import annotations

from collections.abc import Callable
from enum import EnumMeta
from types import EllipsisType

import libcst as cst
from msgspec import Struct, field
from msgspec.structs import replace

from flashc.evaluator.library_values import (
    LiteralType,
    NewTypeValue,
    RouteMarker,
    TypeForm,
    TypeVariable,
)
from flashc.evaluator.objects import ClassValue, FieldValue
from flashc.evaluator.values import External, Known, Unknown, Value, variables_of
from flashc.syntax.walk import string_literal
from flashc_ir.schemas import (
    ANY,
    NULL,
    Anything,
    Choice,
    Definition,
    Limit,
    OneOf,
    Ref,
    Schema,
    optional,
    union_of,
    with_limits,
)

from . import library_types as lib
from .classes import external_name, sort_of
from .containers import container, overlap
from .json_values import converts_values, json_of, limits_of, written_members
from .names import Context, NameReader

_NO_JSON = "flashc does not know what it is"
_TOO_DEEP = "it is nested too deeply"
_DEEPEST, _MOST_STEPS = 40, 20_000
OfClass = Callable[
    ["SchemaReader", ClassValue, tuple[Schema, ...], bool, lib.Way],
    Schema,
]


class SchemaReader(Struct, eq=False, kw_only=True):
    """Reads the annotations of one interface.

    `of_class` returns the schema of a class of the project; `definitions` are those of the classes that
    it met.
    """

    names: NameReader
    of_class: OfClass
    definitions: dict[str, Definition | None] = field(
        default_factory=dict[str, "Definition | None"]
    )
    _keys: dict[object, str] = field(default_factory=dict[object, str])
    _kept: list[object] = field(default_factory=list[object])
    _open: set[object] = field(default_factory=set[object])
    _depth: int = 0
    _steps: int = 0
    _converts: bool = False

    # Annotations as syntax ------------------------------------------------------------------------

    def of_field(
        self, node: cst.BaseExpression, context: Context, way: lib.Way
    ) -> tuple[Schema, bool]:
        """Return the schema of a field or argument, and whether code in its annotation converts data first."""
        return self.watched(lambda: self.of_node(node, context, way), way)

    def watched(self, make: Callable[[], Schema], way: lib.Way) -> tuple[Schema, bool]:
        """Return the schema that `make` returns, and whether code in its annotations converts data first."""
        outer, self._converts = self._converts, False
        schema = make()
        converts, self._converts = self._converts and way == "in", outer
        return schema, converts

    def of_node(self, node: cst.BaseExpression, context: Context, way: lib.Way) -> Schema:
        """Return the schema of an annotation; any data if it is nested too deeply, as one without end is."""
        self._steps += 1
        if self._depth >= _DEEPEST or self._steps > _MOST_STEPS:
            return Anything(note=_TOO_DEEP)
        self._depth += 1
        try:
            return self._of_node(node, context, way)
        finally:
            self._depth -= 1

    def _of_node(self, node: cst.BaseExpression, context: Context, way: lib.Way) -> Schema:
        """Return the schema of an annotation, by the form of its syntax."""
        match node:
            case cst.Name(value=name) if name in context.scope:  # a parameter of `class Box[T]`
                return context.scope[name]
            case cst.Name() | cst.Attribute():
                return self.of_value(self.names.named(node, context), context, way)
            case cst.SimpleString() | cst.ConcatenatedString():
                return self._of_text(string_literal(node), context, way)
            case cst.BinaryOperation(operator=cst.BitOr()):
                return self._union(
                    [self.of_node(n, context, way) for n in _operands(node)], context
                )
            case cst.Subscript(value=value):
                parts = [e.slice.value for e in node.slice if isinstance(e.slice, cst.Index)]
                return self._of_subscript(self.names.named(value, context), parts, context, way)
            case cst.Call() if not context.in_text:
                return self.of_value(self.names.evaluated(node, context), context, way)
            case _:
                return Anything(note=_NO_JSON)

    def _of_subscript(
        self, origin: Value, parts: list[cst.BaseExpression], context: Context, way: lib.Way
    ) -> Schema:
        """Return the schema of `origin[parts]`."""
        name = external_name(origin)
        context = _inside(origin, context)
        if name in lib.LITERAL:
            values = [self.names.evaluated(part, context) for part in parts]
            return self._choice(values)
        if name in lib.ANNOTATED and parts:
            notes = [self.names.evaluated(part, context) for part in parts[1:]]
            return self._annotated(self.of_node(parts[0], context, way), notes, context)
        if name in lib.TUPLES and len(parts) == 2 and isinstance(parts[1], cst.Ellipsis):
            return self._form(origin, [self.of_node(parts[0], context, way), ...], context, way)
        if name in lib.TUPLES and len(parts) == 1 and _is_empty_tuple(parts[0]):
            return self._form(origin, [], context, way, is_empty=True)
        return self._form(origin, [self.of_node(p, context, way) for p in parts], context, way)

    def _of_text(self, text: str | None, context: Context, way: lib.Way) -> Schema:
        """Return the schema of an annotation that is written as a string."""
        try:
            node = cst.parse_expression(text or "")
        except (cst.ParserSyntaxError, cst.CSTValidationError):
            return Anything(note=_NO_JSON)
        return self.of_node(node, replace(context, in_text=True), way)

    # Annotations as values ------------------------------------------------------------------------

    def of_value(self, value: Value, context: Context, way: lib.Way) -> Schema:
        """Return the schema of the value of an annotation; any data for an alias that contains itself."""
        inside = value.value if isinstance(value, Known) else None
        alias: object = inside if isinstance(inside, str) else id(inside)
        if not isinstance(inside, (str, TypeForm)):
            return self._of_value(value, context, way)
        if alias in self._open:
            return Anything(note="it contains itself")
        self._open.add(alias)
        try:
            return self._of_value(value, context, way)
        finally:
            self._open.discard(alias)

    def _of_value(self, value: Value, context: Context, way: lib.Way) -> Schema:
        """Return the schema of the value of an annotation, by what it is."""
        match value.value if isinstance(value, Known) else value:
            case None:
                return NULL
            case str() as text:
                return self._of_text(text, context, way)
            case EnumMeta() as enum_class if not variables_of(value):
                return self._of_enum(enum_class, way)
            case External(name=name):
                return self._ofexternal_name(name, context, way)
            case LiteralType(members=members):
                return self._choice(members)
            case TypeForm(origin=origin, arguments=arguments):
                return self._of_form(origin, arguments, context, way)
            case NewTypeValue(of=of):
                return self.of_value(of, context, way)
            case TypeVariable() as variable:
                return self._of_variable(variable, context, way)
            case ClassValue() as class_value:
                return self.of_class(self, class_value, (), context.by_pydantic, way)
            case Unknown(reason=reason):
                return Anything(note=reason)
            case _:
                return Anything(note=_NO_JSON)

    def _ofexternal_name(self, name: str, context: Context, way: lib.Way) -> Schema:
        """Return the schema of a type from outside the project without brackets."""
        found = container(name, None, context.by_pydantic, way, self.definitions)
        if found is not None:
            return found
        if name in lib.ARRAYS:
            return self._of_array(way)
        return lib.of_name(name, way, by_pydantic=context.by_pydantic)

    def _of_form(
        self, origin: Known, arguments: tuple[Value, ...], context: Context, way: lib.Way
    ) -> Schema:
        """Return the schema of a type that is made of others and has a name in the program."""
        if external_name(origin) in lib.ANNOTATED and arguments:
            inner = self.of_value(arguments[0], context, way)
            return self._annotated(inner, list(arguments[1:]), context)
        context = _inside(origin, context)
        parts: list[Schema | EllipsisType] = [
            ... if isinstance(a, Known) and a.value is ... else self.of_value(a, context, way)
            for a in arguments
        ]
        return self._form(origin, parts, context, way)

    def _form(
        self,
        origin: Value,
        parts: list[Schema | EllipsisType] | list[Schema],
        context: Context,
        way: lib.Way,
        *,
        is_empty: bool = False,
    ) -> Schema:
        """Return the schema of `origin[parts]`; `is_empty` stands for `tuple[()]`."""
        inside = origin.value if isinstance(origin, Known) else None
        if isinstance(inside, ClassValue):
            given = tuple(part for part in parts if not isinstance(part, EllipsisType))
            return self.of_class(self, inside, given, context.by_pydantic, way)
        if isinstance(inside, TypeForm):  # an alias with type variables
            return Anything(note="flashc does not fill in the type variables of an alias")
        name = external_name(origin)
        schemas = [part for part in parts if not isinstance(part, EllipsisType)]
        if name in lib.UNION:
            return self._union(schemas, context)
        if name in lib.OPTIONAL and len(schemas) == 1:
            return optional(schemas[0])
        if name in lib.WRAPPERS and len(schemas) == 1:
            return schemas[0]
        if name in lib.ARRAYS:
            return self._of_array(way)
        inner = [] if is_empty else list(parts)
        found = container(name, inner, context.by_pydantic, way, self.definitions)
        if found is not None:
            return found
        if isinstance(origin, Unknown):
            return Anything(note=origin.reason)
        return lib.of_name(name, way, by_pydantic=context.by_pydantic)

    def _of_variable(self, variable: TypeVariable, context: Context, way: lib.Way) -> Schema:
        """Return what stands for a type variable, or its bound."""
        if variable in context.scope:
            return context.scope[variable]
        bare = replace(context, scope={})
        if variable.constraints:
            members = [self.of_value(each, bare, way) for each in variable.constraints]
            return self._union(members, context)
        return ANY if variable.bound is None else self.of_value(variable.bound, bare, way)

    def _union(self, members: list[Schema], context: Context) -> Schema:
        """Return the schema of a union; the codec of jobs numbers the members that look alike.

        Python makes one union of nested ones, so that their members get numbers of the outer one.
        """
        members = list(dict.fromkeys(part for each in members for part in _members(each)))
        plain = [each for each in members if each != NULL]
        alike = any(
            overlap(first, second, self.definitions)
            for index, first in enumerate(plain)
            for second in plain[index + 1 :]
            if first != second
        )
        if context.by_pydantic or not alike:
            return union_of(tuple(members))
        tagged = union_of(tuple(plain), tagged=True)
        return OneOf(members=(tagged, NULL)) if len(plain) < len(members) else tagged

    def _choice(self, members: list[Value] | tuple[Value, ...]) -> Schema:
        """Return the schema of a `Literal`."""
        texts = [json_of(member) for each in members for member in _flat(each)]
        known = tuple(text for text in texts if text is not None)
        if len(known) < len(texts) or variables_of(*members):
            return Anything(note="flashc does not know the members of the `Literal`")
        return Choice(values=tuple(dict.fromkeys(known)))

    def _annotated(self, schema: Schema, notes: list[Value], context: Context) -> Schema:
        """Return the schema of `Annotated[..., *notes]`."""
        limits: tuple[Limit, ...] = ()
        self._converts = self._converts or (context.by_pydantic and any(map(_may_convert, notes)))
        for each in notes:
            inside = each.value if isinstance(each, Known) else None
            if isinstance(inside, FieldValue):
                limits += limits_of(inside.options)
            elif isinstance(inside, RouteMarker):
                limits += limits_of(inside.given)
        return with_limits(schema, limits) if limits else schema

    # Classes --------------------------------------------------------------------------------------

    def _of_enum(self, enum_class: EnumMeta, way: lib.Way) -> Schema:
        """Return a reference to the definition of an enum."""
        values, title = written_members(enum_class), enum_class.__name__
        loose = way == "in" and converts_values(enum_class)
        key, is_new = self.key_for(("enum", title, values, loose), title, way)
        if is_new:
            self.define(key, title, Choice(values=values) if values else ANY, loose=loose)
        return Ref(key=key)

    def _of_array(self, way: lib.Way) -> Schema:
        """Return the schema of an array of numpy: numbers in lists, or the bytes of the array."""
        key, is_new = self.key_for("numpy array", "Array", way)
        if is_new:
            lists, _ = self.key_for("numpy lists", "ArrayItems", way)
            self.define(lists, "ArrayItems", lib.array_items(Ref(key=lists)))
            either = OneOf(members=(Ref(key=lists), lib.ARRAY_BYTES))
            self.define(key, "Array", either, loose=way == "in")
        return Ref(key=key)

    def key_for(self, identity: object, title: str, way: lib.Way) -> tuple[str, bool]:
        """Return the key of a definition, and whether it is new."""
        full = (way, identity)
        if full in self._keys:
            return self._keys[full], False
        base = title if way == "in" else f"out:{title}"
        key, number = base, 2
        while key in self.definitions:
            key, number = f"{base}~{number}", number + 1
        self._keys[full] = key
        self._kept.append(identity)
        self.definitions[key] = None
        return key, True

    def define(
        self,
        key: str,
        title: str,
        schema: Schema,
        *,
        by_pydantic: bool = False,
        loose: bool = False,
    ) -> None:
        """Keep the definition of a key."""
        self.definitions[key] = Definition(
            key=key, title=title, schema=schema, by_pydantic=by_pydantic, loose=loose
        )

    def used_definitions(self) -> tuple[Definition, ...]:
        """Return all definitions, by their keys."""
        found = (self.definitions[key] for key in sorted(self.definitions))
        return tuple(each for each in found if each is not None)


def _inside(origin: Value, context: Context) -> Context:
    """Return the context of type arguments: pydantic converts what is in its models."""
    inside = origin.value if isinstance(origin, Known) else None
    is_model = isinstance(inside, ClassValue) and sort_of(inside) in ("model", "root")
    return replace(context, by_pydantic=True) if is_model else context


def _may_convert(note: Value) -> bool:
    """Return whether a note of `Annotated` may be a validator that converts data before pydantic reads it."""
    inside = note.value if isinstance(note, Known) else note
    return not isinstance(inside, (FieldValue, RouteMarker, str, int, float, type(None)))


def _flat(member: Value) -> tuple[Value, ...]:
    """Return the members of a `Literal` inside of a `Literal`."""
    inside = member.value if isinstance(member, Known) else None
    return inside.members if isinstance(inside, LiteralType) else (member,)


def _operands(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """Return `a`, `b` and `c` of `a | b | c`."""
    found: list[cst.BaseExpression] = []
    pending = [node]
    while pending:
        match pending.pop():
            case cst.BinaryOperation(left=left, operator=cst.BitOr(), right=right):
                pending += (right, left)
            case other:
                found.append(other)
    return found


def _members(schema: Schema) -> tuple[Schema, ...]:
    """Return the members of a schema if it is that of a union in an annotation; else the schema."""
    if not isinstance(schema, OneOf):
        return (schema,)
    if schema.tagged:
        return schema.members
    if any(isinstance(member, OneOf) and member.tagged for member in schema.members):
        return tuple(part for member in schema.members for part in _members(member))
    return (schema,)


def _is_empty_tuple(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Tuple) and not node.elements
