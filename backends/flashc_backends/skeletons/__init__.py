"""Files that the compiler fills in: real modules, whose constants it replaces."""
