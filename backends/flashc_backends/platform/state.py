"""Find the folder that holds the state of local platforms, previews and volumes."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

_FOLDER_VARIABLE = "FLASHC_STATE_DIR"


def state_folder() -> Path:
    """Return the folder that `FLASHC_STATE_DIR` names, else the system's folder for the state of programs."""
    given = os.environ.get(_FOLDER_VARIABLE)
    return Path(given).absolute() if given else platformdirs.user_state_path("flashc")
