"""What every stage needs and is no IR: source text, diagnostics, rules, the cache, processes."""
