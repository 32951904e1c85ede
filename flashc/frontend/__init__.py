"""Find endpoints in a project's source and lower them into the IR: the front end of the compiler.

It runs no code of the project, except in the separate process that `--trace` starts.
"""
