"""Parse Python source with LibCST or `ast`, and find the spans, imports and names in it."""
