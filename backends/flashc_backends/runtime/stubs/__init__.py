"""Hold the generated stub modules, by which code calls the functions of other endpoints."""
