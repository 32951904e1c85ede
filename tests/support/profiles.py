"""How hard property tests try: a profile of Hypothesis, chosen by the environment variable `FLASHC_HYPOTHESIS`.

`dev` is the default: random examples, and those that failed are tried again first.
`ci` is the default where `CI` is set: fresh random examples on every run, nothing remembered.
`nightly` tries many times as many examples.

What Hypothesis keeps lies in the user's cache, not in the repository.
"""

from __future__ import annotations

import os

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.database import DirectoryBasedExampleDatabase
from platformdirs import user_cache_path

VARIABLE = "FLASHC_HYPOTHESIS"
_EFFORT = {"dev": 1, "ci": 1, "nightly": 25}


def chosen() -> str:
    """The name of the profile.

    Raises:
        KeyError: there is none of this name.
    """
    name = os.environ.get(VARIABLE) or ("ci" if os.environ.get("CI") else "dev")
    if name not in _EFFORT:
        raise KeyError(f"{VARIABLE}={name}: choose one of {', '.join(_EFFORT)}")
    return name


def examples(usual: int) -> int:
    """How many examples a test tries that usually tries this many."""
    return usual * _EFFORT[chosen()]


def use_profile() -> None:
    """Register the profiles and load the chosen one."""
    home = user_cache_path("flashc-tests") / "hypothesis"
    set_hypothesis_home_dir(home)
    remembered = DirectoryBasedExampleDatabase(home / "examples")
    for name in _EFFORT:
        settings.register_profile(
            name,
            max_examples=examples(100),
            deadline=None,
            derandomize=False,
            print_blob=True,
            database=None if name == "ci" else remembered,
        )
    settings.load_profile(chosen())
