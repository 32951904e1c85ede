"""Laws of cleaning: a deployment removes what flashc has left and nothing uses, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashc_backends.base import Silent
from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Kind, Settings
from flashc_backends.cloud.port import Cloud
from flashc_backends.deploy.apply import execute
from flashc_backends.deploy.cleaning import add_cleaning, was_deployed
from flashc_backends.deploy.deployment import Deployment
from flashc_backends.deploy.plan import Plan
from flashc_backends.deploy.variables import (
    SecretValue,
    Target,
    reference,
    secret_prefix,
    secrets_in,
    secrets_named,
)
from tests.support.deployments import FAST, TARGET, plan_of, seen, wanted_of
from tests.support.memory_cloud import MemoryCloud
from tests.support.profiles import examples

_KEPT = 2
_OWN = secret_prefix(TARGET)
_OTHERS = secret_prefix(Target("app", "staging"))
_VALUES = "uvwxyz"
_FOREIGN = (
    "MY_TOKEN",
    "flash_token",
    f"{_OTHERS}TOKEN_u",
    f"my_{_OWN}TOKEN_u",
    "flash_lease_0123456789abcdef",
    _OWN[:-1],
)
# One deployment: its code, the value of a variable of each endpoint (None: no such endpoint), and
# whether the deployment fails.
_history = st.lists(
    st.tuples(
        st.sampled_from("ABCDEF"),
        st.lists(st.sampled_from([*_VALUES, None]), min_size=1, max_size=3),
        st.sampled_from(["done", "done", "fails", "killed"]),
    ),
    min_size=1,
    max_size=7,
)


def _name(value: str) -> str:
    return f"{_OWN}TOKEN_{value}"


def _wish(code: str, values: list[str | None]) -> str:
    endpoints = [
        f"queue {name} TOKEN=secret:{_name(value)}"
        for name, value in zip("abc", values, strict=False)
        if value is not None
    ]
    return "\n".join([f"code {code}", *endpoints])


def _manifest(wish: str) -> dict[str, Any]:
    """The manifest of a build; it has the references to secrets that a deployment writes into it."""
    _, wanted, manifest = wanted_of(wish)
    for item in wanted:
        variables = item.settings.environment
        references = {k: v for k, v in variables.items() if any(secrets_in({k: v}))}
        manifest["resources"][item.name]["env"] |= references
    return {**manifest, "environment": TARGET.environment}


def _deploy(cloud: Cloud, wish: str, artifact: Path) -> Plan:
    world, manifest = seen(cloud), _manifest(wish)
    plan = add_cleaning(cloud, plan_of(world, wish), world, manifest, kept=_KEPT)
    given = Deployment(
        plan=plan,
        world=world,
        manifest=manifest,
        artifact=artifact,
        secrets={n: SecretValue(name=n, variable="TOKEN", value=n) for n in plan.secrets},
        pace=FAST,
    )
    execute(cloud, given, Silent())
    return plan


class _Killed(BaseException):
    """The process is killed."""


class _Failing:
    """A platform on which an operation fails, once if the process lives on."""

    def __init__(self, cloud: Cloud, error: BaseException) -> None:
        self._cloud = cloud
        self._error = error
        self._is_dead = self._has_failed = False

    def __getattr__(self, name: str) -> Any:
        operation: Callable[..., Any] = getattr(self._cloud, name)

        def call(*given: Any) -> Any:
            if self._is_dead or (name == "activate" and not self._has_failed):
                self._is_dead, self._has_failed = isinstance(self._error, _Killed), True
                raise self._error
            return operation(*given)

        return call


class _Silent:
    """A platform that does not tell the manifests of builds."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def __getattr__(self, name: str) -> Any:
        if name == "manifest":
            raise CloudError(Trouble.BROKEN, "no answer")
        return getattr(self._cloud, name)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("deploy") / "artifact.tar.gz"
    path.write_bytes(b"artifact")
    return path


