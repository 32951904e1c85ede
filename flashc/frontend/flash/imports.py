"""Add to each module how its imports of the Flash SDK are replaced, which of them fail, and where it may use a client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from flashc.frontend.dialect import RUNTIME_SDK, with_substitutes
from flashc_core.source import Span
from flashc_core.suggest import did_you_mean
from flashc_ir.modules import Import, Module, Origin, SdkProblem, SdkProblemKind

from .names import (
    ERRORS,
    INNER,
    INNER_MODULES,
    NAMES,
    OLDER,
    PACKAGES,
    PUBLIC_MODULES,
    REEXPORTS,
)
from .surface import instead_of_name

_KNOWN = (*NAMES, *ERRORS, *REEXPORTS, *OLDER, *INNER_MODULES)
_SUBSTITUTES = {name: name for name in (*_KNOWN, "*")}
_IN_EVERY_MODULE = ("*", "__version__")


def annotate_module(module: Module) -> Module:
    """Return the module with the substitutes and the problems of its imports of the SDK, and its uses of clients."""
    return replace(
        module,
        imports=tuple(_with_substitute(item) for item in module.imports),
        sdk_problems=(*module.sdk_problems, *_sdk_problems(module.imports)),
        client_uses=(*module.client_uses, *_possible_client_uses(module)),
    )


def _possible_client_uses(module: Module) -> Iterator[Span]:
    """Yield the span of each use of a name `Endpoint`, from whichever module: the use may make a client."""
    for reference in module.references:
        if reference.target.rpartition(".")[2] == "Endpoint":
            yield reference.span


def _is_of_sdk(item: Import) -> bool:
    """Return whether an import is one of the SDK; imports of the artifact's runtime are not."""
    top = item.module.partition(".")[0]
    return item.origin is Origin.SDK and top in PACKAGES and not RUNTIME_SDK.startswith(f"{top}.")


def _with_substitute(item: Import) -> Import:
    """Return an import with the runtime as its substitute.

    The runtime has the SDK's public names, whichever module of the SDK they are imported from.
    """
    if not _is_of_sdk(item):
        return item
    is_public = item.module in PUBLIC_MODULES | INNER
    if item.names is None:
        return with_substitutes(item, _SUBSTITUTES) if is_public else item
    if not is_public and not all(name.name in _KNOWN for name in item.names):
        return item
    return with_substitutes(item, _SUBSTITUTES)


def _sdk_problems(imports: Iterable[Import]) -> Iterator[SdkProblem]:
    """Yield a problem for each import of the SDK that does not work on workers."""
    for item in imports:
        if not _is_of_sdk(item):
            continue
        names = [name.name for name in item.names or ()]
        if not (item.typing_only or item.guarded):
            yield from _missing_in_sdk(item)
            if not item.scope:
                yield from _missing_in_runtime(item, names)


def _missing_in_sdk(item: Import) -> Iterator[SdkProblem]:
    """Yield a problem for each name of an import that no version of the SDK, or of flashc, has."""
    for name in item.names or ():
        help = instead_of_name(item.module, name.name)
        if help is not None and name.name != "*":
            yield SdkProblem(
                span=item.span,
                message=f"`{item.module}` has no name `{name.name}`, so the import fails everywhere",
                help=help,
                kind=SdkProblemKind.NO_SUCH_NAME,
            )


def _missing_in_runtime(item: Import, names: list[str]) -> Iterator[SdkProblem]:
    """Yield the parts of an import at the top of a module that the runtime does not have."""
    if names and all(name in _KNOWN for name in names):
        return
    if item.module in PUBLIC_MODULES | INNER:
        for name in names:
            missing = instead_of_name(item.module, name) is not None
            if name not in (*_KNOWN, *_IN_EVERY_MODULE) and not missing:
                yield _only_in_sdk(f"the SDK's `{name}`", item, did_you_mean(name, NAMES))
    else:
        public = f"import from `{item.module.partition('.')[0]}` instead, if it has the name"
        yield _only_in_sdk(f"`{item.module}`", item, (public,))


def _only_in_sdk(what: str, item: Import, help: tuple[str, ...]) -> SdkProblem:
    """Return the problem of an import that only works in images that contain the SDK."""
    return SdkProblem(
        span=item.span,
        message=f"{what} exists on a worker only if its image contains the SDK",
        help=help,
        kind=SdkProblemKind.ONLY_IN_IMAGE,
    )
