"""Read the imports of modules with the standard library's parser."""