def _played(history: list[tuple[str, list[str | None], str]], artifact: Path) -> MemoryCloud:
    """A platform after a history of deployments, some of which have failed."""
    cloud = MemoryCloud()
    for name in _FOREIGN:
        cloud.create_secret(name, "value", "not of flashc")
    for code, values, end in history:
        wish = _wish(code, values)
        if end == "done":
            _deploy(cloud, wish, artifact)
            continue
        error = _Killed() if end == "killed" else CloudError(Trouble.REFUSED, "no")
        with suppress(_Killed, CloudError):
            _deploy(cast(Cloud, _Failing(cloud, error)), wish, artifact)
    return cloud


@settings(max_examples=examples(200))
@given(history=_history, code=st.sampled_from("GH"), value=st.sampled_from(_VALUES))
def test_what_nothing_uses_is_removed_and_nothing_else(
    artifact: Path,
    history: list[tuple[str, list[str | None], str]],
    code: str,
    value: str,
) -> None:
    cloud = _played(history, artifact)
    stray = Settings(
        kind=Kind.QUEUE,
        image="i",
        disk_gb=5,
        instances=("cpu3c-1-2",),
        environment={"X": reference(f"{_OWN}X_stray")},
    )
    cloud.create_secret(f"{_OWN}X_stray", "value", "")
    before = {secret.name for secret in cloud.secrets()}
    app = cloud.app(TARGET.app)
    if app is not None and app.environments:
        cloud.create_endpoint(app.environments[0].id, "stray", stray)
    wish = _wish(code, [value])
    _deploy(cloud, wish, artifact)
    after = {secret.name for secret in cloud.secrets()}
    assert after >= set(_FOREIGN)
    app = cloud.app(TARGET.app)
    assert app is not None
    manifests = [cloud.manifest(build.id) for build in app.builds]
    deployed = [m for m in manifests if was_deployed(m, TARGET.environment)][:_KEPT]
    used = {
        *(name for document in deployed for name in secrets_named(document)),
        *(n for e in seen(cloud).endpoints for n in secrets_in(e.settings.environment)),
    }
    assert {name for name in after if name.startswith(_OWN) and name != _OWN} == used
    assert used <= before | {_name(value)}
    again = add_cleaning(
        cloud, plan_of(seen(cloud), wish), seen(cloud), _manifest(wish), kept=_KEPT
    )
    assert again.is_empty


@settings(max_examples=examples(50))
@given(history=_history)
def test_nothing_is_removed_if_something_could_not_be_read(
    artifact: Path, history: list[tuple[str, list[str | None], str]]
) -> None:
    cloud = _played(history, artifact)
    cloud.create_secret(f"{_OWN}X_lost", "value", "")

    world, wish = seen(cloud), _wish("G", ["u"])
    if world.app is not None and world.app.builds:
        silent = cast(Cloud, _Silent(cloud))
        assert not add_cleaning(silent, plan_of(world, wish), world, _manifest(wish)).cleans


def test_a_build_of_another_environment_keeps_its_secrets_where_it_runs(artifact: Path) -> None:
    """`flashc rollback --to` may let an environment run a build that was made for another one."""
    cloud = MemoryCloud()
    _deploy(cloud, _wish("A", ["u"]), artifact)
    app = cloud.app(TARGET.app)
    assert app is not None
    other = cloud.create_environment(app.id, "staging")
    cloud.activate(other.id, app.builds[0].id)
    for code, value in (("B", "v"), ("C", "w"), ("D", "x")):
        _deploy(cloud, _wish(code, [value]), artifact)
    left = {secret.name for secret in cloud.secrets()}
    assert left == {_name("u"), _name("w"), _name("x")}


_names = st.text("a1/", min_size=1, max_size=5)


@settings(max_examples=examples(300))
@given(targets=st.sets(st.builds(Target, _names, _names), min_size=2, max_size=20))
def test_no_two_environments_share_their_secrets(targets: set[Target]) -> None:
    """A name may have slashes: `a/b` of the app `shop` is not `b` of the app `shop/a`."""
    assert len({secret_prefix(target) for target in targets}) == len(targets)
