"""Hold the constants of an app; the compiler fills in this file for every artifact."""

# Name in the program -> resource name, for the endpoints whose names differ.
NAMES: dict[str, str] = {}

# Resource name -> the time limit of a job in seconds, for the endpoints that declare one.
TIMEOUTS: dict[str, float] = {}
