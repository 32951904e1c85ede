"""Answer editors over the Language Server Protocol."""
