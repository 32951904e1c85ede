"""List, set and delete the secrets of an account; their values are never read back."""

from __future__ import annotations

import re
from collections.abc import Callable

from flashc.project.workspace import Workspace
from flashc_backends.cloud.errors import CloudError
from flashc_backends.cloud.model import Secret
from flashc_backends.deploy.creating import create_once
from flashc_core import rules
from flashc_core.diagnostics import Sink

from .asking import Answer, give_up, with_session
from .cloud import Session

_OF_DEPLOYMENTS = re.compile(
    r"flash_(?:lease_[0-9a-f]{16}(?:_[0-9a-f]{12}_\d+)?|[0-9a-f]{12}_.*)", re.DOTALL
)
_NAME = re.compile(r"\w+", re.ASCII)


def list_secrets(workspace: Workspace, *, every: bool = False) -> Answer[tuple[Secret, ...]]:
    """Return the account's secrets by name; `every`: also those that deployments made."""

    def action(opened: Session, _sink: Sink) -> tuple[Secret, ...]:
        found = opened.cloud.secrets()
        shown = [each for each in found if every or not _OF_DEPLOYMENTS.fullmatch(each.name)]
        return tuple(sorted(shown, key=lambda secret: secret.name))

    return with_session(workspace, action)


def set_secret(workspace: Workspace, name: str, value: str) -> Answer[Secret]:
    """Create a secret, or give the one with this name another value."""

    def action(opened: Session, sink: Sink) -> Secret:
        if not _NAME.fullmatch(name):
            message = f"`{name}` can't be the name of a secret"
            help = "use letters, digits and underscores"
            raise give_up(rules.CLOUD_REFUSES, message, help, sink)
        cloud = opened.cloud
        before = [secret.id for secret in cloud.secrets() if secret.name == name]
        for secret in before:  # the platform can't change a value
            cloud.delete_secret(secret)

        def found() -> Secret | None:
            listed = (secret for secret in cloud.secrets() if secret.name == name)
            return next((secret for secret in listed if secret.id not in before), None)

        try:
            return create_once(lambda: cloud.create_secret(name, value, ""), found)
        except CloudError as error:
            gone = f"; the old value of `{name}` is deleted already" if before else ""
            raise CloudError(error.trouble, f"{error}{gone}") from error

    return with_session(workspace, action)


def delete_secret(workspace: Workspace, name: str, confirm: Callable[[], bool]) -> Answer[Secret]:
    """Delete the secret with a name, if `confirm` says so; that there is none is reported."""

    def action(opened: Session, sink: Sink) -> Secret:
        found = next((each for each in opened.cloud.secrets() if each.name == name), None)
        if found is None:
            message = f"the account has no secret `{name}`"
            help = "`flashc secret list` lists the secrets"
            raise give_up(rules.NOT_DEPLOYED, message, help, sink)
        if not confirm():
            message = f"deleting the secret `{name}` needs a confirmation"
            raise give_up(rules.NOT_CONFIRMED, message, "type the command with `--yes`", sink)
        opened.cloud.delete_secret(found.id)
        return found

    return with_session(workspace, action)
