"""Read the software parameters of `Endpoint(...)`: PyPI packages, apt packages, Python version."""

from __future__ import annotations

import re

from flashc.frontend.decode import ArgumentDecoder, alternatives
from flashc.frontend.parameter_table import Arguments, Parameter
from flashc.project.requirements.texts import InvalidText, parse, pinned, without_credentials
from flashc_core import rules
from flashc_core.source import Span
from flashc_ir.platform.distributions import distribution_for_module
from flashc_ir.platform.images import supported_pythons
from flashc_ir.requirements import Dependency


def read_dependencies(
    parameter: Parameter[tuple[Dependency, ...]], arguments: Arguments
) -> tuple[Dependency, ...]:
    """Read the Python packages of an endpoint, as PEP 508 requirements."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    decoder = arguments.decoder
    found: list[Dependency] = []
    for text, span in decoder.texts(argument, arguments.describe(parameter.name)) or ():
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
            continue
        _check_package(decoder, parsed.name, text, span)
        found.append(
            Dependency(
                name=parsed.name,
                requirement=parsed.requirement,
                span=span,
                source=parsed.source,
                hashes=parsed.hashes,
            )
        )
    return tuple(found)


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
    text = arguments.decoder.text(argument, arguments.describe(parameter.name))
    if text is None or text in supported_pythons():
        return text
    arguments.decoder.sink.report(
        rules.UNSUPPORTED_PYTHON,
        argument.span,
        f"no worker image has Python {text}",
        help=(f"choose {alternatives(supported_pythons())}",),
    )
    return None
