"""Report results that JSON can't carry, of functions whose annotation does not say how they travel."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import libcst as cst
from msgspec import Struct, field

from flashc.evaluator.library.model_fields import MODELS, bases_of
from flashc.evaluator.objects import ClassValue, FunctionValue
from flashc.evaluator.values import External, Known
from flashc.syntax.walk import children, dotted
from flashc_core import rules
from flashc_core.diagnostics import Sink

# Annotations with which only what JSON has itself travels.
_PLAIN = frozenset(
    {
        None,
        "dict",
        "list",
        "Any",
        "typing.Any",
        "object",
        "dict[str, Any]",
        "list[Any]",
        "list[dict]",
    }
)
# The kinds of nodes that say what a function returns, or bind a name.
_READ = frozenset(
    {
        *(cst.FunctionDef, cst.ClassDef, cst.Lambda, cst.Return, cst.Yield, cst.Import),
        *(cst.ImportFrom, cst.Assign, cst.AssignTarget, cst.AugAssign, cst.AnnAssign),
        *(cst.NamedExpr, cst.For, cst.CompFor, cst.WithItem, cst.ExceptHandler),
    }
)
# What calls of these functions return; the values have an encoding if the annotation names it.
_RESULTS: dict[str, str] = {
    **{f"builtins.{name}": name for name in ("set", "frozenset", "bytes", "bytearray")},
    "datetime.datetime": "datetime.datetime",
    **{
        f"datetime.datetime.{name}": "datetime.datetime"
        for name in (
            "now",
            "utcnow",
            "today",
            "fromtimestamp",
            "fromisoformat",
            "strptime",
            "combine",
        )
    },
    "datetime.date": "datetime.date",
    "datetime.date.today": "datetime.date",
    "datetime.date.fromisoformat": "datetime.date",
    "datetime.time": "datetime.time",
    "datetime.timedelta": "datetime.timedelta",
    **{f"uuid.{name}": "uuid.UUID" for name in ("UUID", "uuid1", "uuid3", "uuid4", "uuid5")},
    "decimal.Decimal": "decimal.Decimal",
    "fractions.Fraction": "fractions.Fraction",
    "pathlib.Path": "pathlib.Path",
    "pathlib.Path.cwd": "pathlib.Path",
    "collections.deque": "collections.deque",
    **{
        f"numpy.{name}": "numpy.ndarray"
        for name in (
            "array",
            "asarray",
            "zeros",
            "ones",
            "full",
            "arange",
            "linspace",
            "stack",
            "concatenate",
        )
    },
    **{f"numpy.{name}": f"numpy.{name}" for name in ("float32", "int32", "int64")},
}


def report_loose_results(function: FunctionValue, returns: str | None, sink: Sink) -> None:
    """Report what a function of a queue-based endpoint returns, if that surely fails its jobs."""
    if returns not in _PLAIN or function.decorated:
        return
    body = _Body(function=function)
    for node in body.returned():
        for place, value, kind in body.loose(node):
            sink.report(
                rules.RESULT_WITHOUT_ENCODING,
                function.frame.syntax.span(value),
                f"the result of `{function.name}`{place} is a `{kind}`, which JSON can't carry",
                notes=("without an annotation that says how it travels, the job fails",),
                help=(_help(function.name, place, kind, body.has_encoding(value)),),
            )


def _help(name: str, place: str, kind: str, has_encoding: bool) -> str:
    """Return what to write instead."""
    if not has_encoding:
        return f"return its fields as a dictionary, or make `{kind}` a dataclass and annotate it"
    if place:
        return f"annotate what `{name}` returns with the types inside, or convert this value"
    return f"annotate what `{name}` returns: `-> {kind}`"


class _Body(Struct, eq=False, kw_only=True):
    """The body of a function: what it returns, and the values of names that are assigned once."""

    function: FunctionValue
    _assigned: dict[str, list[cst.BaseExpression | None]] = field(
        default_factory=dict[str, "list[cst.BaseExpression | None]"]
    )
    _imported: dict[str, str] = field(default_factory=dict[str, str])
    _returns: list[cst.BaseExpression] = field(default_factory=list["cst.BaseExpression"])

    def __post_init__(self) -> None:
        """Read the body, without functions and classes inside of it."""
        pending: deque[cst.CSTNode] = deque([self.function.node.body])
        while pending:
            node = pending.popleft()
            if type(node) not in _READ:  # most nodes are of other kinds
                pending.extend(children(node))
                continue
            match node:
                case cst.FunctionDef() | cst.ClassDef() | cst.Lambda():
                    continue
                case (
                    cst.Return(value=cst.BaseExpression() as value)
                    | cst.Yield(value=cst.BaseExpression() as value)
                ):
                    self._returns.append(value)
                case cst.Assign(
                    targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value
                ):
                    self._assigned.setdefault(name, []).append(value)
                    pending.append(value)
                    continue
                case cst.Import(names=names):
                    for item in names:
                        bound = item.evaluated_alias or item.evaluated_name.partition(".")[0]
                        self._imported[bound] = item.evaluated_name if item.asname else bound
                case cst.ImportFrom(
                    module=cst.BaseExpression() as module, names=[*names], relative=[]
                ):
                    for item in names:
                        bound = item.evaluated_alias or item.evaluated_name
                        self._imported[bound] = f"{dotted(module)}.{item.evaluated_name}"
                case (
                    cst.AssignTarget()
                    | cst.AugAssign()
                    | cst.AnnAssign()
                    | cst.NamedExpr()
                    | cst.For()
                ):
                    for name in _names(node.target):
                        self._assigned.setdefault(name, []).append(None)
                case cst.CompFor() | cst.WithItem() | cst.ExceptHandler():
                    for name in _names(node):
                        self._assigned.setdefault(name, []).append(None)
                case _:
                    pass
            pending.extend(children(node))

    def returned(self) -> list[cst.BaseExpression]:
        """Return the expressions that the function returns or yields."""
        return self._returns

    def has_encoding(self, node: cst.BaseExpression) -> bool:
        """Return whether an annotation says how a value travels."""
        found = (
            self.function.frame.lookup(dotted(node.func) or "")
            if isinstance(node, cst.Call)
            else None
        )
        inside = found.value if isinstance(found, Known) else None
        return not isinstance(inside, ClassValue) or inside.is_record or _is_model(inside)

    def loose(
        self, node: cst.BaseExpression, depth: int = 0
    ) -> Iterator[tuple[str, cst.BaseExpression, str]]:
        """Yield the parts of a value that JSON can't carry: the place, the expression and its type."""
        match node:
            case cst.Set() | cst.SetComp():
                yield "", node, "set"
            case cst.SimpleString() if "b" in node.prefix.lower():
                yield "", node, "bytes"
            case cst.List(elements=parts) | cst.Tuple(elements=parts) if depth < 4:
                for index, part in enumerate(parts):
                    if isinstance(part, cst.StarredElement):
                        break
                    for place, value, kind in self.loose(part.value, depth + 1):
                        yield f"[{index}]{place}", value, kind
            case cst.IfExp(body=body, orelse=orelse):
                yield from self.loose(body, depth)
                yield from self.loose(orelse, depth)
            case cst.Dict(elements=parts) if depth < 4:
                for entry in parts:
                    if isinstance(entry, cst.DictElement):
                        key = self.function.frame.syntax.code(entry.key)
                        for place, value, kind in self.loose(entry.value, depth + 1):
                            yield f"[{key}]{place}", value, kind
            case cst.Name(value=name) if depth < 4 and len(self._assigned.get(name, ())) == 1:
                assigned = self._assigned[name][0]
                found = [] if assigned is None else list(self.loose(assigned, depth + 1))
                yield from ((place, node, kind) for place, _, kind in found)
            case cst.Call(func=func):
                made = self._made(func)
                if made is not None:
                    yield "", node, made
            case _:
                pass

    def _made(self, func: cst.BaseExpression) -> str | None:
        """Return the type of what a call makes, if JSON can't carry it; else None."""
        name = dotted(func)
        if name is None:
            return None
        first, _, rest = name.partition(".")
        if first in self._assigned or first in {
            p.name.value for p in self.function.node.params.params
        }:
            return None
        if first in self._imported:
            return _RESULTS.get(f"{self._imported[first]}.{rest}".removesuffix("."))
        found = self.function.frame.lookup(first)
        if found is None:
            return _RESULTS.get(f"builtins.{name}")
        inside = found.value if isinstance(found, Known) else None
        if isinstance(inside, External):
            return _RESULTS.get(f"{inside.name}.{rest}".removesuffix("."))
        if isinstance(inside, ClassValue) and not rest:
            return None if _may_be_json(inside) else inside.name
        return None


def _is_model(value: ClassValue) -> bool:
    """Return whether a class is a model of pydantic, and nothing else from outside of the project."""
    bases = bases_of(value)
    return bool(bases) and bases <= MODELS


def _may_be_json(value: ClassValue) -> bool:
    """Return whether an instance of a class may be what JSON has, such as a tuple or a str."""
    if _is_model(value):
        return False
    return (
        value.decorated or value.is_named_tuple or (value.has_open_bases() and not value.is_record)
    )


def _names(node: cst.CSTNode) -> Iterator[str]:
    """Yield the names in a target."""
    pending: list[cst.CSTNode] = [node]
    while pending:
        each = pending.pop()
        if isinstance(each, cst.Name):
            yield each.value
        pending.extend(children(each))
