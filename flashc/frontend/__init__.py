"""Compile the files of a project into the IR, without running any of its code."""
