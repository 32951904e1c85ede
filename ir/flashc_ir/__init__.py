"""The typed intermediate representation of Flash programs."""
