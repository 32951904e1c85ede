"""Python's library on values: attributes, methods, builtin functions, the standard library's constants."""
