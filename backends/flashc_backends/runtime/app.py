"""Hold the constants of an app; the compiler fills in this file for every artifact."""

# How the endpoints are called in the program -> their resource names, where the two differ.
NAMES: dict[str, str] = {}

# Resource name -> the longest that one of its jobs may take, in seconds, where the program says so.
TIMEOUTS: dict[str, float] = {}
