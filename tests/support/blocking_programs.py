"""Cases of plain code that waits for another endpoint in the event loop of its worker, and of code that does not.

A comment `# blocks` marks a line with a finding, `# blocks 2` one with two.
"""

from __future__ import annotations

CALLEES = """import time
from runpod_flash import Endpoint
@Endpoint(name="slow")
def slow(s: float):
    time.sleep(s); return s
@Endpoint(name="words")
def words(text: str):
    for w in text.split(): yield w
@Endpoint(name="aslow")
async def aslow(s: float): return s
@Endpoint(name="model")
class Model:
    def infer(self, x): return x
    async def ainfer(self, x): return x
"""

HEAD = """import asyncio, functools, threading
from concurrent.futures import ThreadPoolExecutor
from fastapi import Depends
from runpod_flash import Endpoint
import callees as m
from callees import slow, words, aslow, Model
api = Endpoint(name="front", cpu="cpu3c-1-2", workers=(1, 2))
def helper(s): return m.slow(s)
def total(s): return m.slow(s) + 1
def further(s): return total(s)
def start(s): return helper(s)
pool = ThreadPoolExecutor()
"""

CASES: dict[str, str] = {
    "used": """@api.get("/a")
async def a(s: float): return total(s)  # blocks
""",
    "returned is settled": """@api.get("/a")
async def a(s: float): return helper(s)
""",
    "returned helper used": """@api.get("/a")
async def a(s: float): return helper(s) + 1  # blocks
""",
    "further": """@api.get("/a")
async def a(s: float):
    x = further(s)  # blocks
    return x
""",
    "start var used": """@api.get("/a")
async def a(s: float):
    x = start(s)  # blocks
    return {"x": x * 2}
""",
    "start var returned": """@api.get("/a")
async def a(s: float):
    x = start(s)
    return {"x": x}
""",
    "awaited": """@api.get("/a")
async def a(s: float): return await start(s)
""",
    "gather": """@api.get("/a")
async def a(s: float):
    pend = [start(x) for x in (1, 2)]
    y = asyncio.create_task(start(3))
    return [await asyncio.gather(*pend, start(s)), await y, await asyncio.wait_for(start(1), 3)]
""",
    "threads": """@api.get("/a")
async def a(s: float):
    loop = asyncio.get_running_loop()
    x = await loop.run_in_executor(None, total, s)
    y = await loop.run_in_executor(None, lambda: total(s))
    z = await loop.run_in_executor(pool, functools.partial(total, s))
    f = pool.submit(total, s)
    t = threading.Thread(target=total, args=(s,))
    def work(): return total(s)
    w = await asyncio.to_thread(work)
    return await asyncio.to_thread(total, s)
""",
    "sync route": """@api.get("/a")
def a(s: float): return total(s)
""",
    "sync queue": """@Endpoint(name="q")
def q(s: float): return total(s)
""",
    "async queue": """@Endpoint(name="q", max_concurrency=4)
async def q(s: float): return total(s)  # blocks
""",
    "arg evaluated on loop": """@api.get("/a")
async def a(s: float): await asyncio.to_thread(print, total(s))  # blocks
""",
    "nested called": """@api.get("/a")
async def a(s: float):
    def work(): return total(s)
    return work()  # blocks
""",
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
    "comprehension": """@api.get("/a")
async def a(s: float): return [total(x) for x in (1, 2)]  # blocks
""",
    "comprehension of plain": """def all_of(xs): return sum([slow(x) for x in xs])
@api.get("/a")
async def a(s: float): return all_of([s])  # blocks
""",
    "list of plain used": """def all_of(xs): return [slow(x) for x in xs]
@api.get("/a")
async def a(s: float): return sum(all_of([s]))  # blocks
""",
    "list of plain gathered": """def all_of(xs): return [slow(x) for x in xs]
@api.get("/a")
async def a(s: float): return await asyncio.gather(*all_of([s]))
""",
    "list of plain awaited in loop": """def all_of(xs): return [slow(x) for x in xs]
@api.get("/a")
async def a(s: float):
    out = []
    for call in all_of([s]): out.append(await call)
    return [await c for c in all_of([s])] + out
""",
    "callback map": """@api.get("/a")
async def a(s: float): return list(map(total, [s]))  # blocks
""",
    "callback map gathered": """@api.get("/a")
async def a(s: float): return await asyncio.gather(*map(start, [s]))
""",
    "callback sorted": """@api.get("/a")
async def a(s: float): return sorted([s], key=total)  # blocks
""",
    "callback lambda sorted": """@api.get("/a")
async def a(s: float): return sorted([s], key=lambda v: slow(v))  # blocks
""",
    "callback own": """def apply(f, x): return f(x)
@api.get("/a")
async def a(s: float): return apply(total, s)  # blocks
""",
    "callback own kw": """def apply(x, f=None): return f(x) + 1
@api.get("/a")
async def a(s: float): return apply(s, f=lambda v: slow(v))  # blocks
""",
    "callback own async retry": """async def retry(call): return await call()
@api.get("/a")
async def a(s: float): return await retry(lambda: slow(s)) + await retry(functools.partial(slow, s))
""",
    "callback own async used": """async def retry(call): return call() + 1
@api.get("/a")
async def a(s: float): return await retry(lambda: total(s))  # blocks
""",
    "callback to own thread helper": """async def in_thread(f, *args): return await asyncio.to_thread(f, *args)
@api.get("/a")
async def a(s: float): return await in_thread(total, s)
""",
    "lambda variable": """@api.get("/a")
async def a(s: float):
    f = lambda v: slow(v) + 1
    return f(s)  # blocks
""",
    "partial variable": """@api.get("/a")
async def a(s: float):
    f = functools.partial(total, s)
    return f()  # blocks
""",
    "sync generator helper": """def gen(xs):
    for x in xs: yield slow(x) + 1
@api.get("/a")
async def a(s: float):
    for item in gen([s]): print(item)  # blocks
    return list(gen([s]))  # blocks
""",
    "sync generator in thread": """from fastapi.responses import StreamingResponse
def gen(xs):
    for x in xs: yield slow(x) + 1
@api.get("/a")
async def a(s: float):
    await asyncio.to_thread(list, gen([s]))
    return StreamingResponse(gen([s]))
""",
    "stub generator": """@api.get("/a")
async def a(s: str):
    for item in words(s): print(item)  # blocks
    return await asyncio.to_thread(list, words(s))
""",
    "stub generator helper": """def longest(s): return max(words(s))
@api.get("/a")
async def a(s: str): return longest(s)  # blocks
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
    "async helper chain": """async def inner(s): return total(s)  # blocks
@api.get("/a")
async def a(s: float): return await inner(s)
""",
    "depends": """def dep(s: float): return total(s)
async def adep(s: float): return total(s)  # blocks
@api.get("/a")
async def a(x=Depends(dep), y=Depends(adep)): return 1
""",
    "async not used by endpoint": """async def script(s): return total(s)
@api.get("/a")
async def a(s: float): return await slow(s)
if __name__ == "__main__": asyncio.run(script(1))
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
    "local import": """@api.get("/a")
async def a(s: float):
    def f():
        from callees import slow as other
        return other(s) * 2
    return f()  # blocks
""",
    "recursion": """def rec(n): return rec(n - 1) if n else total(1)
@api.get("/a")
async def a(s: float): return rec(3)  # blocks
""",
    "discarded": """def fire(s): slow(s)
@api.get("/a")
async def a(s: float):
    fire(s)  # blocks
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
    "fstring": """def text(s): return f"{slow(s)}"
@api.get("/a")
async def a(s: float): return text(s)  # blocks
""",
    "stream": """@Endpoint(name="stream")
async def stream(s: float):
    yield total(s)  # blocks
    yield helper(s)
""",
    "constructor": """class C:
    def __init__(self, s): self.v = slow(s) + 1
@api.get("/a")
async def a(s: float): return C(s).v  # blocks
""",
    "response": """from fastapi.responses import JSONResponse
@api.get("/a")
async def a(s: float): return JSONResponse({"v": helper(s)})  # blocks
""",
    "task in helper": """def task(s): return asyncio.create_task(slow(s))
@api.get("/a")
async def a(s: float): return await task(s)
""",
    "a pool in asynchronous code": """def work(s): return further(s)
@Endpoint(name="q2", max_concurrency=3)
async def q2(s: float):
    with ThreadPoolExecutor() as pool:
        return list(pool.map(work, [s]))  # blocks
""",
    "pool in helper": """def par(xs):
    with ThreadPoolExecutor() as pool: return list(pool.map(slow, xs))
def one(s): return pool.submit(total, s).result()
@api.get("/a")
async def a(s: float): return [par([s]), one(s)]  # blocks 2
""",
    "pool awaited": """@api.get("/a")
async def a(s: float): return await asyncio.wrap_future(pool.submit(total, s))
""",
    "lambda at once": """@api.get("/a")
async def a(s: float): return (lambda: total(s))()  # blocks
""",
    "call soon": """@api.get("/a")
async def a(s: float):
    asyncio.get_running_loop().call_soon(total, s)  # blocks
    asyncio.get_running_loop().call_later(1, lambda: total(s))  # blocks
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
    "walrus and tests": """@api.get("/a")
async def a(s: float):
    if (v := total(s)) > 1: return v  # blocks
    while total(s): pass  # blocks
    assert total(s)  # blocks
    return start(s) if start(s) else 0  # blocks
""",
    "decorated to async": """from asgiref.sync import sync_to_async
def asyncify(f):
    async def run(*a): return await asyncio.to_thread(f, *a)
    return run
@asyncify
def dtotal(s): return slow(s) + 1
@sync_to_async
def stotal(s): return slow(s) + 1
@api.get("/a")
async def a(s: float): return [await dtotal(s), await stotal(s), await sync_to_async(total)(s)]
""",
    "decorated plainly": """def timed(f):
    @functools.wraps(f)
    def run(*a): return f(*a)
    return run
@timed
def dtotal(s): return slow(s) + 1
@api.get("/a")
async def a(s: float): return dtotal(s)  # blocks
""",
    "stored function": """class C:
    def __init__(self): self.call = total
    def go(self, s): return self.call(s)
@api.get("/a")
async def a(s: float): return C().go(s)  # blocks
""",
    "alias": """other = total
@api.get("/a")
async def a(s: float):
    mine = other
    return other(s) + mine(s)  # blocks 2
""",
    "async generator": """async def items(s):
    for x in range(3): yield total(x)  # blocks
@api.get("/a")
async def a(s: float): return [x async for x in items(s)]
""",
    "thread libraries": """import anyio
from fastapi.concurrency import run_in_threadpool
from fastapi import BackgroundTasks
@api.get("/a")
async def a(s: float, tasks: BackgroundTasks):
    tasks.add_task(total, s)
    threading.Thread(target=lambda: total(s)).start()
    return await run_in_threadpool(total, s) + await anyio.to_thread.run_sync(total, s)
""",
    "loop in a thread": """async def main(s): return total(s)
@api.get("/a")
def a(s: float): return asyncio.run(main(s))
""",
    "the same in two endpoints": """async def shared(s): return total(s)  # blocks
@api.get("/a")
async def a(s: float): return await shared(s)
@Endpoint(name="q5")
async def q5(s: float): return await shared(s)
""",
    "own function": """@Endpoint(name="own")
def own(s: float): return s
@Endpoint(name="caller")
async def caller(s: float): return await own(s)
@api.get("/a")
async def a(s: float): return await own(s)
""",
}
