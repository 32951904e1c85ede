"""Cases like those of `blocking_programs.py`, in which the plain code is in methods of objects."""

from __future__ import annotations

CASES: dict[str, str] = {
    "method": """class C:
    def go(self, s): return self.inner(s)
    def inner(self, s): return slow(s) * 2
@api.get("/a")
async def a(s: float):
    c = C()
    c.go(s)  # blocks
    return await asyncio.to_thread(c.go, s)
""",
    "property": """class C:
    @property
    def val(self): return slow(1) * 2
    @functools.cached_property
    def val2(self): return slow(1) * 2
c = C()
@api.get("/a")
async def a(s: float):
    return [c.val,  # blocks
        c.val2,  # blocks
        await asyncio.to_thread(lambda: c.val)]
""",
    "module instance": """class C:
    def go(self, s): return slow(s) * 2
c = C()
@api.get("/a")
async def a(s: float): return c.go(s)  # blocks
""",
    "attribute instance": """class C:
    def go(self, s): return slow(s) * 2
class S:
    def __init__(self): self.c = C()
    def run(self, s): return self.c.go(s)
s_ = S()
@api.get("/a")
async def a(s: float): return [s_.run(s), s_.c.go(s)]  # blocks 2
""",
    "factory": """class C:
    def go(self, s): return slow(s) * 2
@functools.lru_cache
def get(): return C()
@api.get("/a")
async def a(s: float): return get().go(s)  # blocks
""",
    "class stub": """model = Model()
def use(x): return model.infer(x) + 1
def use2(x): return Model().infer(x) + 1
def use3(x):
    mm = Model()
    return mm.infer(x) + 1
@api.get("/a")
async def a(s: float): return [use(s), use2(s), use3(s)]  # blocks 3
""",
    "class stub async": """def use(x): return Model().ainfer(x)
def useb(x): return aslow(x)
@api.get("/a")
async def a(s: float): return [await use(s), await useb(s), await Model().infer(s)]
""",
    "class endpoint": """@Endpoint(name="cls")
class K:
    def __init__(self): self.x = total(1)
    def help(self, s): return slow(s) + 1
    async def go(self, s: float): return self.help(s)  # blocks
    def plain(self, s: float): return self.help(s)
""",
    "static and class methods": """class C:
    @staticmethod
    def st(s): return slow(s) + 1
    @classmethod
    def cl(cls, s): return cls.st(s)
@api.get("/a")
async def a(s: float): return C.st(s) + C.cl(s)  # blocks 2
""",
    "inherited": """class B:
    def go(self, s): return slow(s) + 1
class C(B): pass
@api.get("/a")
async def a(s: float): return C().go(s)  # blocks
""",
    "parameter type": """class C:
    def go(self, s): return slow(s) + 1
def use(c: C, s): return c.go(s)
@api.get("/a")
async def a(s: float): return use(C(), s)  # blocks
""",
    "call object": """class C:
    def __call__(self, s): return slow(s) + 1
c = C()
@api.get("/a")
async def a(s: float): return c(s)  # blocks
""",
    "local names hide an object": """class C:
    def __call__(self, s): return slow(s) + 1
    def go(self, s): return slow(s) + 1
c = C()
d = C()
e = C()
@api.get("/a")
async def a(s: float, c=None):
    from json import dumps as e
    def d(s): return s
    def inner(): return c(s)
    for item in (c(s), d(s), e(s), inner()): pass
@api.get("/b")
async def b(s: float):
    for c in (len, abs): c(s)
    for d in (pool,): d.go(s)
    with pool as (e, f): e(s)
@api.get("/c")
async def c2(s: float):
    global c
    c(s)  # blocks
    c = C()
    d.go(s)  # blocks
""",
    "an object of with": """class C:
    def __enter__(self): return self
    def __exit__(self, *a): pass
    def go(self, s): return slow(s) + 1
@api.get("/a")
async def a(s: float):
    with C() as c:
        return c.go(s)  # blocks
""",
    "constructor": """class C:
    def __init__(self, s): self.v = slow(s) + 1
@api.get("/a")
async def a(s: float): return C(s).v  # blocks
""",
    "context manager": """import contextlib
@contextlib.contextmanager
def cm(s): yield slow(s) + 1
class E:
    def __enter__(self): return total(1)
    def __exit__(self, *a): pass
@api.get("/a")
async def a(s: float):
    with cm(s) as v: pass  # blocks
    with E() as w: pass  # blocks
""",
    "container object": """class L:
    def __getitem__(self, k): return total(k)
    def __iter__(self): return iter([total(1)])
l = L()
@api.get("/a")
async def a(s: float):
    for x in l: pass  # blocks
    return l[s]  # blocks
""",
    "stored function": """class C:
    def __init__(self): self.call = total
    def go(self, s): return self.call(s)
@api.get("/a")
async def a(s: float): return C().go(s)  # blocks
""",
}
