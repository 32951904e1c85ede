"""Define how the programs of Flash write what the IR says of endpoints."""

from __future__ import annotations

from flashc_ir.spelling import Spelling

SPELLING = Spelling(
    name="name",
    hardware="gpu",
    workers="workers",
    execution_timeout_ms="execution_timeout_ms",
    max_concurrency="max_concurrency",
    python_version="python_version",
    dependencies="dependencies",
    system_dependencies="system_dependencies",
    environment="env",
    image="image",
    template="template",
    sdk="runpod_flash",
    finder="flash",
    declaration="`@Endpoint(name=...)` from `runpod_flash` or `flashc`",
    declaring_object="Endpoint(...)",
    kept_worker="workers=(1, 3)",
    polled_route='@api.get("/health")',
    listed_packages="Endpoint(dependencies=[...])",
    passed_variable='env={"NAME": os.environ["NAME"]}',
)
