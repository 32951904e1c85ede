"""Define the IR of a project's modules: their imports, top-level names, and uses of each other."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum, unique
from typing import Literal

from msgspec import Struct

from flashc_core.diagnostics import Diagnostic, Fix
from flashc_core.source import Edit, Span


@unique
class Origin(StrEnum):
    """The kind of place that an imported module comes from."""

    PROJECT = "project"
    SDK = "sdk"
    STDLIB = "stdlib"
    EXTERNAL = "external"


class ImportedName(Struct, frozen=True, kw_only=True):
    """One `name as alias` of a `from ... import` statement.

    `submodule` is the full name if the name is a module of the project.  `substitute` is the name
    that the artifact's copy imports from `Import.substitute` instead; None if that module has no
    such name, so that the import stays as it is.
    """

    name: str
    alias: str | None = None
    submodule: str | None = None
    substitute: str | None = None

    @property
    def bound(self) -> str:
        """The name that the import binds."""
        return self.alias or self.name


class Import(Struct, frozen=True, kw_only=True):
    """One imported module.  `span` is that of the whole statement.

    `module` is absolute.  `names` is None for `import module` and for `import_module("module")`
    (`dynamic`), and is `*` for a star import.  `scope` is the qualified name of the function or
    class that contains the statement, "" at the module's top.  `typing_only` marks `if TYPE_CHECKING:`,
    `guarded` an import whose failure the program expects (`try: ... except ImportError`).
    `substitute` is the module of the artifact's runtime that replaces a module of an SDK.  The
    artifact's copy does not import names of an SDK that are not used.
    """

    module: str
    origin: Origin
    names: tuple[ImportedName, ...] | None
    span: Span
    alias: str | None = None
    scope: str = ""
    typing_only: bool = False
    guarded: bool = False
    dynamic: bool = False
    relative: bool = False
    substitute: str | None = None

    def bound_names(self) -> list[str]:
        """Return the names that the import binds, `*` for a star import."""
        if self.names is not None:
            return [name.bound for name in self.names]
        return [self.alias or self.module.partition(".")[0]]

    def modules(self) -> Iterator[str]:
        """Yield the modules that the import executes: parents, the module, named submodules."""
        for name in (self.module, *(n.submodule for n in self.names or () if n.submodule)):
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                yield ".".join(parts[:length])


@unique
class ResultUse(StrEnum):
    """What a caller does with the result of a call."""

    KEPT = "kept"  # assigned, returned or passed on
    DISCARDED = "discarded"  # the call is a statement of its own
    CONSUMED = "consumed"  # used at once as a plain value, as in `f() + 1`


LiteralKind = Literal["str", "int", "float", "bool", "list", "dict", "None"]


class Constant(Struct, frozen=True):
    """A literal argument, by its position ("0") or keyword; `kind` is its Python type.

    `span` is that of the value; None if the source does not contain the call.
    """

    argument: str
    kind: LiteralKind
    span: Span | None = None


class CallShape(Struct, frozen=True, kw_only=True):
    """The arguments of a call: the number of positional ones, the keywords, and `*` or `**`.

    `awaited` says that the call is the operand of `await`; `in_async` that an `async def` contains
    it.  `result_use` is what the caller does with the result.  `constants` are the arguments that
    are literals, each with its JSON type.  `positional_spans` and `keyword_spans` are the spans of
    the positional arguments and of the names of the keyword arguments; both are empty if the spans
    are not known.
    """

    positional: int
    keywords: tuple[str, ...]
    star: bool
    double_star: bool
    awaited: bool
    in_async: bool = False
    result_use: ResultUse = ResultUse.KEPT
    constants: tuple[Constant, ...] = ()
    positional_spans: tuple[Span, ...] = ()
    keyword_spans: tuple[Span, ...] = ()


class Reference(Struct, frozen=True, kw_only=True):
    """A use of a name that the project defines at the top of a module.

    `scope` is the qualified name of the function or class that contains the use, "" at the module's
    top.  `target` is the absolute dotted name (`pkg.gpu_worker.gpu_inference`), as far as the
    imports and aliases of this module show it.  `shape` is None for a use that is not a call.  In
    `SD().generate(x)`, the reference to `SD` has the `shape` of its call, the `member` "generate",
    and the `member_shape` of that method's call.
    """

    scope: str
    target: str
    span: Span
    shape: CallShape | None = None
    member: str | None = None
    member_shape: CallShape | None = None


class Binding(Struct, frozen=True, kw_only=True):
    """A name at the top of a module.

    `target` is the absolute dotted name of what the name refers to, if the project defines it: the
    definition for `def` and `class`, the imported object for an import, the other name for an
    alias.  `unique` says that no other statement at the module's top binds the name.
    """

    name: str
    target: str | None
    unique: bool
    span: Span


class VariableRead(Struct, frozen=True, kw_only=True):
    """A read of an environment variable at run time; `scope` as in `Import`.

    `optional` says that the program has a default for the variable, or tests whether it is set.
    """

    name: str
    scope: str
    span: Span
    optional: bool


class VariableSet(Struct, frozen=True):
    """An assignment of an environment variable by the program."""

    name: str
    scope: str


class GlobalUse(Struct, frozen=True, kw_only=True):
    """A use, in a function, of a global variable of its module.

    `writes` says that the function changes the variable.  `scope` as in `Import`.
    """

    name: str
    scope: str
    span: Span
    writes: bool


class ImportProblem(Struct, frozen=True, kw_only=True):
    """An import of an unknown module: it is outside the project, or its name is computed.

    `text` is the name as it is written.  `expected` says that the program handles the failure
    (`try: ... except ImportError`).
    """

    span: Span
    text: str
    computed: bool
    expected: bool = False


class ImportFailure(Struct, frozen=True, kw_only=True):
    """An exception that importing the module is certain to raise.

    `text` is its type and message; `help` says what to write instead, if that is known.
    `loses_endpoint` says that a statement that may declare an endpoint raises it.
    """

    span: Span
    text: str
    help: tuple[str, ...] = ()
    loses_endpoint: bool = False


class DeferredImport(Struct, frozen=True, kw_only=True):
    """An import at the top of a module whose `names` only functions of the module use.

    `package` is the imported top-level package; `fix` moves the import into these functions.
    """

    names: tuple[str, ...]
    package: str
    span: Span
    fix: Fix | None


@unique
class SdkProblemKind(StrEnum):
    """What is wrong with an import of an SDK.

    `DIALECT` and `UNKNOWN_DECORATOR` declare endpoints in a way that flashc does not compile, so they
    are reported in every module; the others are reported only in modules that workers import.
    """

    DIALECT = "dialect"
    NO_SUCH_NAME = "no such name"
    ONLY_IN_IMAGE = "only in image"
    COMPUTED_IMPORT = "computed import"
    UNKNOWN_DECORATOR = "unknown decorator"


class SdkProblem(Struct, frozen=True, kw_only=True):
    """An import of an SDK that does not work on workers, or only if their image has the SDK.

    `message` and `help` are those of the finding.
    """

    span: Span
    message: str
    help: tuple[str, ...]
    kind: SdkProblemKind


class UndefinedName(Struct, frozen=True, kw_only=True):
    """A use of a name that nothing binds; `is_certain` says that importing the module executes it."""

    name: str
    span: Span
    is_certain: bool


class NameFacts(Struct, frozen=True, kw_only=True):
    """What is known of the names of a module.

    `undefined` has one use of each name that is used and not bound.  `bound` are the names that the
    module binds, None if it may bind others.
    """

    undefined: tuple[UndefinedName, ...] = ()
    bound: tuple[str, ...] | None = None


class Module(Struct, frozen=True, kw_only=True):
    """A Python file of the project.

    `edits` make the artifact's copy.  `unreadable` has the reason if the file can't be read or
    parsed; it is reported only if a worker imports the module.  `installs` are the calls that start
    pip.  `nested_endpoints` are the decorators that declare an endpoint inside a function.
    `client_uses` are the uses of an SDK's name that can make a client of an endpoint.  `sdk_edits`
    replace other uses of the SDK that the runtime does not support.  `variables_tested` are the
    environment variables whose presence decided what the module defines.  `names` is known only of
    modules that workers may import.  So is `may_be_newer`: some Pythons of workers may not know the
    syntax of the module.
    """

    name: str
    path: str
    is_package: bool
    imports: tuple[Import, ...] = ()
    bindings: tuple[Binding, ...] = ()
    references: tuple[Reference, ...] = ()
    exports: tuple[str, ...] | None = None  # __all__, if it is a literal
    edits: tuple[Edit, ...] = ()
    variables_read: tuple[VariableRead, ...] = ()
    variables_set: tuple[VariableSet, ...] = ()
    variables_tested: tuple[str, ...] = ()
    globals: tuple[GlobalUse, ...] = ()
    import_problems: tuple[ImportProblem, ...] = ()
    import_failure: ImportFailure | None = None
    deferred_imports: tuple[DeferredImport, ...] = ()
    installs: tuple[Span, ...] = ()
    nested_endpoints: tuple[Span, ...] = ()
    sdk_problems: tuple[SdkProblem, ...] = ()
    sdk_edits: tuple[Edit, ...] = ()
    client_uses: tuple[Span, ...] = ()
    unreadable: tuple[Diagnostic, ...] = ()
    names: NameFacts = NameFacts()
    may_be_newer: bool = False
