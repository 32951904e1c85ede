"""Define how the programs of a dialect write what the IR says, so that findings can say what to type."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, structs


class Spelling(Struct, frozen=True, kw_only=True):
    """How the programs of one dialect write what the IR says; None for what they can't write.

    `dialect` is the dialect's name.  The fields from `name` to `template` are the parameters for the
    facts of the IR with these names.

    The other fields are texts for help.  `sdk` is the package that programs import, `finder` the
    command of the SDK that imports modules to find endpoints.  `declaration` is how a program declares
    an endpoint, with where the names come from, and `declaring_object` the call whose result does it.
    `kept_worker` keeps a worker running, `polled_route` declares a route that clients can poll, and
    `listed_packages` asks for packages.  `passed_variable` passes on an environment variable, with
    `NAME` for the variable's name.
    """

    dialect: str = ""

    name: str | None = None
    hardware: str | None = None
    workers: str | None = None
    execution_timeout_ms: str | None = None
    max_concurrency: str | None = None
    python_version: str | None = None
    dependencies: str | None = None
    system_dependencies: str | None = None
    environment: str | None = None
    image: str | None = None
    template: str | None = None

    sdk: str | None = None
    finder: str | None = None
    declaration: str | None = None
    declaring_object: str | None = None
    kept_worker: str | None = None
    polled_route: str | None = None
    listed_packages: str | None = None
    passed_variable: str | None = None

    def passing(self, variable: str) -> str | None:
        """Return how a program passes an environment variable to workers."""
        return self.passed_variable and self.passed_variable.replace("NAME", variable)

    def packages(self) -> str:
        """Return where a program lists the packages that workers need."""
        if self.dependencies is None:
            return "the project's requirements"
        return f"`{self.dependencies}`"


def first_of(spellings: Iterable[Spelling]) -> Spelling:
    """Return the spelling of several dialects: each field is that of the first dialect that has it."""
    merged, *others = [*spellings] or [Spelling()]
    for spelling in others:
        lacking = {
            name: value
            for name, value in structs.asdict(spelling).items()
            if not getattr(merged, name)
        }
        merged = structs.replace(merged, **lacking)
    return merged


def alternatives(*texts: str | None) -> tuple[str, ...]:
    """Return help that offers several things to do, without those that a dialect has no text for."""
    given = [text for text in texts if text is not None]
    if len(given) < 2:
        return tuple(given)
    return (f"{', '.join(given[:-1])}, or {given[-1]}",)
