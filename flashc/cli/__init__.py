"""The command line: parse arguments, call `flashc.api`, print the result, choose the exit code."""
