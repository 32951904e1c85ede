"""Dispatch stubs of the app's endpoints, one module for each module that defines some."""
