"""Diagnostics -> what people and programs read."""
