"""Read the software parameters of `Endpoint(...)`: PyPI packages, apt packages, Python version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flashc.evaluator.objects import Argument
from flashc.frontend.decode import ArgumentDecoder, alternatives
from flashc.frontend.environment_values import with_references
from flashc.frontend.parameter_table import Arguments, Parameter
from flashc.project.requirements.invalid_text import InvalidText
from flashc.project.requirements.texts import name_of_invalid, parse, pinned
from flashc_core import rules
from flashc_core.credentials import without_credentials
from flashc_core.source import Span
from flashc_ir.platform.distributions import distribution_for_module
from flashc_ir.platform.images import supported_pythons
from flashc_ir.requirements import Dependency


def read_dependencies(
    parameter: Parameter[tuple[Dependency, ...]], arguments: Arguments
) -> tuple[Dependency, ...]:
    """Read the Python packages of an endpoint, as PEP 508 requirements.

    A wrong requirement is reported, and counts as one for any version of the package that it names.
    """
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    decoder = arguments.decoder
    found: list[Dependency] = []
    for text, span in _requirements(argument, arguments.describe(parameter.name), decoder):
        try:
            parsed = parse(text)
        except InvalidText as error:
            corrected = pinned(text)
            help = error.help or "write it as `name`, `name==1.2`, `name[extra]>=1` or `name @ URL`"
            decoder.sink.report(
                rules.INVALID_REQUIREMENT,
                span,
                f"`{without_credentials(text)}` is not a valid requirement: {error}",
                help=(help,),
                fix=None if corrected == text else decoder.ending_fix(span, text, corrected),
            )
            name = name_of_invalid(text)
            if name is not None:  # then other checks go on with the package in any version
                found.append(Dependency(name=name, requirement=name, span=span))
            continue
        if not parsed.is_unnamed:
            _check_package(decoder, parsed.name, text, span)
        found.append(
            Dependency(
                name=parsed.name,
                requirement=parsed.requirement,
                span=span,
                source=parsed.source,
                hashes=parsed.hashes,
                is_unnamed=parsed.is_unnamed,
            )
        )
    return tuple(found)


def _requirements(
    argument: Argument, what: str, decoder: ArgumentDecoder
) -> Iterator[tuple[str, Span]]:
    """Yield the texts of a list of requirements; in a URL, an environment variable stays a reference."""
    for item in decoder.items(argument, what, "a list of strings") or ():
        referring = with_references(decoder.machine, item.value)
        if referring is not None and "://" in referring.partition("${")[0]:
            yield referring, item.span
            continue
        text = decoder.text(item, f"an element of {what}")
        if text is not None:
            yield text, item.span


def _check_package(decoder: ArgumentDecoder, name: str, text: str, span: Span) -> None:
    """Report a requirement that is the name of a module: `cv2`, which `opencv-python` installs."""
    package = distribution_for_module(name)
    if package is None:
        return
    own = re.match(r"[\w.-]+", text)
    renamed = text if own is None else package + text[own.end() :]
    decoder.sink.report(
        rules.MODULE_AS_REQUIREMENT,
        span,
        f"`{name}` is the name of a module; the package that contains it is `{package}`",
        help=(f'write `"{renamed}"`',),
        fix=decoder.ending_fix(span, text, renamed),
    )


def read_system_dependencies(
    parameter: Parameter[tuple[str, ...]], arguments: Arguments
) -> tuple[str, ...]:
    """Read names of apt packages, each once."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    found = arguments.decoder.texts(argument, arguments.describe(parameter.name)) or []
    return tuple(dict.fromkeys(text for text, _ in found))


def read_python_version(parameter: Parameter[str | None], arguments: Arguments) -> str | None:
    """Read a version of Python that worker images have."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    what = arguments.describe(parameter.name)
    value = arguments.decoder.known(argument, what)
    if value is None:
        return None
    if value.value in supported_pythons():
        return str(value.value)  # one of the versions in the list, and so no secret
    text = arguments.decoder.text(argument, what)
    if text is None:
        return text
    arguments.decoder.sink.report(
        rules.UNSUPPORTED_PYTHON,
        argument.span,
        f"no worker image has Python {text}",
        help=(f"choose {alternatives(supported_pythons())}",),
    )
    return None
