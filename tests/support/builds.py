"""Build small apps, and list the findings of the builds."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from flashc_backends.artifact.artifact import build
from flashc_backends.base import ArtifactOptions, DependencyOptions, ResolverName
from flashc_core.diagnostics import Sink
from tests.support.projects import compile_files, compile_folder, context_of

WORKER = 'from runpod_flash import Endpoint\n\n@Endpoint(name="w"{more})\nasync def run(x: int): return x\n'
TWO = (
    'from runpod_flash import Endpoint\n\n@Endpoint(name="a")\nasync def a(x): return await b(x)\n\n'
    '@Endpoint(name="b")\nasync def b(x): return x\n'
)


def worker(more: str = "") -> str:
    """Return a module with one endpoint, which has `more` arguments."""
    return WORKER.replace("{more}", more)


def build_files(
    tmp_path: Path, files: dict[str, str], resolver: ResolverName = "uv", **options: object
) -> tuple[list[str], Path]:
    """Return the codes of the findings of a build, and the path of the artifact if there is one."""
    compiled = compile_files(tmp_path / "app", files, **options)
    sink = Sink()
    target = tmp_path / "out" / "artifact.tar.gz"
    context = context_of(compiled.root, sink, dependencies=DependencyOptions(resolver=resolver))
    result = build(compiled.valid, context, target)
    assert (result is None) == sink.has_errors()
    return [d.rule.code for d in sink], target


def build_all(app: Path, output: Path) -> list[tuple[str, str]]:
    """Return the code and the message of each finding of a build with all outputs."""
    compiled = compile_folder(app)
    sink = Sink()
    context = replace(
        context_of(compiled.root, sink), artifact_options=ArtifactOptions(per_endpoint=True)
    )
    build(compiled.valid, context, output / "artifact.tar.gz", output / ".build")
    return [(d.rule.code, d.message) for d in sink]
