"""Generate the files of an artifact: project files, handlers, stubs, and the runtime."""
