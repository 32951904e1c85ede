"""Define the schemas of classes with fields: dataclasses, TypedDict, NamedTuple, attrs, models of pydantic."""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst
from msgspec import Struct
from msgspec.structs import replace

from flashc.evaluator.library.model_fields import options_of
from flashc.evaluator.library_values import TypeForm
from flashc.evaluator.objects import ClassValue, FunctionValue
from flashc.evaluator.values import Known, Value
from flashc.syntax.walk import docstring, dotted, statements
from flashc_ir.schemas import (
    ANY,
    Anything,
    ListOf,
    Plain,
    Property,
    Record,
    Ref,
    Schema,
    TupleOf,
)

from . import library_types as lib
from .classes import Sort, external_name, is_protocol, problem_of, sort_of, type_variables
from .decorators import Maker, attrs_options, has_later_default, maker_of
from .fields import FieldOptions, alias_generator, options_of_field
from .json_values import json_of
from .looseness import converted_fields, converts_data
from .names import Context
from .reader import SchemaReader

_MOST_CLASSES = (
    100  # of one function; a generic class may contain itself with ever longer arguments
)
_SENTINELS = frozenset({"dataclasses.KW_ONLY"})


class _Field(Struct, frozen=True, kw_only=True):
    """A field: its class, name, annotation and default, and the context in which the annotation is read."""

    owner: ClassValue
    name: str
    annotation: cst.BaseExpression
    value: cst.BaseExpression | None
    context: Context

    @property
    def has_value(self) -> bool:
        """Whether the class gives it a default, or a call that may have one."""
        return self.value is not None


def schema_of_class(
    reader: SchemaReader,
    class_value: ClassValue,
    given: tuple[Schema, ...],
    by_pydantic: bool,
    way: lib.Way,
) -> Schema:
    """Return the schema of a class with these type arguments: a reference to its definition."""
    made = _made_by(reader, class_value)
    problem, sort = problem_of(class_value, made), sort_of(class_value)
    if sort == "other" and made:
        sort = "attrs" if "attrs" in made.values() else "dataclass"
    if problem is not None:
        return Anything(note=problem)
    if sort == "other":
        # Other objects may have the methods of a protocol, also some that JSON has.
        name = "" if is_protocol(class_value) else class_value.name
        return Anything(note=f"instances of `{class_value.name}` have no JSON", unsendable=name)
    by_pydantic = by_pydantic or sort in ("model", "root")
    title = class_value.name + "".join(f"_{_title(schema)}" for schema in given)
    if len(reader.definitions) >= _MOST_CLASSES:
        return Anything(note="the types contain too many others")
    key, is_new = reader.key_for((class_value, given, by_pydantic), title, way)
    if is_new:
        record = _Record(reader, way, made)
        definition, loose = reader.watched(
            lambda: record.defined(class_value, given, by_pydantic, sort), way
        )
        if way == "in" and (by_pydantic or "pydantic" in made.values()):
            loose = loose or converts_data(reader.names.machine, class_value)
        reader.define(key, title, definition, by_pydantic=by_pydantic, loose=loose)
    return Ref(key=key)


def _made_by(reader: SchemaReader, class_value: ClassValue) -> dict[ClassValue, Maker]:
    """Return the classes of an ancestry whose decorators make records of them, and of which library these are."""
    found: dict[ClassValue, Maker] = {}
    for each in class_value.ancestry():
        context = replace(_context(each, False, {}), names={})
        maker = maker_of(reader.names, each, context) if each.decorated else None
        if maker is not None:
            found[each] = maker
    return found


