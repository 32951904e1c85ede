"""Let clients read and set the injected faults (`/faults`), and apply the faults to the requests of clients and workers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from flashc_backends.platform.fault_file import WrongFaults, faults_of
from flashc_backends.platform.faults import Faults, Network, Point, Unauthorized, first
from flashc_backends.platform.injection import Injector

from .asgi import Gone, Refused, Request
from .decoding import decode

_LIMIT = 1024**2
_DOCUMENT = msgspec.json.Decoder()
_REFUSED = "the key is refused: a fault on request"


class FaultApi:
    """The faults of all endpoints, over HTTP."""

    def __init__(self, injector: Injector) -> None:
        self._injector = injector

    async def serve(self, request: Request) -> None:
        """Answer GET with the faults that may happen and those that happened; for PUT, replace the faults that may happen.

        If the faults of a PUT are wrong, the answer is 400 with a list of problems.  Each problem has the number of the
        fault and the name of the key.

        Raises:
            Refused: the method or the body is wrong.
        """
        match request.method:
            case "GET":
                await request.body(0)
            case "PUT":
                document = decode(await request.body(_LIMIT), _DOCUMENT, "list of faults")
                try:
                    self._injector.replace_faults(self._wanted(document))
                except WrongFaults as error:
                    found = {"error": f"FC525: {error}", "problems": error.problems}
                    await request.reply_json(400, found)
                    return
            case _:
                raise Refused(405, "use the method GET or PUT")
        await request.reply_json(200, self._injector.view())

    def _wanted(self, document: object) -> Faults:
        """Return the faults of a document; limits of the account that it does not name stay."""
        found = faults_of(document)
        if isinstance(document, Mapping) and "limits" not in document:
            return replace(found, limits=self._injector.limits)
        return found

    def check_worker(self, endpoint: str) -> None:
        """Refuse a request of a worker if the fault `unauthorized` happens.

        Raises:
            Refused: the fault happens.
        """
        if (
            self._injector.has_faults
            and first(self._injector.faults_at(Point.WORKER, endpoint), Unauthorized) is not None
        ):
            raise Refused(401, _REFUSED)

    async def apply(self, request: Request, endpoint: str) -> None:
        """Make the faults of a client's request happen.

        Raises:
            Refused: the fault `unauthorized` happens.
            Gone: the fault `network` has reset the connection.
        """
        if not self._injector.has_faults:
            return
        path = request.path
        if (
            first(self._injector.faults_at(Point.CLIENT, endpoint, path=path), Unauthorized)
            is not None
        ):
            raise Refused(401, _REFUSED)
        caller = request.header(b"x-flash-caller")
        if not caller:
            return
        for fault in self._injector.faults_at(Point.CALL, endpoint, caller=caller, path=path):
            assert isinstance(fault, Network)
            await asyncio.sleep(fault.latency)
            if fault.cut == "request":
                await request.reset()
                raise Gone
            if fault.cut == "answer":
                request.reset_instead()
