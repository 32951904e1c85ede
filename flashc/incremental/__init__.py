"""What earlier runs computed, and whether it still holds."""
