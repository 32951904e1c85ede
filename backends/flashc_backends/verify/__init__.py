"""Verify a finished artifact: report everything that would keep a worker from running it."""
