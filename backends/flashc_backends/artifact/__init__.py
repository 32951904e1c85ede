"""A program -> the archive that workers unpack."""
