"""Open a session with the platform that the environment names, and report its failures as findings."""

from __future__ import annotations

import platform as machine
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from flashc import __version__
from flashc_backends.cloud.addresses import Addresses, WrongAddress, addresses
from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.keys import Key, KeyFileError, find_key, key_file
from flashc_backends.cloud.pace import STANDARD, Pace
from flashc_backends.cloud.runpod import RunpodCloud
from flashc_backends.cloud.transport import Transport
from flashc_core import rules
from flashc_core.diagnostics import Rule, Sink
from flashc_core.source import WholeFile

_RULES: Mapping[Trouble, Rule] = {
    Trouble.KEY: rules.KEY_REFUSED,
    Trouble.UNREACHABLE: rules.CLOUD_UNREACHABLE,
    Trouble.SILENT: rules.CLOUD_FAILED,
    Trouble.ABSENT: rules.API_RETIRED,
    Trouble.BUSY: rules.CLOUD_FAILED,
    Trouble.BROKEN: rules.CLOUD_FAILED,
    Trouble.RETIRED: rules.API_RETIRED,
    Trouble.MISSING: rules.NOT_DEPLOYED,
    Trouble.REFUSED: rules.CLOUD_REFUSES,
}
_HELP: Mapping[Trouble, str] = {
    Trouble.UNREACHABLE: "check the network and the proxy; `RUNPOD_API_BASE_URL` names the platform",
    Trouble.SILENT: "type the command again: it continues from what the platform has",
    Trouble.BUSY: "wait a minute, and type the command again",
    Trouble.BROKEN: "type the command again: it continues from what the platform has",
    Trouble.ABSENT: "install a newer version of flashc",
    Trouble.RETIRED: "install a newer version of flashc",
    Trouble.REFUSED: "correct what the platform names, or ask for a larger quota in its console",
}


class Session:
    """A connection to a platform, with the key that it uses."""

    def __init__(self, cloud: RunpodCloud, key: Key, places: Addresses) -> None:
        self.cloud = cloud
        self.key = key
        self.addresses = places


class NoSession(Exception):
    """The platform can't be used; the reason is in the sink."""


@contextmanager
def session(environ: Mapping[str, str], sink: Sink, *, pace: Pace = STANDARD) -> Generator[Session]:
    """Yield a session with the platform; failures of its requests are reported, and end the block.

    Args:
        environ: the environment, which may have the key and the platform's addresses.
        sink: gets the findings.
        pace: how long to wait for answers, and between attempts.

    Raises:
        NoSession: there is no key, or a request failed; the finding is in `sink`.
    """
    try:
        places = addresses(environ)
        key = find_key(environ, key_file())
    except (WrongAddress, KeyFileError) as error:
        rule = rules.KEY_FILE_FAILED if isinstance(error, KeyFileError) else rules.CLOUD_UNREACHABLE
        sink.report(rule, WholeFile("."), str(error), help=("correct it",))
        raise NoSession from error
    if key is None:
        sink.report(
            rules.NO_KEY,
            WholeFile("."),
            "there is no API key",
            help=("type `flashc login`, or set `RUNPOD_API_KEY` in the environment or in `.env`",),
        )
        raise NoSession
    transport = Transport(key.value, user_agent=_user_agent(), pace=pace)
    try:
        yield Session(RunpodCloud(places, transport), key, places)
    except CloudError as error:
        report_trouble(error, key, sink)
        raise NoSession from error
    finally:
        transport.close()


def report_trouble(error: CloudError, key: Key, sink: Sink) -> None:
    """Report that a request failed."""
    if error.trouble is Trouble.KEY:
        cure = f"the key comes from {key.source}: type `flashc login`, or set another key there"
        sink.report(rules.KEY_REFUSED, WholeFile("."), str(error), help=(cure,))
        return
    cure = _HELP.get(error.trouble, "")
    sink.report(_RULES[error.trouble], WholeFile("."), str(error), help=(cure,) if cure else ())


def _user_agent() -> str:
    system = f"{machine.system()} {machine.release()}; {machine.machine()}"
    return f"flashc/{__version__} (Python {machine.python_version()}; {system})"
