"""Hold the templates of handler files: Python modules whose constants the compiler replaces."""
