"""The backends: turn a program of the IR into handlers, a manifest, a lock and an artifact."""
