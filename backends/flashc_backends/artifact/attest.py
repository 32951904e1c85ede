"""Describe an artifact: list its content in a CycloneDX SBOM and its inputs in a provenance record.

Both documents have the same bytes for the same inputs: they contain no time, no path
and nothing about the machine.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from flashc_backends.dependencies.installed import InstalledDistribution
from flashc_backends.dependencies.lock import Lock, Locked
from flashc_core.versions import version_of
from flashc_ir.program import Program
from flashc_ir.requirements import GitSource, PathSource

_NAMESPACE = uuid.UUID("6b1f9d4e-52a8-5b0e-9a64-5d2f7e0c3a11")
_TOOLS = ("deflate", "flashc", "libcst", "uv")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def sbom(program: Program, lock: Lock, distributions: Sequence[InstalledDistribution]) -> bytes:
    """Return a CycloneDX 1.6 document that lists the packages of an artifact.

    The serial number is derived from the content, so that equal artifacts have equal documents.
    Source of the form: cyclonedx.org/docs/1.6/json.
    """
    app = {"type": "application", "bom-ref": "app", "name": program.name}
    by_name = {entry.name: entry for entry in lock.entries}
    references = {d.name: _purl(d.name, d.version, by_name.get(d.name)) for d in distributions}
    required: dict[str, list[str]] = {"app": []}
    for name, reference in references.items():
        required.setdefault(reference, [])
        for requirer in by_name[name].via if name in by_name else ():
            required.setdefault(references.get(requirer, "app"), []).append(reference)
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": app,
            "tools": {
                "components": [
                    {"type": "application", "name": "flashc", "version": version_of("flashc")}
                ]
            },
        },
        "components": [_component(d, references[d.name]) for d in distributions],
        "dependencies": [
            {"ref": reference, "dependsOn": sorted(set(others))}
            for reference, others in sorted(required.items())
        ],
    }
    content = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, content)}"
    return _bytes(document)


def _component(distribution: InstalledDistribution, reference: str) -> dict[str, Any]:
    """Return the entry of a distribution in the SBOM."""
    return {
        "type": "library",
        "bom-ref": reference,
        "name": distribution.name,
        "version": distribution.version,
        "purl": reference,
        "properties": [{"name": "flashc:installedBytes", "value": str(distribution.size)}],
    }


def _purl(name: str, version: str, entry: Locked | None) -> str:
    """Return a package URL; the names in a lock are canonical already, as PyPI's rules require.

    A distribution that comes from no index has its source as a qualifier.
    Source of the form: github.com/package-url/purl-spec.
    """
    plain = f"pkg:pypi/{name}@{quote(version)}" if version else f"pkg:pypi/{name}"
    source = entry.source if entry is not None else None
    if source is None:
        return plain
    key = "vcs_url" if isinstance(source, GitSource) else "download_url"
    location = f"file:{source.path}" if isinstance(source, PathSource) else str(source)
    return f"{plain}?{key}={quote(location, safe=':/')}"


def provenance(
    program: Program, lock: Lock, artifact: tuple[str, str], members: Mapping[str, str]
) -> bytes:
    """Return the inputs of an artifact as an in-toto statement (SLSA provenance, version 1).

    `artifact` is the file name and the SHA-256 of the artifact, and `members` are the SHA-256 of the
    files in it that no RECORD lists, and of the RECORDs, by path.

    Source of the form: slsa.dev/spec/v1.0/provenance.
    """
    name, digest = artifact
    files = [
        {"name": file.path, "digest": {"sha256": file.digest}}
        for file in sorted(program.files, key=lambda file: file.path)
    ]
    packages = [
        {
            "uri": _purl(entry.name, entry.version, entry),
            "annotations": {"acceptedSha256": _HASH.findall(entry.text)},
        }
        for entry in lock.entries
    ]
    return _bytes(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": name, "digest": {"sha256": digest}}],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": "https://github.com/flashc/flashc/build/v1",
                    "externalParameters": {
                        "app": program.name,
                        "pythonVersion": program.python_version,
                        "requirements": lock.inputs,
                    },
                    "resolvedDependencies": [*files, *packages],
                },
                "runDetails": {
                    "builder": {
                        "id": "https://github.com/flashc/flashc",
                        "version": {tool: version_of(tool) for tool in _TOOLS},
                    },
                    "byproducts": [
                        {"name": path, "digest": {"sha256": hashed}}
                        for path, hashed in sorted(members.items())
                    ],
                },
            },
        }
    )


def _bytes(document: dict[str, Any]) -> bytes:
    """Return a document as JSON text with sorted keys, as UTF-8."""
    data = msgspec.json.encode(document, order="sorted")
    return msgspec.json.format(data, indent=2) + b"\n"
