"""Define the exceptions for source text that can't be parsed.

Importing this module does not import the parser.
"""

from __future__ import annotations


class SyntaxProblem(ValueError):
    """The text is not valid Python.  `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        """Describe the problem at a position; columns count code points."""
        super().__init__(message)
        self.line = line
        self.column = column


class NestedTooDeeply(SyntaxProblem):
    """The text may be valid, but it is nested too deeply for the parsers."""

    def __init__(self, line: int = 1) -> None:
        """Describe the problem.

        The column is 1, because parsers report only a line, if anything.
        """
        super().__init__("the code is nested too deeply to be read", line, 1)


class ChainTooLong(SyntaxProblem):
    """The text may be valid, but the parser would need very long for an expression in it."""

    def __init__(self, line: int) -> None:
        """Describe the problem in a line."""
        text = "an expression has about 1,000 attributes, calls, operators or words such as `not` in a row"
        super().__init__(text, line, 1)
