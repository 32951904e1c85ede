"""Show apps, environments, statuses, logs, secrets, accounts and new projects as text and JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from flashc_backends.cloud.login import Account, LoggedIn, LoggedOut
from flashc_backends.cloud.model import App, Jobs, Rollout, Secret
from flashc_backends.deploy.logs import WorkerLine
from flashc_backends.deploy.removal import RemovalReport, Thing
from flashc_backends.deploy.status import EndpointStatus, EnvironmentView, Status
from flashc_core.encoding import printable

_UNKNOWN = "-"


def as_json(value: Any) -> bytes:
    """Return a result as one JSON document, with a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def as_json_line(value: Any) -> bytes:
    """Return a result as one line of JSON, with a newline at the end."""
    return msgspec.json.encode(value) + b"\n"


def apps_text(apps: Sequence[App]) -> str:
    """Return the apps of an account as a table."""
    rows = [
        (app.name, app.id, _count(len(app.environments), "environment"), _builds(app))
        for app in apps
    ]
    return _table(rows) or "no apps\n"


def app_text(app: App) -> str:
    """Return an app with its environments."""
    head = f"{app.name}  {app.id}  {_builds(app)}\n"
    rows = [
        (f"  {each.name}", each.id, f"build {each.build or _UNKNOWN}", each.created)
        for each in app.environments
    ]
    return head + (_table(rows) or "  no environments\n")


def environment_text(view: EnvironmentView) -> str:
    """Return an environment with its endpoints."""
    found = view.environment
    head = f"{view.app}/{found.name}  {found.id}  build {found.build or _UNKNOWN}\n"
    rows = [(f"  {each.name}", each.id, each.type.value, each.url) for each in view.endpoints]
    return head + (_table(rows) or "  no endpoints\n")


def things_text(things: Sequence[Thing]) -> str:
    """Return what is to be deleted."""
    rows = [("  -", thing.kind, thing.name, thing.id) for thing in things]
    return _table(rows) or "nothing to delete\n"


def removal_text(report: RemovalReport) -> str:
    """Return what was deleted; what is left is a finding."""
    if report.removed is None:
        return things_text(report.things)
    deleted = report.removed.deleted
    return "".join(f"deleted {thing}\n" for thing in deleted) or "nothing is deleted\n"


def status_text(status: Status) -> str:
    """Return the state of an environment as a table."""
    head = f"{status.app}/{status.environment}  build {status.build or _UNKNOWN}\n"
    titles = ("  endpoint", "workers", "newest release", "jobs", "errors")
    rows = [_status_row(found) for found in status.endpoints]
    return head + (_table([titles, *rows]) if rows else "  no endpoints\n")


def _status_row(found: EndpointStatus) -> tuple[str, ...]:
    return (
        f"  {found.name}",
        _workers(found.workers),
        _rollout(found.rollout),
        _jobs(found.jobs),
        _UNKNOWN if found.error_rate is None else f"{found.error_rate:.1%}",
    )


def _workers(workers: dict[str, int] | None) -> str:
    if workers is None:
        return _UNKNOWN
    return ", ".join(f"{count} {state}" for state, count in workers.items()) or "none"


def _rollout(rollout: Rollout | None) -> str:
    if rollout is None:
        return _UNKNOWN
    if rollout.total == 0:
        return "no workers"
    more = ", in progress" if rollout.in_progress else ""
    return f"{rollout.on_latest} of {rollout.total} workers{more}"


def _jobs(jobs: Jobs | None) -> str:
    if jobs is None:
        return _UNKNOWN
    return (
        f"{jobs.queued} queued, {jobs.running} running, "
        f"{jobs.completed} completed, {jobs.failed} failed"
    )


def log_text(line: WorkerLine) -> str:
    """Return a line of a worker, with where it is from and without control characters."""
    return f"{line.at}  {line.endpoint} {line.worker}  {printable(line.text)}\n"


def secrets_text(secrets: Sequence[Secret]) -> str:
    """Return the names of secrets as a table."""
    rows = [(each.name, each.created, each.description) for each in secrets]
    return _table(rows) or "no secrets\n"


def secret_set_text(secret: Secret) -> str:
    """Say how workers get a secret that was set."""
    text = f"{{{{ RUNPOD_SECRET_{secret.name} }}}}"
    return (
        f'{secret.name} is set; workers that start from now on get it where `env=` says "{text}"\n'
    )


def account_text(account: Account) -> str:
    """Return whose key is used."""
    return f"account {account.account}\nkey {account.key} from {account.source}\n"


def logged_in_text(done: LoggedIn) -> str:
    """Say that a login has succeeded."""
    of = f" for the account {done.account}" if done.account else ""
    return f"the key{of} is in {done.file}\n" + _overridden(done.overridden)


def logged_out_text(done: LoggedOut) -> str:
    """Say that a logout has succeeded."""
    said = "is removed from" if done.had_key else "was not in"
    return f"the key {said} {done.file}\n" + _overridden(done.overridden)


def _overridden(overridden: bool) -> str:
    return "`RUNPOD_API_KEY` is set: commands use the key in this variable\n" if overridden else ""


def _builds(app: App) -> str:
    return _count(len(app.builds), "build")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows with aligned columns, each with a newline at its end; "" for no rows."""
    shown = [tuple(map(printable, row)) for row in rows]
    return "".join(f"{line}\n" for line in _aligned(shown))


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(
            f"{text:<{width}}" for text, width in zip(row, widths, strict=True)
        ).rstrip()


def new_project_text(folder: Path, files: Sequence[str]) -> str:
    """Return which files `flashc init` wrote, and what to type next."""
    enter = "" if folder == Path() else f"cd {shlex.quote(str(folder))}\n"
    return "".join(f"wrote {folder / path}\n" for path in files) + (
        f"\n{enter}flashc check\npytest\nflashc dev\n"
    )
