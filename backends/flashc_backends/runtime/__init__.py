"""Run an app on workers: the part of flashc in every artifact, as the package `_flashc`.

It uses only the standard library, and imports as little as possible when a worker starts: a module
that the first job does not need at once is imported later.  The package imports nothing of the
compiler.
"""

# The version of flashc that has made the artifact; the compiler fills it in.
VERSION = ""
