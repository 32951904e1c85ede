"""The front end: find endpoints in a project's source and lower them into the IR.

It runs no code of the project, except in the separate process that `--trace` starts.
"""
