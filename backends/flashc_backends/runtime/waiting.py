"""Decide whether the call of a remote plain function waits or returns an awaitable; define `Deferred`, for unclear cases.

Flash programs call every endpoint with `await`, also through lambdas, helpers and methods that are
plain functions; other plain functions use the result immediately.  If the code that called the stub
shows what it does with the result, that decides.  In all other cases the caller gets a `Deferred`: it
can be awaited, and it can be used like the result, which then blocks.  `with_calls_awaited` replaces
each `Deferred` in what a job or a route returns by its result.
"""

from __future__ import annotations

import dis
import inspect
import itertools
import opcode
import sys
import warnings
from asyncio import events
from collections.abc import Callable, Coroutine, Generator
from types import CodeType, FrameType
from typing import Any

_ASYNC_CODE = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_INLINED = frozenset({"<listcomp>", "<genexpr>", "<setcomp>", "<dictcomp>"})
# Instructions that use a value, by the beginnings of their names.
_USES = (
    "BINARY_",
    "COMPARE_",
    "CONTAINS_",
    "CONVERT_",
    "FORMAT_",
    "GET_ITER",
    "INPLACE_",
    "IS_OP",
    "LIST_EXTEND",
    "LOAD_ATTR",
    "LOAD_METHOD",
    "POP_JUMP_",
    "POP_TOP",
    "TO_BOOL",
    "UNARY_",
    "UNPACK_",
)


def result_of(call: Callable[[], Any], start: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Return the result of `call`, or an awaitable.

    `call` waits for the result; `start` makes a coroutine.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_own(frame):
        frame = frame.f_back
    if events._get_running_loop() is None:  # a thread, or a program without an event loop
        return Deferred(call, start) if _goes_to_loop(frame) else call()
    in_container = frame.f_code.co_name in _INLINED if frame is not None else False
    while frame is not None and frame.f_code.co_name in _INLINED:
        frame = frame.f_back
    if frame is None or _is_async(frame):
        return call() if frame is None else start()
    if not _is_within_async_code(frame):
        return call()
    if in_container:
        return Deferred(call, start)
    following = _use(frame)
    while following == _PASSED_ON and frame.f_back is not None and not _is_async(frame):
        frame = frame.f_back
        following = _use(frame)
    if following.startswith(_USES):
        return _block(call)
    return start() if following == _AWAITED else Deferred(call, start)


def _block(call: Callable[[], Any]) -> Any:
    """Wait for the result of a call; warn if an event loop stands still meanwhile."""
    if events._get_running_loop() is not None:
        warnings.warn(
            "plain code waits for another endpoint, and all else in this worker waits with it; "
            "`flashc explain FC327` says more",
            RuntimeWarning,
            stacklevel=4,
        )
    return call()


# Names that occur in code that runs a coroutine on an event loop.
_STARTERS = frozenset(
    {"run_until_complete", "run_coroutine_threadsafe", "run_forever", "create_task"}
)
_RUNNERS = frozenset({"asyncio", "uvloop", "anyio", "Runner"})


def _goes_to_loop(frame: FrameType | None) -> bool:
    """Return whether plain code may pass the call on to an event loop that it starts: `asyncio.run(...)`."""
    while frame is not None:
        following = _next_instruction(frame)[0]
        if _starts_loop(frame.f_code, frame.f_globals):
            return not following.startswith(_USES)
        goes_on = frame.f_code.co_name in _INLINED or following.startswith("STORE_FAST")
        if not goes_on and following != _PASSED_ON:
            return False
        frame = frame.f_back
    return False


def _starts_loop(code: CodeType, names: dict[str, Any]) -> bool:
    """Return whether code starts an event loop, itself or by a function of its module that it calls."""
    if _names_loop(code):
        return True
    run = getattr(sys.modules.get("asyncio"), "run", None)
    found = (names[name] for name in code.co_names if name in names)
    return any(each is run or _names_loop(getattr(each, "__code__", None)) for each in found)


def _names_loop(code: CodeType | None) -> bool:
    """Return whether code names a function that starts an event loop."""
    if not isinstance(code, CodeType) or code.co_flags & _ASYNC_CODE:
        return False
    used = set(code.co_names)
    return bool(used & _STARTERS) or ("run" in used and bool(used & _RUNNERS))


OWN = {__package__}  # the packages whose functions are between the app's code and `result_of`


def _is_own(frame: FrameType) -> bool:
    """Return whether a frame is that of a function of a package in `OWN`, such as the runtime."""
    return frame.f_globals.get("__package__") in OWN


def _is_async(frame: FrameType) -> bool:
    """Return whether a frame is that of an `async def`."""
    return bool(frame.f_code.co_flags & _ASYNC_CODE)


def _is_within_async_code(frame: FrameType) -> bool:
    """Return whether this frame, or one that called it, is an `async def` of the app."""
    outer: FrameType | None = frame
    while outer is not None and not _is_own(outer):
        if _is_async(outer):
            return True
        outer = outer.f_back
    return False


_PASSED_ON, _AWAITED = "RETURN_VALUE", "GET_AWAITABLE"


def _use(frame: FrameType) -> str:
    """Return the name of the instruction that uses the result of the call that the frame is executing.

    If a variable gets the result, and is only returned or only awaited later, it is the instruction
    that does so.  For any other variable, return a name in `_USES` in plain code (the result is needed
    now), and "" in async code (not decided).
    """
    following, argument = _next_instruction(frame)
    if not following.startswith("STORE_FAST"):
        return following
    stored = argument if following == "STORE_FAST" else argument >> 4
    uses = {
        after.opname
        for load, after in itertools.pairwise(dis.get_instructions(frame.f_code))
        if stored in _loaded_by(load)
    }
    if uses in ({_PASSED_ON}, {_AWAITED}):
        return uses.pop()
    return "" if _is_async(frame) else _USES[0]


def _loaded_by(instruction: dis.Instruction) -> tuple[int, ...]:
    """Return the variables that an instruction loads; newer Pythons use two at once."""
    name, number = instruction.opname, instruction.arg or 0
    if name.count("_FAST") < 2:
        return (number,) if name.startswith("LOAD_FAST") else ()
    first = (number >> 4,) if name.startswith("LOAD_FAST") else ()
    return (*first, number & 15) if name.endswith("LOAD_FAST") else first


def _next_instruction(frame: FrameType) -> tuple[str, int]:
    """Return the name and argument of the instruction after the call that the frame is executing."""
    code = frame.f_code.co_code
    offset = frame.f_lasti + 2
    while offset < len(code) and opcode.opname[code[offset]] in _PADDING:
        offset += 2
    return (opcode.opname[code[offset]], code[offset + 1]) if offset < len(code) else ("", 0)


_PADDING = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "PRECALL"})


