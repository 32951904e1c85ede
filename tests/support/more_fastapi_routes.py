"""More sorts of routes, and requests to them, for the comparison with plain FastAPI; see `fastapi_routes`."""

from __future__ import annotations

from tests.support.fastapi_routes import FIELDS, Sent, get, post, send

MORE_ROUTES = """
import asyncio, dataclasses, datetime, decimal, enum, functools, uuid, collections, contextlib
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union
from fastapi import BackgroundTasks, Body, Cookie, Depends, File, Form, Header, HTTPException
from fastapi import Path, Query, Request, Response, Security, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from fastapi.security import APIKeyHeader, HTTPBearer, HTTPAuthorizationCredentials, OAuth2PasswordRequestForm, SecurityScopes
from pydantic import BaseModel, Field, RootModel, Json, EmailStr, AfterValidator, BeforeValidator, ConfigDict
from runpod_flash import Endpoint
from typing_extensions import TypedDict

api = Endpoint(name="web", cpu="cpu3c-1-2", workers=(1, 2))
T = TypeVar("T")
LOG = []

class Colour(str, enum.Enum):
    RED = "red"
class Level(enum.IntEnum):
    LOW = 1
class Item(BaseModel):
    name: str
    price: float = Field(gt=0)
    note: str | None = None
class Other(BaseModel):
    kind: Literal["other"] = "other"
    x: int
class Cat(BaseModel):
    pet: Literal["cat"]
    lives: int
class Dog(BaseModel):
    pet: Literal["dog"]
    name: str
class Numbers(RootModel[list[int]]): pass
class Page(BaseModel, Generic[T]):
    items: list[T]
class Heads(BaseModel):
    x_tag: list[str] = []
    save_data: bool = False
class Cookies(BaseModel):
    model_config = {"extra": "forbid"}
    session: str
class Aliased(BaseModel):
    kind: str = Field(alias="type", default="k")
class Pair(NamedTuple):
    left: int
    right: str = "r"
class Size(TypedDict):
    width: int

async def session():
    LOG.append("open")
    try:
        yield "s"
    finally:
        LOG.append("close")
def plain_session():
    LOG.append("popen")
    yield "p"
    LOG.append("pclose")
def refusing(): raise HTTPException(403, "no")
def sub(n: int = 0): return n
def outer(a: int = Depends(sub), b: int = Depends(sub)): return [a, b]
def scopes(s: SecurityScopes): return s.scopes
def from_path(item: int): return item * 2
def from_body(extra: Annotated[Item, Body()]): return extra
def even(n):
    if n % 2: raise ValueError("odd")
    return n
Even = Annotated[int, AfterValidator(even)]

@api.get("/plain")
async def plain(): return 1
@api.get("/log")
async def log():
    await asyncio.sleep(0.1)  # what follows an answer may still be running
    return LOG
@api.get("/yielding")
async def yielding(s: str = Depends(session), p: str = Depends(plain_session)):
    LOG.append("body"); return [s, p]
@api.get("/yielding-fails")
async def yielding_fails(s: str = Depends(session)): raise HTTPException(409, "x")
@api.get("/yielding-stream")
async def yielding_stream(s: str = Depends(session)):
    async def chunks():
        LOG.append("chunk"); yield "a"
    return StreamingResponse(chunks())
@api.get("/refused")
async def refused(x=Depends(refusing)): return x
@api.get("/sub")
async def subs(x: list = Depends(outer)): return x
@api.get("/scopes")
async def scoped(s: list = Security(scopes, scopes=["a", "b"])): return s
@api.get("/key")
async def key(k: str = Security(APIKeyHeader(name="X-Key"))): return k
@api.get("/bearer")
async def bearer(c: HTTPAuthorizationCredentials = Depends(HTTPBearer())): return c.credentials
@api.post("/login")
async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()]): return form.username
@api.get("/dep-path/{item}")
async def dep_path(x: int = Depends(from_path)): return x
@api.post("/dep-body")
async def dep_body(item: Item, x: Item = Depends(from_body)): return [item, x]
@api.post("/dep-body-fields")
async def dep_body_fields(n: Annotated[int, Query()], x: Item = Depends(from_body)): return [n, x]
@api.get("/enum/{colour}/{level}")
async def enums(colour: Colour, level: Level): return [colour, level]
@api.get("/int/{n:int}")
async def conv_int(n: int): return n
@api.get("/float/{n:float}")
async def conv_float(n: float): return n
@api.get("/me/self")
async def me(): return "me"
@api.get("/me/{who}")
async def who(who: str): return who
@api.get("/alias/{item-id}")
async def alias(item_id: Annotated[int, Path(alias="item-id", ge=1)]): return item_id
@api.get("/list-alias")
async def list_alias(tags: Annotated[list[int] | None, Query(alias="t[]")] = None): return tags
@api.get("/set-query")
async def set_query(tags: Annotated[set[int], Query()] = set()): return sorted(tags)
@api.get("/tuple-query")
async def tuple_query(at: Annotated[tuple[int, int], Query()]): return at
@api.get("/json-query")
async def json_query(data: Json): return data
@api.get("/even")
async def even_query(n: Even = 2): return n
@api.get("/numbers")
async def numbers(n: Annotated[decimal.Decimal, Query(max_digits=3)] = decimal.Decimal("1.1")): return n
@api.get("/heads")
async def heads(h: Annotated[Heads, Header()]): return h
@api.get("/cookies")
async def cookies(c: Annotated[Cookies, Cookie()]): return c
@api.get("/header-list")
async def header_list(x_tag: list[str] = Header([])): return x_tag
@api.get("/underscored")
async def underscored(my_header: str = Header("none", convert_underscores=False)): return my_header
@api.get("/get-body")
async def get_body(item: Item): return item
@api.get("/get-dict")
async def get_dict(item: dict): return item
@api.post("/optional-body")
async def optional_body(item: Item | None = None): return item
@api.post("/marked-optional-body")
async def marked_optional_body(item: Annotated[Item | None, Body()] = None): return item
@api.post("/optional-model")
async def optional_model(item: Optional[Item] = None, other: Other = None): return [item, other]
@api.post("/union")
async def union(item: Annotated[Item | Other, Body()]): return type(item).__name__
@api.post("/pets")
async def pets(pet: Annotated[Cat | Dog, Body(discriminator="pet")]): return pet
@api.post("/root")
async def root(numbers: Numbers): return sum(numbers.root)
@api.post("/page")
async def page(page: Page[int]): return page
@api.post("/item-list")
async def item_list(items: Annotated[list[Item], Body()]): return len(items)
@api.post("/whole-dict")
async def whole_dict(data: Annotated[dict[str, int], Body()]): return data
@api.post("/any-body")
async def any_body(data: Annotated[Any, Body()] = None): return data
@api.post("/body-text")
async def body_text(data: Annotated[str, Body(media_type="text/plain")]): return data
@api.post("/body-embed")
async def body_embed(item: Annotated[Item, Body(embed=True)]): return item
@api.post("/mixed-form")
async def mixed_form(name: Annotated[str, Form()], file: Annotated[UploadFile, File()], n: int = Query(1), tags: Annotated[list[str], Form()] = []):
    return [name, file.filename, file.content_type, file.size, n, tags]
@api.post("/files-bytes")
async def files_bytes(data: Annotated[list[bytes], File()]): return [len(d) for d in data]
@api.post("/maybe-bytes")
async def maybe_bytes(data: Annotated[bytes | None, File()] = None): return None if data is None else len(data)
@api.post("/form-only")
async def form_only(a: int = Form(...), b: Optional[str] = Form(None)): return [a, b]
@api.post("/form-raw")
async def form_raw(request: Request): return dict(await request.form())
@api.post("/json-raw")
async def json_raw(request: Request): return await request.json()
@api.get("/background")
async def background(tasks: BackgroundTasks):
    tasks.add_task(LOG.append, "later"); return "now"
@api.get("/background-response")
async def background_response():
    from starlette.background import BackgroundTask
    return JSONResponse({"a": 1}, background=BackgroundTask(LOG.append, "task"))
@api.get("/set-cookie")
async def set_cookie(response: Response):
    response.set_cookie("a", "b"); response.headers["x-b"] = "c"; return {"ok": True}
@api.get("/status")
async def status(response: Response): response.status_code = 418; return None
@api.get("/no-content")
async def no_content(): return Response(status_code=204)
@api.get("/request-things/{x}")
async def request_things(request: Request, x: str): return [request.path_params, dict(request.query_params), request.client is not None, str(request.url_for("plain")).rpartition("/")[2]]
@api.get("/returns-filter")
async def returns_filter() -> list[Aliased]: return [Aliased(type="x")]
@api.get("/returns-dict")
async def returns_dict() -> dict[str, Item]: return {"a": Item(name="n", price=1)}
@api.get("/returns-union")
async def returns_union() -> Item | Other: return Other(x=1)
@api.get("/returns-none")
async def returns_none() -> None: return None
@api.get("/returns-bad")
async def returns_bad() -> Item: return {"name": "x"}
@api.get("/returns-response-union")
async def returns_response_union(): return {"a": 1}
@api.get("/returns-any")
async def returns_any() -> Any: return {"when": datetime.datetime(2024, 1, 1), "d": decimal.Decimal("1.5"), "u": uuid.UUID(int=1), "s": {1}, "p": Pair(1)}
@api.get("/returns-bytes")
async def returns_bytes(): return b"abc"
@api.get("/returns-badbytes")
async def returns_badbytes(): return bytes([255])
@api.get("/returns-nan")
async def returns_nan(): return float("nan")
@api.get("/returns-named")
async def returns_named() -> Pair: return Pair(1)
@api.get("/returns-typed")
async def returns_typed() -> Size: return {"width": 1, "more": 2}
@api.get("/returns-object")
async def returns_object(): return object()
@api.get("/generator")
async def generator():
    yield 1
    yield 2
@api.get("/plain-generator")
def plain_generator():
    yield {"a": 1}
    yield {"a": 2}
@api.get("/typed-generator")
async def typed_generator() -> collections.abc.AsyncIterable[Item]:
    yield Item(name="a", price=1)
@api.post("/annotated-default")
async def annotated_default(item: Item, q: Annotated[int, Query(ge=1)] = 5, p: Annotated[str, "note"] = "d"): return [q, p]
@api.post("/keyword-only")
async def keyword_only(item: Item, *, force: bool = False, n: int): return [force, n]
@api.get("/positional/{a}")
async def positional(a: int, b: int = 2, /, c: int = 3): return [a, b, c]
@api.get("/names")
async def names(self: int = 1, request: int = 2, path: str = "p", args: int = 3, kwargs: int = 4, given: int = 5, body: int = 6): return [self, request, path, args, kwargs, given, body]
@api.get("/stacked-a")
@api.get("/stacked-b")
async def stacked(n: int = 1): return n
@api.patch("/patch/{ident}")
async def patch(ident: int, item: Item): return item.model_dump(exclude_unset=True)
@api.get("/json-response-model")
async def response_model_response() -> JSONResponse: return JSONResponse([1])
@api.get("/future")
async def future(at: "datetime.date", n: "Optional[int]" = None): return [at, n]
@api.get("/raise-value")
async def raise_value(): raise ValueError("x")
@api.get("/wrong-exc")
async def raise_http_dict(): raise HTTPException(422, detail=[{"a": 1}])
@api.get("/deprecated")
async def deprecated(old: Annotated[str, Query(deprecated=True, include_in_schema=False)] = "o"): "Documented."; return old
@api.get("/sync-dep")
def sync_dep(x: int = Depends(sub)): return x
@api.get("/callable-dep")
async def callable_dep(x: int = Depends(functools.partial(sub, 5))): return x
@api.delete("/items/{n}")
async def delete_item(n: int) -> None: return None
"""

