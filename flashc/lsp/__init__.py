"""What editors ask for, by the Language Server Protocol."""
