"""A program -> flash_manifest.json."""
