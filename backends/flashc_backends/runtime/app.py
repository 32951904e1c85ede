"""Hold the constants of an app; the compiler fills in this file for every artifact."""

# Name in the program -> resource name, for the endpoints whose names differ.
NAMES: dict[str, str] = {}

# A digest of the files of the artifact, by which a deployment recognises workers that run them.
BUILD = ""

# Resource name -> the time limit of a job in seconds, for the endpoints that declare one.
TIMEOUTS: dict[str, float] = {}
