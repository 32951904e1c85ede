"""Generate what projects want of a platform, in the language of `deployments.py`."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = "abcd"
_SETTINGS = (
    "workers=0-3 idle=5 scale=7 limit=900 gpu=ADA_80 gpu=AMPERE_48 count=2 cpu=cpu3c-1-2"
    " cpu=cpu5c-4-8 image=mine disk=80 start=run registry=r1 flashboot=off cuda=12.8 in=EU-RO-1"
    " in=US-CA-2,EU-RO-1 volume=data@EU-RO-1 volume=data@US-CA-2,more@US-CA-2 LEVEL=1 LEVEL=2"
    " TOKEN=secret:s1 TOKEN=secret:s2 calls=a calls=b,c calls=d"
).split()


@st.composite
def lines(draw: st.DrawFn, name: str, *more: str) -> str:
    """An endpoint with a name; `more` are further settings that it may have."""
    words = draw(st.lists(st.sampled_from([*_SETTINGS, *more]), max_size=4))
    kind = draw(st.sampled_from(["queue", "balanced"]))
    return " ".join([kind, name, *words])


@st.composite
def wishes(draw: st.DrawFn, *more: str) -> str:
    """A code and the endpoints of a project."""
    names = draw(st.sets(st.sampled_from(NAMES)))
    found = [draw(lines(name, *more)) for name in sorted(names)]
    return "\n".join([f"code {draw(st.sampled_from('XYZ'))}", *found])
