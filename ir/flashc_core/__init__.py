"""Provide what all packages use: source text, diagnostics, rules, the cache, processes."""
