"""Build the archive that workers unpack, and the records next to it."""
