"""What is wrong with the addresses of a platform."""

from __future__ import annotations

import pytest

from flashc_backends.cloud.addresses import WrongAddress, addresses


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("api.shop.dev", "is not a URL such as https://api.runpod.io"),
        ("https://", "is not a URL such as https://api.runpod.io"),
        ("https://api.shop.dev:port", "is not a URL such as https://api.runpod.io"),
        ("https://me@api.shop.dev", "must be a URL without a user name and a password"),
        ("https://me:secret@api.shop.dev", "must be a URL without a user name and a password"),
        ("http://api.shop.dev", "begins with http:"),
    ],
)
def test_a_wrong_address_is_refused_with_its_reason(url: str, problem: str) -> None:
    with pytest.raises(WrongAddress) as caught:
        addresses({"RUNPOD_API_BASE_URL": url})
    assert str(caught.value).startswith(f"`RUNPOD_API_BASE_URL` {problem}")
    assert "secret" not in str(caught.value)