class _Record(Struct, frozen=True, eq=False):
    """Makes the definitions of classes in one direction; `made` are those that a library's decorator makes."""

    reader: SchemaReader
    way: lib.Way
    made: Mapping[ClassValue, Maker]

    def defined(
        self, class_value: ClassValue, given: tuple[Schema, ...], by_pydantic: bool, sort: Sort
    ) -> Schema:
        """Return the schema of the values of a class."""
        if sort == "root":
            return self._root(class_value, given)
        fields = self._fields(class_value, given, by_pydantic, sort)
        if sort == "model":
            return self._model(class_value, fields)
        unclear = next((name for name in map(self._unclear, fields) if name is not None), None)
        if unclear is not None:
            return Anything(note=f"code of `{class_value.name}` decides what `{unclear}` is")
        properties = tuple(self._property(each, sort) for each in fields)
        if sort == "named":
            # The first field with a default ends those that must be there.
            required = [each.required for each in properties]
            count = required.index(False) if False in required else len(required)
            return TupleOf(
                items=tuple(each.schema for each in properties),
                required=count,
                names=tuple(each.name for each in properties),
            )
        return Record(properties=properties, description=_description(class_value))

    # Fields ---------------------------------------------------------------------------------------

    def _fields(
        self, class_value: ClassValue, given: tuple[Schema, ...], by_pydantic: bool, sort: Sort
    ) -> list[_Field]:
        """Return the fields of a class, those of its bases first; a class may declare a field again."""
        found: dict[str, _Field] = {}
        scope = dict(zip(type_variables(class_value), given, strict=False))
        context = _context(class_value, by_pydantic, scope)
        for base in reversed(class_value.bases):
            inside = base.value if isinstance(base, Known) else None
            arguments: tuple[Schema, ...] = ()
            if isinstance(inside, TypeForm):
                arguments = tuple(
                    self.reader.of_value(argument, context, self.way)
                    for argument in inside.arguments
                )
                inside = inside.origin.value
            if isinstance(inside, ClassValue):
                inner = self._fields(inside, arguments, by_pydantic, sort)
                found |= {each.name: each for each in inner}
        has_decorator = class_value.is_record or class_value in self.made
        if sort in ("dataclass", "attrs") and not has_decorator:
            return list(found.values())  # a subclass without the decorator adds no fields
        for statement in statements(class_value.node.body):
            if isinstance(statement, cst.AnnAssign) and isinstance(statement.target, cst.Name):
                name = statement.target.value
                node = statement.annotation.annotation
                if self._is_field(name, node, context, sort):
                    found[name] = _Field(
                        owner=class_value,
                        name=name,
                        annotation=node,
                        value=statement.value,
                        context=context,
                    )
        return list(found.values())

    def _is_field(self, name: str, node: cst.BaseExpression, context: Context, sort: Sort) -> bool:
        """Return whether an annotated name is a field that travels."""
        if sort == "model" and (name.startswith("_") or name == "model_config"):
            return False
        outer = node.value if isinstance(node, cst.Subscript) else node
        last = (dotted(outer) or "").rpartition(".")[2]
        if last in ("ClassVar", "InitVar"):
            return False
        found = self.reader.names.named(outer, context) if last == "KW_ONLY" else None
        return external_name(found) not in _SENTINELS

    def _unclear(self, each: _Field) -> str | None:
        """Return the name of a field if code converts its values, or if it has another name in the constructor."""
        maker = self.made.get(each.owner)
        if maker == "attrs":
            options = attrs_options(self.reader.names, each.value, each.context) or {}
            return each.name if "converter" in options else None
        if maker == "pydantic":
            return (
                None if self._options(each).alias(self.way, each.name) == each.name else each.name
            )
        return None

    def _options(self, each: _Field) -> FieldOptions:
        """Return what `Field(...)` says of a field."""
        return FieldOptions.read(self.reader, each.owner, each.name, each.annotation, each.context)

    def _property(self, each: _Field, sort: Sort) -> Property:
        """Return a field of a class that is no model."""
        schema, converts = self.reader.of_field(each.annotation, each.context, self.way)
        if sort == "typed":
            required = self._is_required(each)
            return Property(name=each.name, schema=schema, required=required, loose=converts)
        default: Value | None = each.owner.names.get(each.name)
        options: Mapping[str, object] | None = options_of_field(default)
        is_made_later = options is not None and _is_false(options.get("init"))
        value: object = default if options is None else options.get("default")
        if self.made.get(each.owner) == "attrs":
            options = attrs_options(self.reader.names, each.value, each.context)
            is_made_later = options is not None and _is_named(options.get("init"), "False")
            value = default if options is None else None
        elif self.made.get(each.owner) == "pydantic":
            schema = self._options(each).limited(schema)
            own = converted_fields(each.owner)
            converts = converts or (self.way == "in" and bool(own & {each.name, "*"}))
        has_default = each.has_value and (
            options is None
            or bool(options.keys() & {"default", "default_factory", "factory"})
            or has_later_default(each.owner, each.name)
        )
        if isinstance(value, Known) and value.value is ...:
            has_default = False
        required = self.way == "out" or not (has_default or is_made_later)
        if sort == "named":
            required = not has_default
        return Property(
            name=each.name,
            schema=schema,
            required=required,
            default=json_of(value) if has_default and isinstance(value, Known) else None,
            loose=converts,
        )

    def _is_required(self, each: _Field) -> bool:
        """Return whether a `TypedDict` must have a key."""
        node: cst.BaseExpression = each.annotation
        while isinstance(node, cst.Subscript):
            last = (dotted(node.value) or "").rpartition(".")[2]
            if last in ("Required", "NotRequired"):
                return last == "Required"
            index = node.slice[0].slice
            if last not in ("Annotated", "ReadOnly") or not isinstance(index, cst.Index):
                break
            node = index.value
        return not any(
            keyword.keyword is not None
            and keyword.keyword.value == "total"
            and isinstance(keyword.value, cst.Name)
            and keyword.value.value == "False"
            for keyword in each.owner.node.keywords
        )

    # Models ---------------------------------------------------------------------------------------

    def _model(self, class_value: ClassValue, fields: list[_Field]) -> Schema:
        """Return the schema of a model of pydantic."""
        options = options_of(self.reader.names.machine, class_value)
        is_clear = "model_config" not in options.values
        generate = alias_generator(options.values.get("alias_generator")) if is_clear else None
        own, converted = _dumps_of(class_value), converted_fields(class_value)
        if generate is None or ("" in own and self.way == "out"):
            return Anything(note=f"code of `{class_value.name}` decides what its JSON is")
        properties: list[Property] = []
        for each in fields:
            made = FieldOptions.read(
                self.reader, each.owner, each.name, each.annotation, each.context
            )
            name = made.alias(self.way, each.name)
            if name is None:
                return Anything(note=f"flashc does not know the alias of `{each.name}`")
            if made.is_excluded and self.way == "out":
                continue
            inner, converts = self.reader.of_field(each.annotation, each.context, self.way)
            schema = made.limited(inner)
            if self.way == "out" and own & {each.name, "*"}:
                schema = Anything(note=f"code of `{class_value.name}` writes `{each.name}`")
            key = name if name != each.name else generate(each.name)
            properties.append(
                Property(
                    name=key,
                    schema=schema,
                    required=self.way == "out" or not made.has_default,
                    default=made.default if made.has_default else None,
                    description=made.description,
                    names=made.other_names(key, each.name, options) if self.way == "in" else (),
                    loose=converts or (self.way == "in" and bool(converted & {each.name, "*"})),
                )
            )
        closed = options.values.get("extra") == "forbid"
        if self.way == "out":  # the codec of jobs leaves them out of a closed model
            properties += self._computed(class_value, required=not closed)
        return Record(
            properties=tuple(properties),
            closed=closed,
            description=_description(class_value),
        )

    def _computed(self, class_value: ClassValue, *, required: bool) -> list[Property]:
        """Return the computed fields of a model, which only its JSON has."""
        found: dict[str, Property] = {}
        for owner in reversed(class_value.ancestry()):
            for name, value in owner.names.items():
                inside = value.value if isinstance(value, Known) else None
                if not isinstance(inside, FunctionValue) or inside.kind != "property":
                    continue
                names = [dotted(d.decorator) or "" for d in inside.node.decorators]
                if not any(each.rpartition(".")[2] == "computed_field" for each in names):
                    continue
                returns, context = inside.node.returns, _context(owner, True, {})
                schema: Schema = ANY
                if returns is not None:
                    schema = self.reader.of_node(returns.annotation, context, "out")
                found[name] = Property(name=name, schema=schema, required=required)
        return list(found.values())

    def _root(self, class_value: ClassValue, given: tuple[Schema, ...]) -> Schema:
        """Return the schema of a `RootModel[...]`: that of what is inside."""
        context = _context(
            class_value, True, dict(zip(type_variables(class_value), given, strict=False))
        )
        for statement in statements(class_value.node.body):
            if isinstance(statement, cst.AnnAssign) and dotted(statement.target) == "root":
                return self.reader.of_node(statement.annotation.annotation, context, self.way)
        for base in class_value.bases:
            inside = base.value if isinstance(base, Known) else None
            if isinstance(inside, TypeForm) and inside.arguments:
                return self.reader.of_value(inside.arguments[0], context, self.way)
        return ANY


