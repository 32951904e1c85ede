"""The abstract machine: the tops of modules, carried out on values that may be unknown."""
