"""Verify after every pass that a program keeps the laws (invariants) of the IR.

A violation is a bug in flashc, never a mistake of the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, structs

from .laws import FIRST_STEP, LAWS, Law
from .program import Program, ProjectFile
from .spans import names_with_spans, parts_with_spans
from .subject import Subject

_EMPTY = Program(name="", python_version="", files=(), modules=(), endpoints=())


class InvalidProgram(AssertionError):
    """A pass returned a program that breaks laws; this is a bug in flashc.

    `broken` are the names of the laws.
    """

    def __init__(self, after: str, violations: list[tuple[Law, str]]) -> None:
        found = "; ".join(f"{message} ({law.name})" for law, message in violations)
        super().__init__(f"after {after}: {found}")
        self.broken = tuple(dict.fromkeys(law.name for law, _ in violations))


class Verifier:
    """Checks one program after lowering and after each pass.

    A law is checked after the pass from which it holds and after every later pass.  Programs are
    immutable, so a part that was checked before, or one of its fields, is not searched for spans
    again, and a pass that changes nothing takes no time to check.
    """

    def __init__(self) -> None:
        self._passes: set[str] = {FIRST_STEP}
        self._last: Program | None = None
        self._seen: dict[
            int, object
        ] = {}  # by `id`; the reference keeps the object alive, so that its `id` is not used again

    def skip_spans(self, parts: Iterable[Struct]) -> None:
        """Skip these parts in the search for spans, because they were checked."""
        for part in parts:
            for value in parts_with_spans(part):
                self._seen[id(value)] = value

    def check(self, program: Program, after: str) -> None:
        """Check the laws that hold after the pass `after`.

        Raises:
            InvalidProgram: a law is broken.
        """
        known = self._passes
        self._passes = known | {after}
        changed = _parts(program, since=self._last)
        fresh = (part for part in changed if id(part) not in self._seen)
        subject = Subject(program, fresh, self._seen)
        laws = [
            law
            for law in LAWS
            if law.since in self._passes
            and (law.since not in known or self._is_affected(law, subject))
        ]
        _require(laws, subject, after)
        self.skip_spans(subject.fresh)
        self._last = program

    def _is_affected(self, law: Law, subject: Subject) -> bool:
        """Return whether a part that a law reads has changed since the last check."""
        last = self._last
        if last is None or (law.of_spans and subject.fresh):
            return True
        return any(getattr(last, name) is not getattr(subject.program, name) for name in law.reads)


def verify(program: Program) -> None:
    """Check all laws of a finished program, after all passes.

    Raises:
        InvalidProgram: a law is broken.
    """
    _require(LAWS, Subject(program, _parts(program)), "the last pass")


def verify_parts(parts: Iterable[Struct], files: Mapping[str, ProjectFile]) -> None:
    """Check the laws of spans for parts that a program with these files, by path, will contain.

    Only the files that the spans name are checked, because a project is verified in many parts.

    Raises:
        InvalidProgram: a law is broken.
    """
    subject = Subject(_EMPTY, parts)
    paths = sorted({span.path for span in subject.spans} & files.keys())
    subject.program = structs.replace(_EMPTY, files=tuple(files[path] for path in paths))
    _require([law for law in LAWS if law.of_spans], subject, FIRST_STEP)


def _require(laws: Iterable[Law], subject: Subject, after: str) -> None:
    """Check some laws.

    Raises:
        InvalidProgram: a law is broken.
    """
    violations = [(law, message) for law in laws for message in law.check(subject)]
    if violations:
        raise InvalidProgram(after, violations)


def _parts(program: Program, since: Program | None = None) -> Iterator[Struct]:
    """Yield the parts of a program that contain spans, without the fields that are as in `since`."""
    for name in names_with_spans(Program):
        value = getattr(program, name)
        if since is None or getattr(since, name) is not value:
            yield from value if isinstance(value, tuple) else (value,)
