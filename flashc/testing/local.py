"""Run the app under test in the process of the tests, with the compiled semantics and without a network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import httpx

from flashc_backends.preview.plan import endpoint_variables, variables_of
from flashc_backends.runtime import wire
from flashc_backends.runtime.platform import Location

from .app import SECONDS, App, forwarding_arguments
from .building import UnpackedApp
from .conversations import run
from .endpoints import DidNotStart, LocalEndpoint
from .local_api import BASE, Answers, LocalApi, LocalTransport, location_of
from .stand_ins import StandIn
from .worlds import Layout, World

ENVIRONMENT = "test"
"""The name of the environment that endpoints in the process of the tests see."""


class LocalApp(App):
    """An app whose endpoints run in the process of the tests, each in its own world of modules.

    Arguments and results travel as JSON text, also between endpoints, so endpoints share no objects.  An endpoint is
    started when it is called first.
    """

    def __init__(
        self,
        unpacked: UnpackedApp,
        answers: Mapping[str, Answers] | None = None,
    ) -> None:
        super().__init__(unpacked.program)
        self._unpacked = unpacked
        self._layout = Layout(
            unpacked.tree, unpacked.workspace.root, unpacked.workspace.project.modules
        )
        self._running: dict[str, LocalEndpoint] = {}
        self._changing = threading.Lock()
        self._answers: Mapping[str, Answers] = {} if answers is None else answers
        self._api = LocalApi(self._endpoint, self._answers.get)

    def module(self, endpoint: str, name: str) -> ModuleType:
        """Return a module as one endpoint has loaded it, for example to replace a function in it.

        Raises:
            UnknownTarget: the app has no such endpoint.
            ModuleNotFoundError: the app has no such module.
        """
        return self._start(self.targets.find(endpoint).resource).world.module(name)

    def environ(self, endpoint: str) -> Any:
        """Return the environment variables of an endpoint, which can be changed."""
        return self._start(self.targets.find(endpoint).resource).world.environ

    def run_own_code(self, resource: str, function: str, given: Any) -> Any:
        """Run a job with the app's own code, also if something else answers the jobs of this endpoint.

        Raises:
            RemoteError: the job failed.
        """
        with self._own_code() as client:
            return run(wire.run_job(location_of(resource), resource, function, given), client)

    def send_to_own_code(self, resource: str, request: httpx.Request) -> httpx.Response:
        """Send a request to the app's own routes, also if something else answers for this endpoint."""
        location = location_of(resource)
        with self._own_code() as client:
            return client.request(**forwarding_arguments(request, location))

    def _own_code(self) -> httpx.Client:
        """Return a client that reaches the app's own code."""
        api = LocalApi(self._endpoint, lambda _resource: None)
        return httpx.Client(transport=LocalTransport(api), timeout=SECONDS)

    def close(self) -> None:
        """Stop all endpoints; a call starts them again, with new modules."""
        self.close_client()
        with self._changing:
            running, self._running = self._running, {}
        for endpoint in running.values():
            endpoint.close()

    def _endpoint(self, resource: str) -> LocalEndpoint | None:
        """Return a started endpoint; None if no code of the app runs it."""
        return self._start(resource) if resource in self.endpoints else None

    def _start(self, resource: str) -> LocalEndpoint:
        """Return an endpoint, and start it if necessary.

        Raises:
            DidNotStart: its modules can't be imported.
        """
        with self._changing:  # not while an endpoint starts, because that may call another one
            endpoint = self._running.get(resource)
            if endpoint is None:
                endpoint = self._running[resource] = self._made(resource)
                endpoint.begin()
        try:
            endpoint.wait_until_started()
        except DidNotStart:
            with self._changing:
                if self._running.get(resource) is endpoint:
                    del self._running[resource]
            endpoint.close()
            raise
        return endpoint

    def _made(self, resource: str) -> LocalEndpoint:
        """Return an endpoint that is not started."""
        http = StandIn(httpx)
        world = World(resource, self._layout, self._variables(resource), http)
        endpoint = LocalEndpoint(resource, world)
        transport = LocalTransport(self._api, endpoint)
        http.__dict__.update(
            HTTPTransport=_always(transport), AsyncHTTPTransport=_always(transport)
        )
        return endpoint

    def _variables(self, resource: str) -> dict[str, str]:
        """Return the environment variables that a deployment gives the workers of an endpoint."""
        manifest = self._unpacked.manifest
        entry = manifest.resources[resource]
        return {
            "RUNPOD_API_KEY": "",  # that of the process is not for the app
            **variables_of(entry, self._unpacked.environ),
            **endpoint_variables(resource, entry, manifest.project_name, ENVIRONMENT),
            "FLASH_ENVIRONMENT_ID": "",
            "RUNPOD_ENDPOINT_BASE_URL": f"{BASE}/v2",
        }

    def _location(self, resource: str) -> Location:
        """Return where an endpoint is."""
        return location_of(resource)

    def _open(self) -> httpx.Client:
        """Return a new client."""
        return httpx.Client(transport=LocalTransport(self._api), timeout=SECONDS)

    def _open_async(self) -> httpx.AsyncClient:
        """Return a new client for the running event loop."""
        return httpx.AsyncClient(transport=LocalTransport(self._api), timeout=SECONDS)


def _always(transport: LocalTransport) -> Callable[..., LocalTransport]:
    """Return a function that returns the transport for all arguments."""

    def make(*_args: Any, **_kwargs: Any) -> LocalTransport:
        """Return the transport."""
        return transport

    return make
