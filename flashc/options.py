"""The project's `[tool.flashc]` and the command's flags -> one frozen `Options`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """What a user can choose.  None: not chosen, the default depends on the project."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    app: str | None = None
    python_version: str | None = None
    exclude: tuple[str, ...] = ()
    no_deps: bool = False
    output: Path | None = None
    keep_build: bool = False
    locker: Literal["uv", "pip-tools"] = "uv"
    env: dict[str, str] = Field(default_factory=dict)
