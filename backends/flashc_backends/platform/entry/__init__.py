"""Hold the programs that engines run under the worker's Python: a worker, and the zygote that forks workers.

They run under Python 3.10 or newer, and import nothing of flashc.
"""
