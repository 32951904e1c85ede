"""Routes of every sort, and requests to them; `RULE` numbers say where Flash differs from FastAPI.

The text of `ROUTES` runs twice: compiled by flashc, and with `PLAIN`, in which an endpoint is a FastAPI app.
"""

from __future__ import annotations

from typing import Any

PLAIN = """
from fastapi import FastAPI

class Endpoint:
    def __init__(self, **options):
        self.app = FastAPI(title=options["name"])
        for verb in ("get", "post", "put", "patch", "delete"):
            setattr(self, verb, getattr(self.app, verb))
"""

ROUTES = """
import dataclasses, datetime, decimal, enum, functools, uuid
from typing import Annotated, Any, Literal, Optional
from fastapi import BackgroundTasks, Body, Cookie, Depends, File, Form, Header, HTTPException
from fastapi import Path, Query, Request, Response, Security, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel, Field, field_validator
from runpod_flash import Endpoint
from typing_extensions import TypedDict

api = Endpoint(name="web", cpu="cpu3c-1-2", workers=(1, 2))
Positive = Annotated[int, Field(ge=1)]

class Colour(str, enum.Enum):
    RED = "red"

class Public(BaseModel):
    name: str

class Person(Public):
    secret: str = "s3cr3t"
    born: datetime.date = datetime.date(2000, 1, 1)

class Aliased(BaseModel):
    kind: str = Field(alias="type")

class Strict(BaseModel):
    model_config = {"extra": "forbid"}
    n: int

    @field_validator("n")
    @classmethod
    def odd(cls, n):
        if n % 2 == 0:
            raise ValueError("n is even")
        return n

class Filter(BaseModel):
    limit: int = 10
    tags: list[str] = []

@dataclasses.dataclass
class Point:
    x: int
    y: int = 0

class Size(TypedDict):
    width: int

def who(x_who: str = Header("nobody")):
    return x_who

def paging(skip: int = 0, limit: int = Query(5, le=100)):
    return {"skip": skip, "limit": limit}

async def closing():
    yield "open"

class Checker:
    def __init__(self, n: int = 1):
        self.n = n

@api.get("/plain")
async def plain(): return {"a": 1}
@api.get("/sync")
def sync(n: int = 1): return n
@api.get("/query")
async def query(n: int, on: bool = False, text: str = "t", maybe: Optional[float] = None): return [n, on, text, maybe]
@api.get("/query-list")
async def query_list(tags: Annotated[list[str], Query()] = []): return tags
@api.get("/query-marked")
async def query_marked(n: int = Query(3, ge=1, alias="number"), old: str = Query("", deprecated=True)): return [n, old]
@api.get("/query-model")
async def query_model(wanted: Annotated[Filter, Query()]): return wanted
@api.get("/constrained")
async def constrained(times: Positive = 1, name: Annotated[str, Query(min_length=2)] = "ab"): return [times, name]
@api.get("/note")
async def note(text: Annotated[str, "what to say"]): return text
@api.get("/enum")
async def enumerated(colour: Colour, mode: Literal["a", "b"] = "a"): return [colour, mode]
@api.get("/when")
async def when(at: datetime.datetime, day: datetime.date = None, ident: uuid.UUID = None): return [at, day, ident]
@api.get("/decimal")
async def number(price: decimal.Decimal): return price * 2
@api.get("/items/{item}")
async def item(item: int, depth: int = 1): return [item, depth]
@api.get("/files/{name:path}")
async def files(name: str, size: int = 1): return [name, size]
@api.get("/bounded/{n}")
async def bounded(n: Annotated[int, Path(ge=1, le=9)]): return n
@api.get("/header")
async def header(token: Annotated[str | None, Header()] = None, user_agent: str = Header("none")): return [token, bool(user_agent)]
@api.get("/headers")
async def headers(x_tag: Annotated[list[str] | None, Header()] = None): return x_tag
@api.get("/cookie")
async def cookie(session: Annotated[str | None, Cookie()] = None): return session
@api.get("/depends")
async def depends(who: str = Depends(who), page: dict = Depends(paging), state: str = Depends(closing)): return [who, page, state]
@api.get("/depends-class")
async def depends_class(check: Annotated[Checker, Depends()]): return check.n
@api.get("/security")
async def security(who: Annotated[str, Security(who)]): return who
@api.get("/request")
async def request(request: Request, n: int = 1): return [request.method, request.url.path, n]
@api.get("/response")
async def response(response: Response):
    response.headers["x-made"] = "here"
    response.status_code = 202
    return "made"
@api.get("/background")
async def background(tasks: BackgroundTasks):
    tasks.add_task(str, 1)
    return "later"
@api.get("/person")
async def person() -> Public: return Person(name="Ada")
@api.get("/people")
async def people() -> list[Public]: return [Person(name="Ada")]
@api.get("/maybe")
async def maybe(there: bool = True) -> Public | None: return Person(name="Ada") if there else None
@api.get("/point")
async def point() -> Point: return Point(1)
@api.get("/wrong")
async def wrong() -> int: return "text"
@api.get("/aliased-answer")
async def aliased_answer() -> Aliased: return Aliased(type="a")
@api.get("/dates")
async def dates() -> dict[str, datetime.date]: return {"a": datetime.date(2024, 1, 2)}
@api.get("/set")
async def a_set(): return {1}
@api.get("/html")
async def html(): return HTMLResponse("<p>hi</p>")
@api.get("/text")
async def text() -> Response: return PlainTextResponse("123")
@api.get("/bytes")
async def raw_bytes(): return Response(bytes([137, 80, 255]), media_type="image/png")
@api.get("/stream")
async def stream():
    async def chunks():
        for i in range(3):
            yield f"{i};"
    return StreamingResponse(chunks(), media_type="text/plain")
@api.get("/redirect")
async def redirect(): return RedirectResponse("/plain")
@api.get("/json")
async def json_answer(): return JSONResponse({"a": 1}, status_code=203, headers={"x-a": "1"})
@api.get("/teapot")
async def teapot(): raise HTTPException(418, {"code": "pot"}, headers={"x-pot": "1"})
@api.get("/fails")
async def fails(): raise KeyError("secret")
@api.get("/none")
async def none(): return None
@api.post("/model")
async def model(item: Person, n: int = 0) -> Public: return item
@api.post("/models")
async def models(one: Public, two: Strict): return [one, two]
@api.put("/model/{ident}")
async def put_model(ident: int, item: Strict, dry: bool = False): return [ident, item, dry]
@api.patch("/aliased")
async def aliased(item: Aliased) -> Aliased: return item
@api.post("/model-and-body")
async def model_and_body(item: Public, level: Annotated[int, Body(ge=1)] = 1): return [item, level]
@api.post("/optional-model")
async def marked_model(item: Annotated[Public, Body(embed=True)], n: int = 1): return [item, n]
@api.delete("/model/{ident}")
async def delete(ident: int, item: Public): return [ident, item]
@api.post("/model-and-depends")
async def model_and_depends(item: Public, who: str = Depends(who), token: str = Header("none")): return [item, who, token]
@api.post("/marked")
async def marked(n: Annotated[int, Body()], text: Annotated[str, Body(min_length=2)] = "ab"): return [n, text]
@api.post("/marked-one")
async def marked_one(n: Annotated[int, Body(embed=True)]): return n
@api.post("/marked-query")
async def marked_query(n: int = Query(1), tag: Annotated[str, Header()] = "none"): return [n, tag]
@api.post("/nothing")
async def nothing(request: Request): return [request.method, (await request.body()).decode()]
@api.post("/form")
async def form(name: Annotated[str, Form()], n: Annotated[int, Form()] = 1): return [name, n]
@api.post("/form-model")
async def form_model(data: Annotated[Strict, Form()]): return data
@api.post("/file")
async def file(data: Annotated[bytes, File()], note: Annotated[str, Form()] = ""): return [len(data), note]
@api.post("/upload")
async def upload(data: UploadFile): return [data.filename, len(await data.read())]
@api.post("/uploads")
async def uploads(data: list[UploadFile]): return [d.filename for d in data]
@api.post("/upload-maybe")
async def upload_maybe(data: UploadFile | None = None): return data is not None
@api.post("/fields")
async def fields(text: str, count: int = 1, tags: list[str] = []): return [text, count, tags]
@api.post("/field")
async def field(item: dict[str, int]): return item
@api.post("/point")
async def post_point(point: Point, scale: int = 1): return [point.x, scale]
@api.put("/size")
async def size(size: Size): return size
@api.post("/bounds")
async def bounds(n: Annotated[int, Field(gt=2)], m: Positive = 1): return [n, m]
@api.post("/bytes")
async def post_bytes(data: bytes, note: str = ""): return [len(data), note]
@api.post("/variadic")
async def variadic(text: str, *rest, **more): return [text, list(rest), more]
@api.delete("/items/{ident}")
async def remove(ident: int, force: bool = False): return [ident, force]
"""

