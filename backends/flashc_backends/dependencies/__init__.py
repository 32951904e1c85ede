"""Resolve, install and compress the distributions that a program requires."""
