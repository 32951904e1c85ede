"""Say where the state of local platforms, previews and volumes is."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

_FOLDER_VARIABLE = "FLASHC_STATE_DIR"


def state_folder() -> Path:
    """Return the folder for previews and volumes, which `FLASHC_STATE_DIR` names."""
    given = os.environ.get(_FOLDER_VARIABLE)
    return Path(given).absolute() if given else platformdirs.user_state_path("flashc")