Sent = tuple[str, str, dict[str, Any], int | None]


def get(path: str, **sent: Any) -> Sent:
    return ("GET", path, sent, None)


def send(method: str, path: str, rule: int | None = None, **sent: Any) -> Sent:
    return (method, path, sent, rule)


def post(path: str, rule: int | None = None, **sent: Any) -> Sent:
    return send("POST", path, rule, **sent)


# 1: without a pydantic model, the arguments of POST, PUT, PATCH and DELETE are fields of one JSON object.
# 2: a parameter of the type bytes makes the body a form; the bytes are a file, other arguments are fields.
# 3: `*args` and `**kwargs` are left out.
# 4: the platform's health check is there.
FIELDS, BYTES, VARIADIC, PING = 1, 2, 3, 4

REQUESTS: list[Sent] = [
    *(get(path) for path in (
        "/plain", "/plain/", "/missing", "/sync", "/sync?n=2", "/sync?n=x", "/query", "/query?n=1",
        "/query?n=x", "/query?n=1&on=yes&text=a%20b&maybe=1.5", "/query?n=1&on=maybe", "/query?n=1.5",
        "/query-list", "/query-list?tags=a&tags=b", "/query-marked", "/query-marked?number=5&old=x",
        "/query-marked?number=0", "/query-marked?n=5", "/query-model", "/query-model?limit=3&tags=a&tags=b",
        "/query-model?limit=x", "/constrained", "/constrained?times=0", "/constrained?times=2&name=a",
        "/note", "/note?text=hi", "/enum", "/enum?colour=red", "/enum?colour=blue", "/enum?colour=red&mode=c",
        "/when", "/when?at=2024-01-01T00:00:00Z", "/when?at=soon", "/when?at=2024-01-01&day=2024-01-02",
        "/when?at=0&ident=00000000-0000-0000-0000-000000000001", "/decimal?price=1.50", "/decimal?price=x",
        "/items/3", "/items/x", "/items/3?depth=2", "/files/a/b", "/files/a%2Fb?size=2", "/bounded/3",
        "/bounded/0", "/bounded/10", "/header", "/headers", "/cookie", "/depends",
        "/depends?skip=2&limit=7", "/depends?limit=500", "/depends-class", "/depends-class?n=4", "/security",
        "/request", "/request?n=2", "/response", "/background", "/person", "/people", "/maybe",
        "/maybe?there=false", "/point", "/wrong", "/aliased-answer", "/dates", "/set", "/html", "/text",
        "/bytes", "/stream", "/redirect", "/json", "/teapot", "/fails", "/none", "/docs",
    )),
    get("/header", headers={"token": "t", "user-agent": "u"}),
    get("/headers", headers=[("x-tag", "a"), ("x-tag", "b")]),
    get("/cookie", headers={"cookie": "session=s"}),
    get("/depends", headers={"x-who": "me"}),
    get("/security", headers={"x-who": "me"}),
    send("GET", "/ping", PING),
    send("HEAD", "/plain"),
    send("OPTIONS", "/plain"),
    post("/plain"),
    post("/model", json={"name": "Ada"}),
    post("/model?n=3", json={"name": "Ada", "born": "1999-12-31"}),
    post("/model", json={"name": 1}),
    post("/model", json={"born": "1999"}),
    post("/model", json=[]),
    post("/model"),
    post("/model", content=b"{"),
    post("/model", content=b'{"name": "Ada"}'),
    post("/model", data={"name": "Ada"}),
    post("/models", json={"one": {"name": "a"}, "two": {"n": 1}}),
    post("/models", json={"one": {"name": "a"}}),
    post("/models", json={"one": {"name": "a"}, "two": {"n": 2}}),
    send("PUT", "/model/3", json={"n": 1}),
    send("PUT", "/model/3?dry=true", json={"n": 1}),
    send("PUT", "/model/x", json={"n": 1, "m": 2}),
    send("PATCH", "/aliased", json={"type": "t"}),
    send("PATCH", "/aliased", json={"kind": "t"}),
    post("/model-and-body", json={"item": {"name": "a"}, "level": 2}),
    post("/model-and-body", json={"item": {"name": "a"}, "level": 0}),
    post("/optional-model", json={"item": {"name": "a"}}),
    post("/optional-model?n=2", json={"name": "a"}),
    send("DELETE", "/model/1", json={"name": "a"}),
    send("DELETE", "/model/1"),
    post("/model-and-depends", json={"name": "a"}),
    post("/model-and-depends", json={"name": "a"}, headers={"x-who": "me", "token": "t"}),
    post("/marked", json={"n": 1, "text": "abc"}),
    post("/marked", json={"n": 1, "text": "a"}),
    post("/marked", json={}),
    post("/marked-one", json={"n": 1}),
    post("/marked-one", json=1),
    post("/marked-query?n=3", headers={"tag": "x"}),
    post("/marked-query", json={"n": 3}),
    post("/nothing", content=b"raw"),
    post("/form", data={"name": "a", "n": "2"}),
    post("/form", data={"n": "x"}),
    post("/form", json={"name": "a"}),
    post("/form-model", data={"n": "3"}),
    post("/form-model", data={"n": "2"}),
    post("/file", files={"data": b"123"}, data={"note": "n"}),
    post("/file", files={"other": b"123"}),
    post("/upload", files={"data": ("a.txt", b"123")}),
    post("/upload", json={"data": "x"}),
    post("/uploads", files=[("data", ("a", b"1")), ("data", ("b", b"2"))]),
    post("/upload-maybe"),
    post("/upload-maybe", files={"data": ("a.txt", b"123")}),
    post("/fields", FIELDS, json={"text": "a", "count": 2, "tags": ["x"]}),
    post("/fields", FIELDS, json={"text": "a"}),
    post("/fields?text=a&count=2", FIELDS, json=["x"]),
    post("/fields", FIELDS, json={"count": 1}),
    post("/field", FIELDS, json={"item": {"a": 1}}),
    post("/field", FIELDS, json={"a": 1}),
    post("/point", FIELDS, json={"point": {"x": 1}, "scale": 2}),
    send("PUT", "/size", FIELDS, json={"size": {"width": 1}}),
    post("/bounds", FIELDS, json={"n": 3, "m": 2}),
    post("/bounds", FIELDS, json={"n": 2, "m": 0}),
    post("/bytes", BYTES, files={"data": b"123"}, data={"note": "n"}),
    post("/bytes", BYTES, files={"data": b"123"}),
    post("/variadic", VARIADIC, json={"text": "a"}),
    post("/variadic", VARIADIC, json={"text": "a", "rest": [1], "more": {}}),
    send("DELETE", "/items/3", json={}),
    send("DELETE", "/items/3", FIELDS, json={"force": True}),
    send("DELETE", "/items/3?force=true", FIELDS),
]  # fmt: skip
