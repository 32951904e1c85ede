"""The use cases as functions: what the command line, the language server and scripts call."""
