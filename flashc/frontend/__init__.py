"""A project's files -> the IR, without running any of its code."""
