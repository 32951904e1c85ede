"""Templates of generated files: real modules, whose constants the compiler replaces."""
