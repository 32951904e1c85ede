"""Say what to write instead of names and attributes that the Flash SDK does not have."""

from __future__ import annotations

from flashc_core.suggest import nearest
from flashc_ir.platform.sdk import has_name, newest_version, surface

from .names import ERRORS, NAMES, REEXPORTS

_SDK = "runpod_flash"
_OWN = frozenset({"flashc", "flashc.sdk"})
_NAMES = {
    "FlashBoot": "`flashboot` takes True or False: `Endpoint(flashboot=True)`",
    "App": "`App` belongs to `runpod`; in Flash, `@Endpoint(name=...)` declares an endpoint",
    "Secret": 'write `env={"KEY": "{{ RUNPOD_SECRET_NAME }}"}`, which the platform replaces',
    "Volume": "did you mean `NetworkVolume`?",
    "Image": 'name an image by its text: `Endpoint(image="repository/name:tag")`',
}
_VERBS = "a route is `get`, `post`, `put`, `delete` or `patch`"
_NO_MIDDLEWARE = "Flash has no hooks and no middleware: do it in the function of the route"
_AT_IMPORT = "code at the top of the module runs when a worker starts"
_ATTRIBUTES = {
    **dict.fromkeys(
        ("options", "head", "trace", "api_route", "route", "add_api_route", "add_route"), _VERBS
    ),
    **dict.fromkeys(
        ("websocket", "websocket_route", "add_websocket_route", "add_api_websocket_route"),
        "Flash has no web sockets; a route can return a `fastapi.responses.StreamingResponse`",
    ),
    **dict.fromkeys(
        ("middleware", "add_middleware", "exception_handler", "add_exception_handler"),
        _NO_MIDDLEWARE,
    ),
    **dict.fromkeys(("on_event", "lifespan", "init", "enter", "on_startup"), _AT_IMPORT),
    **dict.fromkeys(("include_router", "mount"), f"add each route to the endpoint; {_VERBS}"),
    **dict.fromkeys(
        ("remote", "spawn", "local", "aio"),
        "the decorated function is called like any other: `await function(...)`",
    ),
    **dict.fromkeys(("map", "starmap"), "write `await asyncio.gather(*map(function, items))`"),
}


def instead_of_name(module: str, name: str) -> tuple[str, ...] | None:
    """Return what to write instead of `name`, which `module` lacks; None if it may have it.

    Only the packages whose names are known are judged: the SDK's, and flashc's own.
    """
    if module == _SDK:
        missing = not has_name(name)
    else:
        known = (
            name in (*NAMES, *ERRORS, *REEXPORTS, "sdk") or name.startswith("__") or name.islower()
        )
        missing = module in _OWN and not known
    if not missing:
        return None
    hint = _NAMES.get(name)
    if hint is None:
        close = nearest(name, NAMES)
        hint = f"did you mean `{close}`?" if close is not None else _all_names()
    version = f"the newest known version is {newest_version()}" if module == _SDK else ""
    return (hint, version) if version else (hint,)


def _all_names() -> str:
    """Return a help with the names that programs use."""
    return f"choose one of {', '.join(f'`{name}`' for name in sorted(NAMES))}"


def instead_of_attribute(name: str) -> tuple[str, ...] | None:
    """Return what to write instead of `endpoint.name`, which no endpoint has; None if it may have it."""
    known = surface()
    if name.startswith("_") or name in known.methods or name in known.attributes:
        return None
    hint = _ATTRIBUTES.get(name)
    if hint is None:
        close = nearest(name, (*known.methods, *known.attributes))
        methods = ", ".join(f"`{method}`" for method in known.methods)
        hint = f"did you mean `{close}`?" if close is not None else f"an endpoint has {methods}"
    return (hint,)
