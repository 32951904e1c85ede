"""Run an app on workers: the part of flashc in every artifact, as the package `_flashc`.

Standard library only, and as little of it as possible when a worker starts: whatever a first job can wait
for is imported then.  Nothing here knows the compiler.
"""
