"""A finished artifact -> proof that a worker can run it."""
