"""Run workers on this machine: as containers, in sandboxes, or as plain processes, behind one interface."""
