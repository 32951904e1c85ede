"""Render diagnostics and build results for people and for other programs."""
