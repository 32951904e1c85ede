"""`flashc preview`: run the app on this machine; list, stop, read and clean up previews."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import click

from flashc.project.workspace import open_workspace
from flashc_core.diagnostics import ExitCode

from .common import building_options, finish, project_argument, show
from .progress import show_progress

_F = TypeVar("_F", bound=Callable[..., Any])
_PAUSE = 0.05  # seconds
_STOP_SECONDS = 30.0
