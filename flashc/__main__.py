"""`python -m flashc`."""

from .cli.main import main

main()
