"""App of a load-balanced endpoint.  Written by flashc; the code is in the modules below."""

from _flashc import routes

RESOURCE = "resource"
MODULES = ("module",)

app = routes.load(RESOURCE, MODULES)
