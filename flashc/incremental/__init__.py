"""Cache the results of earlier runs, and check whether they are still valid."""
