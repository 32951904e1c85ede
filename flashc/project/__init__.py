"""Open a project on disk: its files, options and environment."""