POSITIONAL = 7
ITEM = {"name": "a", "price": 1}
JSON = {"content-type": "application/json"}

MORE_REQUESTS: list[Sent] = [
    *(get(path) for path in (
        "/plain", "/log", "/yielding", "/log", "/yielding-fails", "/log", "/yielding-stream", "/log", "/refused",
        "/sub", "/sub?n=3", "/scopes", "/key", "/bearer", "/dep-path/4", "/dep-path/x", "/enum/red/1",
        "/enum/blue/1", "/enum/red/2", "/int/3", "/int/x", "/float/1.5", "/me/self", "/me/x", "/alias/3",
        "/alias/0", "/alias/x", "/list-alias", "/list-alias?t[]=1&t[]=2", "/list-alias?t[]=x",
        "/set-query?tags=1&tags=1", "/tuple-query?at=1&at=2", "/tuple-query?at=1", "/json-query?data=[1]",
        "/json-query?data=x", "/even", "/even?n=3", "/numbers?n=1234", "/numbers", "/heads", "/cookies",
        "/header-list", "/underscored", "/get-body", "/background", "/log", "/background-response", "/log",
        "/set-cookie", "/status", "/no-content", "/request-things/a?b=c", "/returns-filter", "/returns-dict",
        "/returns-union", "/returns-none", "/returns-bad", "/returns-any", "/returns-bytes", "/returns-badbytes",
        "/returns-nan", "/returns-named", "/returns-typed", "/returns-object", "/generator", "/plain-generator",
        "/typed-generator", "/names", "/names?self=4&kwargs=7", "/stacked-a", "/stacked-b?n=3",
        "/json-response-model", "/future", "/future?at=2024-01-01", "/raise-value", "/wrong-exc",
        "/deprecated?old=x", "/sync-dep", "/sync-dep?n=x", "/callable-dep", "/plain/", "//plain", "/plain%2F",
        "/stacked-a?n=1&n=2",
    )),
    *(send("GET", path, POSITIONAL) for path in ("/positional/1", "/positional/1?b=5&c=6")),
    get("/key", headers={"x-key": "k"}), get("/bearer", headers={"authorization": "Bearer t"}),
    get("/heads", headers=[("x-tag", "a"), ("x-tag", "b"), ("save-data", "1")]),
    get("/cookies", headers={"cookie": "session=a"}), get("/cookies", headers={"cookie": "session=a; b=c"}),
    get("/header-list", headers=[("x-tag", "a"), ("x-tag", "b")]), get("/underscored", headers={"my_header": "v"}),
    get("/get-body", content=b'{"name":"a","price":1}', headers=JSON),
    get("/get-dict", content=b'{"name":"a"}', headers=JSON),
    get("/plain", headers={"origin": "http://x", "accept": "text/html"}),
    post("/login", data={"username": "u", "password": "p", "grant_type": "password"}),
    post("/login", data={"username": "u"}), post("/login", json={}),
    post("/dep-body", json={"item": ITEM, "extra": ITEM}), post("/dep-body", json=ITEM),
    post("/dep-body-fields?n=1", json=ITEM), post("/dep-body-fields?n=1", json={"extra": ITEM}),
    post("/optional-body"), post("/optional-body", FIELDS, json=ITEM), post("/optional-body", json=None),
    post("/optional-body", FIELDS, content=b"null", headers=JSON),
    post("/optional-body", FIELDS, content=b'{"name":"a","price":1}', headers={"content-type": "text/plain"}),
    post("/marked-optional-body", json=ITEM), post("/marked-optional-body"),
    post("/optional-model", json={"item": ITEM, "other": {"x": 1}}), post("/optional-model", json={}),
    post("/optional-model"), post("/union", json=ITEM), post("/union", json={"x": 1}), post("/union", json={}),
    post("/pets", json={"pet": "cat", "lives": 9}), post("/pets", json={"pet": "cow"}), post("/pets", json={"pet": "dog"}),
    post("/root", json=[1, 2]), post("/root", json={"root": [1]}), post("/page", json={"items": [1]}),
    post("/page", json={"items": ["x"]}), post("/item-list", json=[ITEM, ITEM]), post("/item-list", json=ITEM),
    post("/whole-dict", json={"a": 1}), post("/whole-dict", json={"a": "x"}), post("/any-body", json=[1, {"a": 2}]),
    post("/any-body"), post("/body-text", content=b"hello", headers={"content-type": "text/plain"}),
    post("/body-text", json="hi"), post("/body-embed", json={"item": ITEM}), post("/body-embed", json=ITEM),
    post("/mixed-form?n=4", data={"name": "n", "tags": ["a", "b"]}, files={"file": ("f.txt", b"123", "text/plain")}),
    post("/mixed-form", data={"name": "n"}), post("/files-bytes", files=[("data", b"1"), ("data", b"22")]),
    post("/maybe-bytes"), post("/maybe-bytes", files={"data": b"1"}), post("/form-only", data={"a": "1", "b": ""}),
    post("/form-only", data={}), post("/form-only", files={"a": (None, "1")}), post("/form-raw", data={"a": "1"}),
    post("/json-raw", json={"a": 1}), post("/json-raw", content=b"x"), post("/annotated-default?q=0", json=ITEM),
    post("/annotated-default?q=2&p=x", json=ITEM), post("/keyword-only?n=2&force=1", json=ITEM),
    post("/keyword-only", json=ITEM), send("PATCH", "/patch/1", json={"name": "a", "price": 2}),
    send("PATCH", "/patch/1", json={}), send("DELETE", "/items/3"), send("DELETE", "/items/3", json={}),
    send("HEAD", "/me/self"), send("OPTIONS", "/me/self"), send("PUT", "/me/self"), send("TRACE", "/plain"),
]  # fmt: skip
