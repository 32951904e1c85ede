"""Define findings, rules and fixes as plain data, and the sink that collects findings.

A diagnostic contains no syntax node and no absolute path, so it can be pickled, cached and written
as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum, StrEnum, unique

from msgspec import Struct, field

from .credentials import masked
from .encoding import printable
from .source import Edit, Location, Span, location_order


@unique
class Severity(StrEnum):
    """How serious a finding is.  Only errors stop a build."""

    ERROR = "error"
    WARNING = "warning"


@unique
class Safety(StrEnum):
    """The conditions under which a fix is applied."""

    SAFE = "safe"  # keeps what the program means
    UNSAFE = "unsafe"  # may change what the program means
    DISPLAY = "display"  # shown, never applied


@unique
class Phase(StrEnum):
    """The command that can find a rule.

    A later command finds everything that earlier ones find.
    """

    CHECK = "check"
    TRACE = "trace"  # only with `--trace`
    BUILD = "build"  # only while resolving, packing or verifying an artifact
    DEPLOY = "deploy"  # only with the platform that the app is deployed to


@unique
class ExitCode(IntEnum):
    """The exit codes of a run, by the kind of its errors."""

    SUCCESS = 0
    ERRORS = 1  # the project is wrong
    ENVIRONMENT = 3  # the network, a tool or the disk failed; the project may be right


@unique
class Status(StrEnum):
    """The state of a rule: in use, or removed."""

    STABLE = "stable"
    REMOVED = "removed"


class Rule(Struct, frozen=True, kw_only=True):
    """One kind of finding.

    `code` and `name` are never used for another rule; `name` completes "allow ...".  `summary` is
    what a finding says in general; for a removed rule, why it was removed.  `exit` is the exit code
    of a run with such an error.  `traceable` says that the finding is about a value that flashc
    can't evaluate, so that running the module's code (`--trace`) may help.
    """

    code: str
    name: str
    summary: str
    severity: Severity
    suppressible: bool
    phase: Phase
    exit: ExitCode
    status: Status = Status.STABLE
    traceable: bool = False


class Label(Struct, frozen=True):
    """A location with a short remark."""

    location: Location
    text: str


class Fix(Struct, frozen=True):
    """Edits that remove the finding."""

    title: str
    edits: tuple[Edit, ...]
    safety: Safety


class Diagnostic(Struct, frozen=True, kw_only=True):
    """A finding: its location (`primary`), its causes (`secondary`), and how to fix it (`help`)."""

    rule: Rule
    message: str
    primary: Label
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    fix: Fix | None = None

    @property
    def location(self) -> Location:
        """The location of the finding."""
        return self.primary.location

    @property
    def path(self) -> str:
        """The path of the file that the finding is about."""
        return self.primary.location.path

    @property
    def line(self) -> int:
        """The line on which an editor shows the finding and a comment suppresses it.

        For a finding about a whole file it is the first line.
        """
        location = self.primary.location
        return location.line if isinstance(location, Span) else 1

    @property
    def severity(self) -> Severity:
        """How serious the finding is."""
        return self.rule.severity


def _shown(text: str) -> str:
    """Return a text that can be written everywhere, without credentials."""
    return masked(printable(text))


class Sink(Struct):
    """Collects the findings of all steps, each once.  It is passed as an argument, never global.

    `hides` returns whether a comment in the program suppresses a diagnostic; `hidden` collects
    these.
    """

    hides: Callable[[Diagnostic], bool] = field(default=lambda _: False)
    hidden: list[Diagnostic] = field(default_factory=list[Diagnostic])
    _found: dict[Diagnostic, None] = field(default_factory=dict[Diagnostic, None])

    def report(
        self,
        rule: Rule,
        location: Location,
        message: str,
        *,
        label: str = "",
        secondary: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        help: tuple[str, ...] = (),
        fix: Fix | None = None,
    ) -> None:
        """Add one finding, without the credentials that its texts quote.

        `label` is the remark that is printed at its location.
        """
        self.add(
            Diagnostic(
                rule=rule,
                message=_shown(message),
                primary=Label(location, _shown(label)),
                secondary=tuple(Label(other.location, _shown(other.text)) for other in secondary),
                notes=tuple(map(_shown, notes)),
                help=tuple(map(_shown, help)),
                fix=fix,
            )
        )

    def add(self, diagnostic: Diagnostic) -> None:
        """Add a diagnostic; if it is suppressed, add it to `hidden`."""
        if self.hides(diagnostic):
            self.hidden.append(diagnostic)
        else:
            self._found.setdefault(diagnostic)

    def has_errors(self) -> bool:
        """Return whether there is an error, which stops a build."""
        return any(d.severity is Severity.ERROR for d in self._found)

    def __iter__(self) -> Iterator[Diagnostic]:
        """Yield the findings sorted by location and code."""
        return iter(
            sorted(self._found, key=lambda d: (location_order(d.location), d.rule.code, d.message))
        )

    def __len__(self) -> int:
        return len(self._found)