# Parts of a class ------------------------------------------------------------------------------------


def _context(class_value: ClassValue, by_pydantic: bool, scope: dict[object, Schema]) -> Context:
    """Return the context of the annotations in the body of a class."""
    span = class_value.frame.syntax.span(class_value.node.name)
    return Context(
        frame=class_value.frame,
        span=span,
        by_pydantic=by_pydantic,
        names={**class_value.names, class_value.name: Known(class_value, span)},
        scope=scope,
    )


def _dumps_of(class_value: ClassValue) -> set[str]:
    """Return the fields that methods of a model write; "" if one writes the whole model."""
    found: set[str] = set()
    for ancestor in class_value.ancestry():
        for value in ancestor.names.values():
            inside = value.value if isinstance(value, Known) else None
            mark = inside.validates if isinstance(inside, FunctionValue) else None
            if mark is not None and mark.mode == "dump":
                found |= set(mark.fields) or {""}
    return found


def _description(class_value: ClassValue) -> str:
    return docstring(class_value.node.body) or ""


def _title(schema: Schema) -> str:
    """Return a short name of a type argument, for the title of a generic class."""
    match schema:
        case Ref(key=key):
            return key.removeprefix("out:")
        case Plain(format="", type=kind):
            return {"integer": "int", "number": "float", "string": "str", "boolean": "bool"}.get(
                kind, kind
            )
        case Plain(format=text):
            return text.replace("-", "_")
        case ListOf(item=item):
            return f"list_{_title(item)}"
        case _:
            return schema.kind


def _is_named(node: object, name: str) -> bool:
    return isinstance(node, cst.Name) and node.value == name


def _is_false(value: object) -> bool:
    return isinstance(value, Known) and value.value is False
