"""Serve the platform over HTTP: for clients, for workers, and for the tools that deploy."""
