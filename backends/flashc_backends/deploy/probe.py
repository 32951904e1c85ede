"""Ask the workers of an endpoint which build they run, if the platform does not tell which release that is.

The handlers that flashc writes answer this themselves, without code of the user: to a job with a
reserved input, and to a request of the health check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Crew, Endpoint, Kind, Manifest
from flashc_backends.cloud.port import Cloud
from flashc_backends.contracts.differences import resource_of
from flashc_backends.runtime.identity import QUESTION

from .variables import FINGERPRINT

_IN_A_ROW = 5  # new answers for each worker that may be there
_AT_ONCE = 20  # questions before other endpoints get their turn
_SILENCE = 5.0  # seconds
_JOB = {"input": QUESTION, "policy": {"ttl": 30_000}}  # ms; a question is not left in the queue
_WAIT = 2000  # ms that the queue waits for the answer
_UNFINISHED = ("IN_QUEUE", "IN_PROGRESS")


def askable(
    endpoints: Iterable[Endpoint],
    before: Mapping[str, Endpoint],
    old: Manifest,
    new: Manifest,
) -> dict[str, str]:
    """Return the identity of a build for each endpoint whose workers tell whether they run it.

    Args:
        endpoints: the endpoints.
        before: the endpoints as they were, by id; one that is not there is new.
        old: the manifest of the build that ran before.
        new: the manifest of the build.
    """
    identity, code = new.get("identity"), old.get("artifact_digest")
    if not isinstance(identity, str) or not identity:
        return {}

    def understands(endpoint: Endpoint) -> bool:
        """Return whether workers of the build before do not take the question for an input."""
        was = before.get(endpoint.id)
        if was is None or endpoint.settings.kind is Kind.BALANCED:
            return True
        runs_old = was.settings.environment.get(FINGERPRINT) == code
        return runs_old and bool(old.get("identity"))

    return {
        endpoint.id: identity
        for endpoint in endpoints
        if not resource_of(new, endpoint.name).get("client_mode")  # its image is not by flashc
        and (endpoint.id not in before or old.get("identity") != identity)
        and understands(endpoint)
    }


class _Reply(Struct, frozen=True):
    """What a worker answered: the build that it runs, and its id if the platform tells."""

    build: object
    worker: str


class Probe:
    """The questions to one endpoint, whose workers are to run the build `identity`."""

    def __init__(self, endpoint: Endpoint, identity: str) -> None:
        self._endpoint = endpoint
        self._identity = identity
        self._job = ""
        self._row = 0
        self._workers: set[str] = set()  # that have answered since the last answer of an old build

    def look(self, cloud: Cloud) -> bool:
        """Ask some workers; return whether all of them run the build."""
        crew = self._crew(cloud)
        if crew == Crew() and not self._least:
            return True  # a worker that starts from now on takes the active build
        for _ in range(_AT_ONCE):
            try:
                reply = self._ask(cloud)
            except CloudError as error:
                if error.trouble is Trouble.KEY:
                    raise
                return False
            if reply is None:
                return False
            if reply.build != self._identity:
                self._row = 0
                self._workers.clear()
                return False
            self._row += 1
            self._workers.add(reply.worker)
            if self._is_done(self._crew(cloud)):
                return True
        return False

    @property
    def _least(self) -> int:
        return self._endpoint.settings.workers_min

    def _is_done(self, crew: Crew | None) -> bool:
        """Return whether the answers stand for all workers."""
        if crew is None:
            count = max(self._least, len(self._workers), 1)
            return self._row >= _IN_A_ROW * count
        count = max(crew.idle + crew.running, self._least, 1)
        if crew.starting:
            return False
        # A worker with a long job does not answer.
        is_told_by_many = self._row >= _IN_A_ROW * count and not crew.running
        return len(self._workers - {""}) >= count or is_told_by_many

    def _crew(self, cloud: Cloud) -> Crew | None:
        """Return how many workers there are; None if the platform does not tell.

        A load balancer has no queue, which could tell it.
        """
        if self._endpoint.settings.kind is Kind.BALANCED:
            return None
        try:
            return cloud.crew(self._endpoint.id)
        except CloudError as error:
            if error.trouble is Trouble.KEY:
                raise
            return None

    def _ask(self, cloud: Cloud) -> _Reply | None:
        """Ask one worker; return None if there is no answer yet."""
        if self._endpoint.settings.kind is Kind.BALANCED:
            found = cloud.call(self._endpoint, "GET", "/ping", seconds=_SILENCE)
            if found.status != 200:
                return None
            build = found.body.get("build") if isinstance(found.body, dict) else None
            return _Reply(build, found.worker)
        if self._job:
            path = f"/status/{self._job}"
            found = cloud.call(self._endpoint, "GET", path, seconds=_SILENCE)
        else:
            path = f"/runsync?wait={_WAIT}"
            found = cloud.call(self._endpoint, "POST", path, _JOB, seconds=_SILENCE)
        job = found.body if found.status == 200 and isinstance(found.body, dict) else {}
        is_open = job.get("status") in _UNFINISHED
        self._job = str(job.get("id", "")) if is_open else ""
        if is_open or not job:
            return None
        output = job.get("output")
        build = output[0] if isinstance(output, list) and len(output) == 1 else output
        return _Reply(build, str(job.get("workerId", "")))
