"""Draft the files that an artifact holds: the project, handlers, stubs, and the runtime."""
