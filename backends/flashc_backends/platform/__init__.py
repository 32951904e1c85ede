"""Run an app's workers on this machine, with a local copy of the platform's API."""
