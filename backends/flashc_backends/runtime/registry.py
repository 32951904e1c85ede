"""Register the functions and routes of the running endpoint while its modules are imported."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` takes longer than everything else that a cold start needs
    from collections.abc import Callable
    from typing import Any

_targets: "dict[str, Any]" = {}
_routes: "dict[str, list[tuple[str, str, Callable[..., Any]]]]" = {}


def offer(resource: str, target: "Any") -> None:
    """Register the function or class that jobs of a queue-based endpoint run."""
    _targets[resource] = target


def offer_route(resource: str, method: str, path: str, function: "Callable[..., Any]") -> None:
    """Register a route of a load-balanced endpoint."""
    routes = _routes.setdefault(resource, [])
    if (method, path) not in [(m, p) for m, p, _ in routes]:
        routes.append((method, path, function))


def target(resource: str) -> "Any":
    """Return the function or class of a queue-based endpoint.

    Raises:
        LookupError: the imported modules did not declare the endpoint.
    """
    if resource not in _targets:
        raise LookupError(f"no module of this artifact declares the endpoint {resource!r}")
    return _targets[resource]


def routes(resource: str) -> "list[tuple[str, str, Callable[..., Any]]]":
    """Return the routes of a load-balanced endpoint, in the order of their declaration.

    Raises:
        LookupError: the imported modules declared no route of the endpoint.
    """
    if resource not in _routes:
        raise LookupError(f"no module of this artifact declares a route of {resource!r}")
    return _routes[resource]


def methods_of(target: type) -> "dict[str, Any]":
    """Return the public methods of a class by name, inherited ones too."""
    found: dict[str, Any] = {}
    for kind in reversed(target.__mro__[:-1]):
        for name, value in vars(kind).items():
            is_method = isinstance(value, (staticmethod, classmethod)) or hasattr(value, "__code__")
            if not name.startswith("_") and is_method:
                found[name] = value
    return found
