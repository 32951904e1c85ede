"""Execute the syntax of a program: expressions, statements, definitions, calls and imports."""
