"""Run a built app on this machine: plan it, start the platform and an engine, deploy, and watch."""
