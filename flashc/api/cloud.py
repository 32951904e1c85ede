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
    Trouble.QUOTA: rules.CLOUD_REFUSES,
    Trouble.LOST: rules.DEPLOYMENT_RUNS,
}
_HELP: Mapping[Trouble, str] = {
    Trouble.UNREACHABLE: "check the network and the proxy; `RUNPOD_API_BASE_URL` names the platform",
    Trouble.SILENT: "type the command again: it continues from what the platform has",
    Trouble.BUSY: "wait until the platform may be asked again, and type the command again",
    Trouble.BROKEN: "type the command again: it continues from what the platform has",
    Trouble.ABSENT: "install a newer version of flashc",
    Trouble.RETIRED: "install a newer version of flashc",
    Trouble.LOST: "wait for it, and type the command again",
    Trouble.REFUSED: "correct what the platform names",
    Trouble.QUOTA: "lower `workers=` of endpoints, delete endpoints that are not needed (`flashc undeploy`), "
    "or ask Runpod for a larger quota",
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
    places = _places(environ, sink)
    with key_file_used(sink):
        key = find_key(environ, key_file())
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


@contextmanager
def anonymous(environ: Mapping[str, str], sink: Sink) -> Generator[tuple[Addresses, Transport]]:
    """Yield a connection to the platform that sends no key; failures are reported, and end the block.

    Raises:
        NoSession: a request failed; the finding is in `sink`.
    """
    places = _places(environ, sink)
    transport = Transport("", user_agent=_user_agent())
    try:
        yield places, transport
    except CloudError as error:
        report_trouble(error, None, sink)
        raise NoSession from error
    finally:
        transport.close()


@contextmanager
def key_file_used(sink: Sink) -> Generator[None]:
    """Report that the key file can't be used, which ends the block.

    Raises:
        NoSession: it can't be used; the finding is in `sink`.
    """
    try:
        yield
    except KeyFileError as error:
        sink.report(rules.KEY_FILE_FAILED, WholeFile("."), str(error), help=("correct it",))
        raise NoSession from error


def _places(environ: Mapping[str, str], sink: Sink) -> Addresses:
    """Return the addresses of the platform; a wrong one is reported."""
    try:
        return addresses(environ)
    except WrongAddress as error:
        sink.report(rules.CLOUD_UNREACHABLE, WholeFile("."), str(error), help=("correct it",))
        raise NoSession from error


def report_trouble(error: CloudError, key: Key | None, sink: Sink) -> None:
    """Report that a request failed; `key` is the key that it was sent with."""
    if error.trouble is Trouble.KEY and key is not None:
        help = f"the key comes from {key.source}: type `flashc login`, or set another key there"
        sink.report(rules.KEY_REFUSED, WholeFile("."), str(error), help=(help,))
        return
    help = _HELP.get(error.trouble, "")
    sink.report(_RULES[error.trouble], WholeFile("."), str(error), help=(help,) if help else ())


def _user_agent() -> str:
    system = f"{machine.system()} {machine.release()}; {machine.machine()}"
    return f"flashc/{__version__} (Python {machine.python_version()}; {system})"
