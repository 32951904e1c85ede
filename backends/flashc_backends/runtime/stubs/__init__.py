"""Hold the generated stub modules, from which code imports the functions of other endpoints."""
