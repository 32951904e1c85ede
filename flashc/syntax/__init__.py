"""The LibCST toolbox: source bytes -> syntax with places, and the names in it."""
