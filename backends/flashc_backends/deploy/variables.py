"""Compute the environment variables of workers; values that may be secret become secrets of the platform.

A variable whose value comes from the environment of the deployment is kept as a secret, and the
endpoint only refers to it.  A secret's name contains a digest of its value, so that a new value is
a new secret: the platform never shows values, and a change of the name is a change of the endpoint.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from flashc_backends.cloud.keys import VARIABLE as KEY_VARIABLE
from flashc_backends.manifest.manifest_model import (
    Manifest,
    ManifestResource,
    References,
    ValuePart,
)

ENVIRONMENT_ID = "{environment id}"
"""Stands for the id of the environment until it exists."""
FINGERPRINT = "_FLASH_SOURCE_FINGERPRINT"
"""The variable that changes with the code, so that the platform replaces the workers."""
_REFERENCE = re.compile(r"\{\{ RUNPOD_SECRET_(\w+) \}\}")
_OTHER = re.compile(r"\W+", re.ASCII)
_LONGEST = 40  # characters of a variable's name in the name of its secret


class Target(Struct, frozen=True, order=True):
    """Where an app is deployed to: the names of the app and of its environment."""

    app: str
    environment: str

    def __str__(self) -> str:
        return f"{self.app}/{self.environment}"

    @property
    def digest(self) -> str:
        """A digest that no other target has; names may have slashes."""
        text = str(self)
        if text.count("/") > 1:
            text = f"{len(self.app)}/{self.app}//{self.environment}"
        return hashlib.sha256(text.encode()).hexdigest()


class SecretValue(Struct, frozen=True, kw_only=True):
    """A secret that the platform has to have; the value is never shown."""

    name: str
    variable: str
    value: str

    def __repr__(self) -> str:
        return f"SecretValue({self.name!r}, {self.variable!r}, ***)"


class Missing(Struct, frozen=True, order=True):
    """A variable of an endpoint needs an environment variable that is not set."""

    resource: str
    variable: str
    needs: str


class Variables(Struct, frozen=True, kw_only=True):
    """The variables of all resources, by resource; the secrets they refer to, and what is missing."""

    by_resource: Mapping[str, Mapping[str, str]]
    secrets: Mapping[str, SecretValue]
    missing: tuple[Missing, ...]


def compute_variables(
    manifest: Manifest,
    target: Target,
    environ: Mapping[str, str],
    key: str,
    *,
    has_secrets: bool = True,
) -> Variables:
    """Return the variables of the workers of all resources.

    Args:
        manifest: the manifest of the build.
        target: where it is deployed to.
        environ: the environment of the deployment, which has the values of references.
        key: the API key; only endpoints that call others get it, as a secret.
        has_secrets: whether the platform keeps secrets; if not, the endpoints get the values.
    """
    secrets: dict[str, SecretValue] = {}
    missing: list[Missing] = []
    by_resource: dict[str, Mapping[str, str]] = {}

    def secret(variable: str, value: str) -> str:
        if not has_secrets:
            return value
        made = SecretValue(
            name=secret_name(target, variable, value), variable=variable, value=value
        )
        secrets[made.name] = made
        return reference(made.name)

    for name, resource in manifest.resources.items():
        found = dict(_literals(resource))
        for variable, parts in _references(resource).items():
            if variable in found:  # a manifest that was deployed before has the references
                continue
            lacks = [part.variable for part in parts if _lacks(part, environ)]
            missing += [Missing(name, variable, needs) for needs in lacks if needs]
            if not lacks:
                found[variable] = secret(variable, _joined(parts, environ))
        by_resource[name] = {
            **found,
            **({KEY_VARIABLE: secret(KEY_VARIABLE, key)} if _needs_key(resource, found) else {}),
            **({"FLASH_ENVIRONMENT_ID": ENVIRONMENT_ID} if resource.makes_remote_calls else {}),
            **({"FLASH_ENDPOINT_TYPE": "lb"} if resource.is_load_balanced else {}),
            "FLASH_RESOURCE_NAME": name,
            "FLASH_APP": target.app,
            "FLASH_ENV": target.environment,
        }
    return Variables(by_resource=by_resource, secrets=secrets, missing=tuple(sorted(missing)))


def reference(name: str) -> str:
    """Return the text in a variable that the platform replaces by the value of a secret."""
    return f"{{{{ RUNPOD_SECRET_{name} }}}}"


def secrets_in(values: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the secrets that variables refer to."""
    for value in values.values():
        yield from _REFERENCE.findall(value)


def secrets_named(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the secrets that any text of a JSON document refers to."""
    yield from _REFERENCE.findall(msgspec.json.encode(document).decode())


@cache
def secret_name(target: Target, variable: str, value: str) -> str:
    """Return the name of the secret for a value of a variable; it starts with `secret_prefix`.

    The digest is slow to compute, so that short values can't be guessed from the name, and it
    depends on the target, so that equal values have other names elsewhere.
    """
    prefix = secret_prefix(target)
    digest = hashlib.scrypt(value.encode(), salt=prefix.encode(), n=2**14, r=8, p=1, dklen=8)
    return f"{prefix}{_OTHER.sub('_', variable)[:_LONGEST]}_{digest.hex()}"


def secret_prefix(target: Target) -> str:
    """Return the beginning of the names of all secrets of a target."""
    return f"flash_{target.digest[:12]}_"


def _literals(resource: ManifestResource) -> Iterator[tuple[str, str]]:
    """Yield the variables whose values the manifest has; those of the endpoint override the template's."""
    if resource.template is not None:
        yield from (resource.template.env or {}).items()
    yield from (resource.env or {}).items()


def _references(resource: ManifestResource) -> References:
    of_template = (
        resource.template.env_references if resource.template is not None else None
    ) or {}
    return {**of_template, **(resource.env_references or {})}


def _needs_key(resource: ManifestResource, found: Mapping[str, str]) -> bool:
    return resource.makes_remote_calls and KEY_VARIABLE not in found


def _lacks(part: ValuePart, environ: Mapping[str, str]) -> bool:
    return part.variable is not None and part.variable not in environ and part.default is None


def _joined(parts: list[ValuePart], environ: Mapping[str, str]) -> str:
    """Return a value from its parts."""
    return "".join(
        (part.text or "")
        if part.variable is None
        else environ.get(part.variable, part.default or "")
        for part in parts
    )
