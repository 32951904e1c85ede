"""Talk to Runpod: what a deployment needs of a platform as types, and a client that provides it over HTTP."""
