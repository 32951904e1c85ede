"""Generate and read `flash_manifest.json` and the other JSON documents of an artifact."""
