"""Resolve, install and compress the packages that a program requires."""
