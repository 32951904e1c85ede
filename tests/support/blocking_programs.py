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
    "defaults of an inner function": """@api.get("/a")
async def a(s: float):
    def work(x=total(s), *, y=total(s), z): return x + y + z  # blocks 2
    f = lambda *, x=total(s): x  # blocks
    return [work(z=1), f()]
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
    "fstring": """def text(s): return f"{slow(s)}"
@api.get("/a")
async def a(s: float): return text(s)  # blocks
""",
    "stream": """@Endpoint(name="stream")
async def stream(s: float):
    yield total(s)  # blocks
    yield helper(s)
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
