"""Derive the schemas of what functions of endpoints take and return, from their annotations."""
