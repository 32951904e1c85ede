"""Recognise passwords and API keys that are written into a program."""

from __future__ import annotations

import math
import re
from collections import Counter

# Source: the token formats that Hugging Face, OpenAI, Runpod, GitHub, GitLab, AWS, Slack and Google
# publish.
_PREFIX = re.compile(
    r"(hf_|sk-|rpa_|gh[pousr]_|github_pat_|glpat-|AKIA|ASIA|xox[abps]-|AIza)[A-Za-z0-9_\-]{12,}"
)
_NAME = re.compile(r"(TOKEN|_KEY|SECRET|PASSWORD|PASSWD|CREDENTIAL)", re.IGNORECASE)
_LEAST_LENGTH, _LEAST_BITS = 16, 3.2  # words and paths have fewer bits per character, or blanks


_REFERENCE = re.compile(r"\{\{\s*RUNPOD_SECRET_\w+\s*\}\}")


def has_secret_reference(text: str) -> bool:
    """Return whether the platform puts one of its secrets into a value: `{{ RUNPOD_SECRET_x }}`."""
    return _REFERENCE.search(text) is not None


def looks_like_credential(name: str, text: str) -> bool:
    """Return whether the value `text` of a variable `name` looks like a credential.

    A credential has the prefix of a known kind of token, or it looks random and its variable has a
    name such as `API_KEY`.  `{{ RUNPOD_SECRET_x }}` is the platform's reference to a secret, not
    the secret.
    """
    if "{{" in text:
        return False
    if _PREFIX.fullmatch(text):
        return True
    mixed = (
        re.search(r"\d", text) and re.search(r"[A-Za-z]", text) and not re.search(r"[\s/]", text)
    )
    if not _NAME.search(name) or not mixed or len(text) < _LEAST_LENGTH:
        return False
    return _entropy(text) >= _LEAST_BITS


def _entropy(text: str) -> float:
    """Return the Shannon entropy of a text, in bits per character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)
