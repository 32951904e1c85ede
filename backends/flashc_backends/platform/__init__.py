"""The platform on this machine."""
