"""Check that no credential goes into the artifact: in files, and in texts of the program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, partial

from flashc.project.options import PYPROJECT, location_of_option
from flashc.project.project import Project
from flashc_core import rules
from flashc_core.credential_files import allowed_credentials, why_credentials
from flashc_core.credential_texts import PRIVATE_KEY
from flashc_core.credentials import has_credentials, masked
from flashc_core.diagnostics import Label, Sink
from flashc_core.source import Location, Span, WholeFile
from flashc_ir.endpoints import ImageEndpoint
from flashc_ir.program import Program, ProjectFile
from flashc_ir.resources import EnvironmentReference
from flashc_ir.spelling import Spelling

from .context import PassContext

_REFER = "write `${NAME}` in its place, and set this environment variable when you build"
_KEEP = "if it is no secret, list the file under `allow-credentials` in `[tool.flashc]`"
_KEEP_LINE = "if it is no secret, write `# flashc: ignore[FC128]` behind it"
_OF_REQUIREMENTS = re.compile(
    r"(^|/)(requirements[^/]*\.(txt|in)|pyproject\.toml|uv\.toml|Pipfile)$"
)


def check_credentials(program: Program, context: PassContext) -> Program:
    """Report files that hold credentials, and credentials that files or texts of the program contain.

    Files that the project allows are not reported.  An allowance without effect is.
    """
    allowed = _allowed(program, context)
    used = {*_report_files(program, context, allowed)}
    used |= {*_report_literals(program, context, allowed)}
    _report_texts(program, context)
    for path in context.options.allow_credentials:
        if path not in used:
            _report_unused(path, path in allowed, context)
    return program


def _allowed(program: Program, context: PassContext) -> frozenset[str]:
    """Return the files that may look like credentials.

    There are none if `pyproject.toml` is not in the artifact, because `flashc verify` reads them there.
    """
    if not context.options.allow_credentials or not any(f.path == PYPROJECT for f in program.files):
        return frozenset()
    try:
        return allowed_credentials(context.project.read(PYPROJECT))
    except OSError:
        return frozenset()


def _report_files(program: Program, context: PassContext, allowed: frozenset[str]) -> Iterator[str]:
    """Report the files that are credentials by their names or contents; yield those that are allowed."""
    with_key = {label.location.path for label in context.credentials if label.text == PRIVATE_KEY}
    parameter = program.spelling.environment
    pass_values = "read values on workers from environment variables"
    if parameter is not None:
        pass_values = f"pass values to workers by `{parameter}=`"
    for file in program.files:
        try:
            why = _why(file, context.project, file.path in with_key)
        except OSError:
            continue  # a file that can't be read is reported by the build
        if why is None:
            continue
        if file.path in allowed:
            yield file.path
            continue
        context.sink.report(
            rules.CREDENTIALS_FILE,
            WholeFile(file.path),
            f"`{file.path}` would be in the artifact: {why}",
            help=(f"list it in `.flashignore`, and {pass_values}", _KEEP),
        )


def _why(file: ProjectFile, project: Project, has_key: bool) -> str | None:
    """Return why a file is a credential, by its own name or by that of a link's target; None if it is none.

    Raises:
        OSError: the file can't be read.
    """
    read = cache(partial(project.read, file.path))
    why = why_credentials(file.path, file.size, read, may_be_key=has_key)
    for target in project.links.get(file.path, ()) if why is None else ():
        why = why_credentials(target, file.size, read)
        if why is not None:
            return f"it is a symbolic link to `{target}`, and {why}"
    return why


def _report_literals(
    program: Program, context: PassContext, allowed: frozenset[str]
) -> Iterator[str]:
    """Report the credentials that files contain; yield the paths of those that are allowed.

    A value of a worker's variable was reported before, and a file that is a credential as a whole too.
    """
    reported = list(_reported(context.sink))
    whole = {d.path for d in context.sink if d.rule.code == rules.CREDENTIALS_FILE.code}
    for location, what in ((label.location, label.text) for label in context.credentials):
        path = location.path
        instead = _REFER if _OF_REQUIREMENTS.search(path) else _instead(program.spelling)
        if path in allowed:
            yield path
        elif path not in whole and not any(_overlap(location, other) for other in reported):
            context.sink.report(
                rules.SECRET_LITERAL,
                location,
                f"`{path}` contains {what}",
                notes=(
                    "the file goes into the artifact, which the platform and all workers store",
                ),
                help=(instead, _KEEP_LINE if path.endswith(".py") else _KEEP),
            )


def _report_texts(program: Program, context: PassContext) -> None:
    """Report credentials in texts that flashc writes, such as those that the program computes.

    What was found in a file is not reported again.
    """
    reported = list(_reported(context.sink))
    known = {_text_at(label, context.project) for label in context.credentials} - {""}
    for location, what, text in _texts(program):
        if (
            has_credentials(text)
            and not any(_overlap(location, other) for other in reported)
            and not any(each in text for each in known)
        ):
            context.sink.report(
                rules.SECRET_LITERAL,
                location,
                f"{what} contains a credential",
                notes=(f"it goes into the artifact: `{masked(text)}`",),
                help=(_REFER if what == _REQUIREMENT else _instead(program.spelling),),
            )


def _instead(spelling: Spelling) -> str:
    """Return what to write in place of a credential."""
    if spelling.environment is None:
        return "read it on workers from an environment variable"
    return (
        f"pass it to workers by `{spelling.environment}=`, as `os.environ[...]` or as a secret of the "
        "platform, and read it there"
    )


def _text_at(label: Label, project: Project) -> str:
    """Return the text of a credential in a file; "" if it has no position."""
    lines = project.lines(label.location.path)
    return lines.slice(label.location) if lines and isinstance(label.location, Span) else ""


def _reported(sink: Sink) -> Iterator[Location]:
    """Yield the locations of the credentials that were reported, or that a comment suppresses.

    A requirement whose URL contains a password is not valid.
    """
    codes = (rules.SECRET_LITERAL.code, rules.INVALID_REQUIREMENT.code)
    for diagnostic in (*sink, *sink.hidden):
        if diagnostic.rule.code in codes:
            yield diagnostic.location


def _overlap(one: Location, other: Location) -> bool:
    """Return whether two locations have a character in common."""
    if one.path != other.path or not isinstance(one, Span) or not isinstance(other, Span):
        return one == other
    ends_before = (one.end_line, one.end_column) <= (other.line, other.column)
    begins_after = (other.end_line, other.end_column) <= (one.line, one.column)
    return not ends_before and not begins_after


_REQUIREMENT = "a requirement"


def _texts(program: Program) -> Iterator[tuple[Location, str, str]]:
    """Yield the texts of a program that are in a manifest, a lock or a list of requirements.

    Each has its location, and a name for messages.  The values of workers' variables are left out:
    they were examined when they were read.
    """
    dependencies = [*program.requirements]
    for endpoint in program.deployed:
        configuration, span_of = endpoint.configuration, endpoint.construction.span_of
        spelling = program.spelling_of(endpoint)
        dependencies += configuration.dependencies
        template = configuration.resources.template
        if template is not None:
            for text in (template.docker_args, template.start_script, template.registry_auth_id):
                yield span_of(spelling.template), "the template", text or ""
        for package in configuration.system_dependencies:
            yield span_of(spelling.system_dependencies), "a system package", package
        if isinstance(endpoint, ImageEndpoint):
            yield span_of(spelling.image), "the name of the image", endpoint.image
        for variable in configuration.environment:
            for part in variable.parts:
                if isinstance(part, EnvironmentReference):
                    where = span_of(spelling.environment)
                    yield where, f"the default of `{part.variable}`", part.default or ""
    for dependency in dependencies:
        yield dependency.span, _REQUIREMENT, str(dependency)
    for index in program.resolver.indexes:
        yield index.span, _REQUIREMENT, index.url
    for link in program.resolver.find_links:
        yield WholeFile(PYPROJECT), _REQUIREMENT, link


def _report_unused(path: str, is_allowed: bool, context: PassContext) -> None:
    """Report an entry of `allow-credentials` that has no effect."""
    why = (
        "no file of the artifact with this path looks like a credential"
        if is_allowed
        else f"`{PYPROJECT}` is not in the artifact, so `flashc verify` could not see it"
    )
    context.sink.report(
        rules.UNUSED_SUPPRESSION,
        location_of_option("allow-credentials", context.project),
        f"`{path}` in `allow-credentials` has no effect: {why}",
        help=("remove the path",) if is_allowed else (f"do not exclude `{PYPROJECT}`",),
    )
