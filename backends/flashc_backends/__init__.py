"""What a `Program` becomes: handlers, manifest, requirements, artifact."""
