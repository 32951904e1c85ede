"""What the compiler knows of this app.  The compiler writes this file anew for every artifact."""

# How the endpoints are called in the program -> their resource names, where the two differ.
NAMES: dict[str, str] = {}

# Resource name -> the longest that one of its jobs may take, in seconds, where the program says so.
TIMEOUTS: dict[str, float] = {}
