"""Define the error of a text that is not a requirement."""

from __future__ import annotations


class InvalidText(ValueError):
    """The text is not a requirement that flashc accepts.

    The message says why; `help` says what to write instead, "" for the general advice.  A report
    must not show the text if it `has_secret`.
    """

    def __init__(self, message: str, help: str = "", *, has_secret: bool = False) -> None:
        super().__init__(message)
        self.help = help
        self.has_secret = has_secret
