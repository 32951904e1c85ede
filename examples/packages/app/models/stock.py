"""Stock, on an endpoint of its own."""

from runpod_flash import Endpoint

from ..shared import load_table


@Endpoint(name="packages-stock", cpu="cpu3c-1-2", workers=2, dependencies=["python-slugify==8.0.4"])
def available(name: str, count: int = 1) -> bool:
    from slugify import slugify

    return load_table("stock").get(slugify(name), 0) >= count