class Deferred:
    """The result of a call that has not begun: `await` starts the call, and operators and methods of the result wait for it.

    It counts as a coroutine, so that `asyncio.create_task` takes it.  `hash`, `isinstance` and the
    attributes that asyncio reads of coroutines (`cr_...`) do not start the call.  After `await` has
    started it, operators raise a RuntimeError, because the result is that of `await`.
    """

    def __init__(
        self, call: Callable[[], Any], start: Callable[[], Coroutine[Any, Any, Any]]
    ) -> None:
        _set(self, "_call", call)
        _set(self, "_start", start)
        _set(self, "_running", None)
        _set(self, "_found", None)

    def __await__(self) -> Generator[Any, Any, Any]:
        return _coroutine(self).__await__()

    def send(self, value: Any) -> Any:
        """Continue the call as a coroutine."""
        return _coroutine(self).send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an exception in the call."""
        return _coroutine(self).throw(*error)

    @property
    def settled(self) -> Any:
        """The result of the call."""
        return _value(self)

    def close(self) -> None:
        """End the call if it has begun as a coroutine."""
        if _get(self, "_running") is not None:
            _get(self, "_running").close()

    def __del__(self) -> None:
        if _get(self, "_running") is None and _get(self, "_found") is None:
            warnings.warn(
                "a call of another endpoint was neither awaited nor used, so it was not sent",
                RuntimeWarning,
                stacklevel=2,
            )

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # asyncio checks the class to see if this is a coroutine; that check must not start the call.
        found = _get(self, "_found")
        return Deferred if found is None else type(found[0])

    def __hash__(self) -> int:
        # `asyncio.gather` looks whether it has the same awaitable twice.
        found = _get(self, "_found")
        return id(self) if found is None else hash(found[0])

    def __bool__(self) -> bool:
        # Most types have no `__bool__`, so `bool()` is called.  `repr` of a task tests whether its
        # coroutine is true; this must not start the call.
        return (
            _get(self, "_running") is not None
            or sys._getframe(1).f_globals.get("__package__") == "asyncio"
            or bool(_value(self))
        )

    def __repr__(self) -> str:
        # A task that is shown shows its coroutine.
        running = _get(self, "_running")
        return repr(_value(self)) if running is None else f"<call {running!r}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "cr_", "gi_", "ag_")) or _get(self, "_running") is not None:
            raise AttributeError(name)  # `asyncio` and `inspect` look at coroutines
        return getattr(_value(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_value(self), name, value)


_get, _set = object.__getattribute__, object.__setattr__


def _coroutine(deferred: Deferred) -> Coroutine[Any, Any, Any]:
    """Return the coroutine of a call, which begins with its first use."""
    if _get(deferred, "_running") is None:
        _set(deferred, "_running", _get(deferred, "_start")())
    running: Coroutine[Any, Any, Any] = _get(deferred, "_running")
    return running


def _value(deferred: Any) -> Any:
    """Return the result of a call; wait for it if it has not begun."""
    if _get(deferred, "_running") is not None:
        raise RuntimeError("the call is awaited, so its result is that of `await`")
    if _get(deferred, "_found") is None:
        _set(deferred, "_found", (_block(_get(deferred, "_call")),))
    return _get(deferred, "_found")[0]


async def with_calls_awaited(value: Any) -> Any:
    """Return what a job or a route returned; calls in it that have not begun are awaited now."""
    calls = _calls_in(value, ())
    for call in calls:
        if _get(call, "_running") is None and _get(call, "_found") is None:
            _set(call, "_found", (await _get(call, "_start")(),))
    return _with_results(value) if calls else value


def _with_results(value: Any) -> Any:
    """Return a value with results in place of the calls that have ended."""
    kind = type(value)
    if kind is dict:
        return {key: _with_results(item) for key, item in value.items()}
    if kind in (list, tuple):
        return kind(map(_with_results, value))
    return _value(value) if kind is Deferred else value


def _calls_in(value: Any, outer: tuple[int, ...]) -> list[Deferred]:
    """Return the calls in a value, and in the dictionaries, lists and tuples in it."""
    kind = type(value)
    if kind is Deferred:
        return [value]
    if kind not in (dict, list, tuple) or id(value) in outer:
        return []
    items = value.values() if kind is dict else value
    outer = (*outer, id(value))
    return [call for item in items for call in _calls_in(item, outer)]


def _forward(name: str) -> Callable[..., Any]:
    """Return a method that calls the operator `name` of the result."""

    def method(self: Any, *args: Any) -> Any:
        if name == "__eq__" and args[0] is self:
            return True
        value = _value(self)
        found = getattr(value, name, None)
        if found is None:
            if name in _BETWEEN_TWO:
                return NotImplemented
            raise TypeError(f"a {type(value).__name__} has no {name}")
        plain = [_value(arg) if type(arg) is Deferred else arg for arg in args]
        return found(*plain)

    return method


_BINARY = "add sub mul truediv floordiv mod pow matmul lshift rshift and or xor divmod".split()
_BETWEEN_TWO = frozenset(
    f"__{name}__"
    for name in (*_BINARY, *(f"r{name}" for name in _BINARY), *"eq ne lt le gt ge".split())
)
_OPERATORS = (
    "str format bytes int float complex index round trunc floor ceil neg pos abs invert "
    "len length_hint contains iter reversed getitem setitem delitem call enter exit"
)
for _name in (*_BETWEEN_TWO, *(f"__{name}__" for name in _OPERATORS.split())):
    setattr(Deferred, _name, _forward(_name))
