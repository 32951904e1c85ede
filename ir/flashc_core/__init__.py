"""Provide what every package uses: source text, diagnostics, rules, the cache, processes."""
