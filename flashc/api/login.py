"""Log in, log out, and say whose key is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flashc.project.workspace import Workspace
from flashc_backends.cloud.keys import VARIABLE, Key, find_key, key_file, remove_key, save_key
from flashc_backends.cloud.login import (
    Account,
    LoggedIn,
    LoggedOut,
    LoginRefused,
    login_page,
    request_login,
    wait_for_key,
)
from flashc_core import rules
from flashc_core.diagnostics import Sink

from .asking import HERE, Answer, give_up, with_session
from .cloud import NoSession, Session, anonymous, key_file_used

_SHOWN = 4  # characters of a key
_SHORTEST = 16  # characters of a key of which a part is shown


def log_in(
    workspace: Workspace, show_page: Callable[[str], None], *, seconds: float = 600.0
) -> Answer[LoggedIn]:
    """Get a key that the user approves in a browser, check it, and write it into the key file.

    Args:
        workspace: the project, for the addresses of the platform.
        show_page: gets the URL of the page on which the user approves the login.
        seconds: the longest time to wait for that.
    """
    sink = workspace.sink()
    environ = workspace.environment
    file = key_file()
    try:
        with key_file_used(sink):
            find_key({}, file)  # a file that can't be used is told before the user is asked
        with anonymous(environ, sink) as (places, transport):
            request = request_login(places, transport)
            show_page(login_page(places, request))
            key = wait_for_key(places, transport, request, seconds)
        with key_file_used(sink):
            save_key(file, key)
    except LoginRefused as error:
        sink.report(rules.LOGIN_FAILED, HERE, str(error), help=("type `flashc login` again",))
        return Answer(diagnostics=tuple(sink))
    except NoSession:
        return Answer(diagnostics=tuple(sink))
    others = {name: value for name, value in environ.items() if name != VARIABLE}
    found = _account(workspace, others)
    done = LoggedIn(
        account=found.value.account if found.value is not None else "",
        file=str(file),
        overridden=_is_set(environ),
    )
    return Answer(diagnostics=found.diagnostics, value=done)


def log_out(workspace: Workspace) -> Answer[LoggedOut]:
    """Remove the key from the key file; the platform is not asked."""
    sink = workspace.sink()
    file = key_file()
    try:
        with key_file_used(sink):
            had_key = remove_key(file)
    except NoSession:
        return Answer(diagnostics=tuple(sink))
    done = LoggedOut(file=str(file), had_key=had_key, overridden=_is_set(workspace.environment))
    return Answer(diagnostics=tuple(sink), value=done)


def who_am_i(workspace: Workspace) -> Answer[Account]:
    """Return whose key is used, and where it is from."""
    return _account(workspace, workspace.environment)


def _account(workspace: Workspace, environ: Mapping[str, str]) -> Answer[Account]:
    def action(opened: Session, sink: Sink) -> Account:
        account = opened.cloud.account()
        if not account:
            message = f"the platform knows no account of the key from {opened.key.source}"
            raise give_up(rules.KEY_REFUSED, message, "type `flashc login`", sink)
        return Account(account=account, source=opened.key.source, key=_end_of(opened.key))

    return with_session(workspace, action, environ)


def _is_set(environ: Mapping[str, str]) -> bool:
    return bool(environ.get(VARIABLE, "").strip())


def _end_of(key: Key) -> str:
    """Return `...` and the last characters of a key; only `...` if the key is short."""
    return f"...{key.value[-_SHOWN:]}" if len(key.value) >= _SHORTEST else "..."
