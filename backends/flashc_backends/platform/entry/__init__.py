"""Start one worker, as the worker image does: the program that engines run.

It runs under the worker's Python, 3.10 or newer, and imports nothing of flashc.
"""
