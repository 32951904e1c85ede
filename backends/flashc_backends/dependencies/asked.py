"""Say which endpoint asks for a requirement."""

from __future__ import annotations

from msgspec import Struct

from flashc_ir.requirements import Dependency


class RequestedRequirement(Struct, frozen=True):
    """One requirement and the resource of the endpoint that asks for it; "" for the whole app."""

    dependency: Dependency
    endpoint: str

    @property
    def described(self) -> str:
        """Which endpoint asks for the requirement, as text for a message."""
        who = f"`{self.endpoint}`" if self.endpoint else "the app"
        return f"{who} asks for `{self.dependency}`"
