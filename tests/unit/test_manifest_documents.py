"""A manifest that another tool or another version of flashc has written can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flashc_backends.manifest.documents import known_part, read_document
from flashc_backends.manifest.manifest import build_manifest
from flashc_backends.manifest.manifest_model import Manifest
from tests.support.projects import compile_folder

APP = """
import os
from flashc import Endpoint, NetworkVolume, PodTemplate

@Endpoint(
    name="scorer",
    workers=(0, 1),
    env={"MODE": "fast", "TOKEN": os.environ["TOKEN"]},
    volume=NetworkVolume(name="models", size=20, datacenter="EU-RO-1"),
    template=PodTemplate(containerDiskInGb=20),
)
async def score(text: str):
    return text

api = Endpoint(name="web", cpu="cpu3c-1-2")

@api.post("/double")
async def double(x: int):
    return x
"""


def with_more(document: Any) -> Any:
    """Return a manifest with a further key in each of its objects that has fixed keys."""
    more: dict[str, Any] = {"later": {"a": [1]}}
    resources = {}
    for name, resource in document["resources"].items():
        parts: dict[str, Any] = {
            "functions": [{**each, **more} for each in resource["functions"]],
        }
        if "networkVolumes" in resource:
            parts["networkVolumes"] = [{**each, **more} for each in resource["networkVolumes"]]
        if "template" in resource:
            parts["template"] = {**resource["template"], **more}
        if "env_references" in resource:
            parts["env_references"] = {
                variable: [{**part, **more} for part in references]
                for variable, references in resource["env_references"].items()
            }
        resources[name] = {**resource, **parts, **more}
    return {**document, "resources": resources, **more}


def test_only_unknown_keys_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(APP)
    content = build_manifest(compile_folder(tmp_path).valid, "0", {}).to_json()
    document = json.loads(content)
    assert document["resources"]["scorer"]["env_references"] == {"TOKEN": [{"variable": "TOKEN"}]}
    assert known_part(with_more(document), Manifest) == document
    read = read_document(json.dumps(known_part(with_more(document), Manifest)).encode(), Manifest)
    assert read == read_document(content, Manifest)
