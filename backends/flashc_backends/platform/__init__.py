"""Describe the platform: what the worker image holds, and how to run an app's workers on this machine."""
