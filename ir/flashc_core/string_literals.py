"""The pattern of Python's string literals, for searches that skip them without a parser."""

STRING = (
    r'"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*(?:"""|\Z)|"[^"\\\n]*(?:\\.[^"\\\n]*)*"?'
    r"|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*(?:'''|\Z)|'[^'\\\n]*(?:\\.[^'\\\n]*)*'?"
)
"""A literal without its prefix, for `re.DOTALL`.

One that does not end goes up to the end of its line, or of the text with three quotes, so that no character
is read twice.  An f-string of Python 3.12 may contain quotes of its own; then what it takes for text and for
code may be wrong up to the end of the line.
"""
