"""Deploy a built app to a platform by the requests that the tools send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx


def deploy(client: httpx.Client, folder: Path, **fields: Any) -> dict[str, str]:
    """Deploy what is in a `.flash` folder to a new app; return the ids of its endpoints by name.

    `fields` are further fields of every endpoint.
    """
    manifest = json.loads((folder / "flash_manifest.json").read_text())

    def ask(field: str, kind: str, selection: str, **given: Any) -> Any:
        query = f"mutation m($input: {kind}!) {{ {field}(input: $input) {{ {selection} }} }}"
        body = {"query": query, "variables": {"input": given}}
        answer = client.post("/graphql", json=body).json()
        assert "errors" not in answer, answer
        return answer["data"][field]

    app = ask("createFlashApp", "CreateFlashAppInput", "id", name=folder.parent.name)["id"]
    environment = ask(
        "createFlashEnvironment", "CreateFlashEnvironmentInput", "id", flashAppId=app, name="prod"
    )["id"]
    upload = ask(
        "prepareFlashArtifactUpload",
        "PrepareFlashArtifactUploadInput",
        "uploadUrl objectKey",
        flashAppId=app,
        tarballSize=1,
    )
    content = (folder / "artifact.tar.gz").read_bytes()
    client.put(upload["uploadUrl"], content=content).raise_for_status()
    build = ask(
        "finalizeFlashArtifactUpload",
        "FinalizeFlashArtifactUploadInput",
        "id",
        flashAppId=app,
        objectKey=upload["objectKey"],
        manifest=manifest,
    )["id"]
    ask(
        "deployBuildToEnvironment",
        "DeployBuildToEnvironmentInput",
        "id",
        flashEnvironmentId=environment,
        flashBuildId=build,
    )
    return {
        name: ask(
            "saveEndpoint",
            "EndpointInput",
            "id",
            name=name,
            type="LB" if entry["is_load_balanced"] else "QB",
            flashEnvironmentId=environment,
            template={"name": name, "imageName": "x", "env": []},
            **{"workersMin": 1, "workersMax": 1, **fields},
        )["id"]
        for name, entry in manifest["resources"].items()
    }
