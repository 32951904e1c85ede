"""Emit what a program contains, as text and as JSON, for people and tools."""
