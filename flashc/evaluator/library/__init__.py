"""Evaluate Python's own library: attributes, methods, builtin functions, the standard library."""
