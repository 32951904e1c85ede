"""Find what the callers of an endpoint notice when another build runs: functions, routes, arguments, results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from flashc_backends.manifest.manifest_model import ManifestSignature

from .signature_differences import Difference, compare_signatures

_PLACEHOLDER = re.compile(r"{(\w+)(:\w+)?}")


class EndpointDifference(Struct, frozen=True, kw_only=True):
    """How what one endpoint offers differs; `endpoint` is its resource name."""

    endpoint: str
    differences: tuple[Difference, ...]


def differences(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[Difference, ...]:
    """Return how what an endpoint offers differs between two manifests; those that break come first.

    What a manifest does not say, because another tool or an older flashc has written it, is not
    compared.
    """
    old, new = resource_of(before, name), resource_of(after, name)
    if not old or not new:
        return ()
    found = [*_offers_differ(old, new), *_signatures_differ(old, new)]
    return tuple(sorted(found, key=lambda difference: (not difference.breaks, difference.text)))


def all_differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[EndpointDifference, ...]:
    """Return how what the endpoints of two manifests offer differs, by the endpoints' names.

    An endpoint that is removed breaks the calls of its clients.
    """
    names = [set(resources_of(each)) for each in (before, after)]
    found: list[EndpointDifference] = []
    for name in sorted(names[0] | names[1]):
        if name not in names[1]:
            changed: tuple[Difference, ...] = (
                Difference(text="the endpoint is removed", breaks=True),
            )
        elif name not in names[0]:
            changed = (Difference(text="the endpoint is new", breaks=False),)
        else:
            changed = differences(name, before, after)
        if changed:
            found.append(EndpointDifference(endpoint=name, differences=changed))
    return tuple(found)


def resources_of(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the resources of a manifest that any tool may have written."""
    found = manifest.get("resources")
    return found if isinstance(found, Mapping) else {}


def resource_of(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the entry of a resource in a manifest that any tool may have written; {} if it has none."""
    found = resources_of(manifest).get(name)
    return found if isinstance(found, Mapping) else {}


# Functions and routes -----------------------------------------------------------------------------


def _offers_differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the methods and routes that are removed or new."""
    before, after = dict(_offers(old)), dict(_offers(new))
    for key in before.keys() - after.keys():
        yield Difference(text=f"{before[key]} is removed", breaks=True, member=_member(before[key]))
    for key in after.keys() - before.keys():
        yield Difference(text=f"{after[key]} is new", breaks=False, member=_member(after[key]))
    if _needs_method(new) and not _needs_method(old) and not _is_balanced(old):
        yield Difference(text="calls have to name a method", breaks=True)


def _member(title: str) -> str:
    """Return the name of a method, or a route."""
    return title.removeprefix("method ")


def _offers(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the key and the text of each method and route."""
    for function in _functions(resource):
        path = function.get("http_path")
        if path:
            key = f"{function.get('http_method')} {path}"
            yield _route(key), key
    for method in _methods(resource):
        yield f"method {method}", f"method {method}"


def _functions(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    functions = resource.get("functions")
    listed = functions if isinstance(functions, list) else []
    return [function for function in listed if isinstance(function, Mapping)]


def _methods(resource: Mapping[str, Any]) -> list[str]:
    listed = [function.get("class_methods") for function in _functions(resource)]
    return [str(method) for methods in listed if isinstance(methods, list) for method in methods]


def _needs_method(resource: Mapping[str, Any]) -> bool:
    """Return whether a job has to name a method: the class has several."""
    return len(_methods(resource)) > 1


def _is_balanced(resource: Mapping[str, Any]) -> bool:
    return bool(resource.get("is_load_balanced"))


def _route(key: str) -> str:
    """Return a route without the names of its path's parameters, which no request has."""
    return _PLACEHOLDER.sub(lambda match: f"{{{match[2] or ''}}}", key)


# Arguments and results ----------------------------------------------------------------------------


def _signatures_differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield how the arguments and results of what both offer differ."""
    if _is_balanced(old) != _is_balanced(new):
        yield Difference(text="it is called in another way: as a queue or by routes", breaks=True)
        return
    before, after = _signatures(old), _signatures(new)
    if "" in before and len(after) == 1:  # a function has become a class with one method
        after = {"": next(iter(after.values()))}
    for key in sorted(before.keys() & after.keys()):
        title, was = before[key]
        where = f"{title}: " if key else ""
        member = _member(after[key][0])
        renamed = _renamed(title, after[key][0])
        for difference in compare_signatures(
            was, after[key][1], renamed, is_route=_is_balanced(new)
        ):
            yield structs.replace(difference, text=where + difference.text, member=member)


def _signatures(resource: Mapping[str, Any]) -> dict[str, tuple[str, ManifestSignature]]:
    """Return the title and the signature of each route and method; the key of a function is ""."""
    try:
        found = msgspec.convert(resource.get("signatures") or {}, dict[str, ManifestSignature])
    except (msgspec.ValidationError, UnicodeError):  # another version of flashc has written it
        return {}
    if _is_balanced(resource):
        return {_route(key): (key, signature) for key, signature in found.items()}
    if _methods(resource):
        return {key: (f"method {key}", signature) for key, signature in found.items()}
    return {"": next(iter(found.items()))} if found else {}


def _renamed(old: str, new: str) -> dict[str, str]:
    """Return the new names of the parameters of a route's path."""
    names = [[match[1] for match in _PLACEHOLDER.finditer(key)] for key in (old, new)]
    return dict(zip(*names, strict=False))
