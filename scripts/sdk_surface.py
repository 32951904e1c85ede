"""Read the public surface of an installed Flash SDK into `ir/flashc_ir/platform/data/sdk.json`.

    python scripts/sdk_surface.py PYTHON

PYTHON is an interpreter that has `runpod-flash`.  The surface is added under its version; the data
of other versions stay.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "ir" / "flashc_ir" / "platform" / "data" / "sdk.json"
PROGRAM = """
import importlib.metadata, inspect, json, pkgutil, warnings
warnings.simplefilter("ignore")
import runpod_flash as sdk
from runpod_flash import Endpoint

made = Endpoint(name="x")
methods = {}
for name in dir(Endpoint):
    member = inspect.getattr_static(Endpoint, name)
    if not name.startswith("_") and inspect.isfunction(member):
        parameters = list(inspect.signature(member).parameters.values())[1:]
        methods[name] = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
names = {*sdk.__all__, *(n for n in vars(sdk) if not n.startswith("_")), "__version__"}
names |= {module.name for module in pkgutil.iter_modules(sdk.__path__)}
names -= {"TYPE_CHECKING"}
attributes = {n for n in (*dir(Endpoint), *vars(made)) if not n.startswith("_")} - set(methods)
version = importlib.metadata.version("runpod-flash")
print(json.dumps([version, {
    "names": sorted(names), "methods": methods, "attributes": sorted(attributes),
    "parameters": list(inspect.signature(Endpoint.__init__).parameters)[1:],
}]))
"""


def main() -> None:
    """Add the surface of the SDK that an interpreter has."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:  # the SDK writes into it
        command = [sys.argv[1], "-c", PROGRAM]
        run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    version, surface = json.loads(run.stdout.splitlines()[-1])
    data = json.loads(DATA.read_text()) if DATA.exists() else {"surfaces": {"versions": {}}}
    data["surfaces"] = {
        "source": "the installed package runpod-flash, read by scripts/sdk_surface.py",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {**data["surfaces"]["versions"], version: surface},
    }
    DATA.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
