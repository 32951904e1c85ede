"""What Python calls by itself, such as `__new__`, has its effects: what it may change is not known afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.evaluator.values import concrete
from tests.properties.test_constants import computed, evaluated, part_unknown
from tests.support.projects import compile_files

_HEAD = """
from dataclasses import dataclass, field
from pydantic import BaseModel
STATE = {}
COUNT = 0
"""
_PROGRAMS = (
    """
class S:
    instance = None
    def __new__(cls):
        if cls.instance is None:
            cls.instance = super().__new__(cls)
        return cls.instance
v = S.instance is None
S()
v = (S.instance is None, v)
""",
    """
class S:
    instance = None
    def __new__(cls, *args):
        global COUNT
        COUNT += 1
        cls.note()
        return object.__new__(cls)
    @classmethod
    def note(cls): STATE["new"] = 1
    def __init__(self, x): self.set_up(x)
    def set_up(self, x): STATE[x] = 1
S("init")
v = (COUNT, len(STATE))
""",
    """
class Meta(type):
    instances = {}
    def __call__(cls, *args):
        STATE["call"] = 1
        if cls not in cls.instances:
            cls.instances[cls] = super().__call__(*args)
        return cls.instances[cls]
class S(metaclass=Meta): pass
class T(S): pass
T()
v = (len(STATE), len(Meta.instances))
""",
    """
class Meta(type):
    made = []
    def __new__(mcs, name, bases, names):
        STATE[name] = 1
        mcs.made.append(name)
        return super().__new__(mcs, name, bases, names)
class S(metaclass=Meta): pass
class T(S): pass
v = (len(STATE), len(Meta.made))
""",
    """
class Meta(type):
    def __init__(cls, name, bases, names): STATE[name] = cls
class S(metaclass=Meta): pass
class T(S): pass
v = list(STATE)
""",
    """
class S:
    def __init_subclass__(cls, **options): STATE[cls.__name__] = 1
class T(S): pass
v = list(STATE)
""",
    """
class S:
    count = 0
    def __class_getitem__(cls, key):
        cls.count += 1
        return key
v = (S["a"], S.count)
""",
    """
class D:
    def __set_name__(self, owner, name): STATE[name] = 1
class S:
    d = D()
v = list(STATE)
""",
    """
@dataclass
class S:
    x: int
    def __init__(self): STATE["x"] = 1
S()
v = list(STATE)
""",
    """
class S(BaseModel):
    x: int = 1
    def __init__(self, **fields):
        super().__init__(**fields)
        STATE["x"] = 1
S()
v = list(STATE)
""",
    """
def changed(cls): return (cls, STATE.clear())[0]
@changed
@changed
class S(dict):
    def __init__(self): STATE["x"] = 1
S()
v = list(STATE)
""",
)


@pytest.mark.parametrize("text", _PROGRAMS)
def test_effects_of_making_classes_and_instances_are_not_lost(text: str) -> None:
    expected = computed(_HEAD + text)
    machine = evaluated(_HEAD + text)
    assert expected is not None
    assert not machine.failed
    found = machine.frames["m"].names["v"]
    if part_unknown(found) is None:
        assert concrete(found) == expected["v"]


def test_what_constructors_do_not_change_stays_known() -> None:
    text = "class S(dict):\n    def __init__(self): self.x = STATE\nKEPT = {'a': 1}\nS()\nv = (KEPT['a'], COUNT)\n"
    assert concrete(evaluated(_HEAD + text).frames["m"].names["v"]) == (1, 0)


@pytest.mark.parametrize("body", ["raise RuntimeError('x')", "while True: pass", "[0] * 10 ** 9"])
def test_a_constructor_that_may_not_be_called_is_no_error(body: str, tmp_path: Path) -> None:
    text = (
        "import lib\nfrom runpod_flash import Endpoint\n"
        f"class S(lib.Base):\n    def __init__(self):\n        {body}\n"
        'S()\n@Endpoint(name="w", dependencies=["lib"])\nasync def run(x: int):\n    return x\n'
    )
    assert compile_files(tmp_path, {"worker.py": text}).codes == []


@pytest.mark.parametrize(
    "text",
    [
        """
class S:
    instance = None
    def __new__(cls, *args):
        if cls.instance is None:
            cls.instance = super().__new__(cls)
        return cls.instance
    def __init__(self, x=1): self.x = x
S(2)
S(3)
v = (S.instance is None, S.instance.x)
""",
        "class S:\n    def __new__(cls, x): return x + 1\nv = S(1)\n",
        """
class A:
    def __new__(cls, *args):
        self = object.__new__(cls)
        self.z = 3
        return self
    def __init__(self, x): self.x = x
    @classmethod
    def make(cls): return cls(1)
    def name(self): return "a"
class B(A):
    def __init__(self, x):
        super().__init__(x + 1)
        self.y = super().name()
    @classmethod
    def make(cls): return super().make()
class C(B):
    pass
v = [(b.x, b.y, b.z) for b in (B(3), C.make())]
""",
        """
class A:
    def __init__(self): STATE["a"] = 1
class B(A):
    def __init__(self): STATE["b"] = 1
class C(A):
    def __init__(self):
        super().__init__()
        STATE["c"] = 1
class D(C, B):
    def __init__(self): super().__init__()
D()
v = list(STATE)
""",
    ],
)
def test_instances_that_new_and_super_make_are_known(text: str) -> None:
    expected = computed(_HEAD + text)
    machine = evaluated(_HEAD + text)
    assert expected is not None
    assert not machine.failed
    assert concrete(machine.frames["m"].names["v"]) == expected["v"]


_GENERATED = """
class Base:
    def __init__(self, *options):
        self.region = "EU"
        STATE["base"] = 1
    def __repr__(self): return "base"
    def __eq__(self, other): return True
@dataclass
class Settings(Base):
    size: int = 3
    tags: list = field(default_factory=lambda: [STATE.setdefault("made", 1)])
    def __post_init__(self):
        self.z = 1
        STATE["after"] = 1
"""


@pytest.mark.parametrize(
    ("base", "value"),
    [
        ("Settings", 'getattr(Mine(), "region", "none")'),
        ("Settings", 'getattr(Mine(), "z", None)'),
        ("Settings", "Mine().size"),
        ("Settings", "Mine() and sorted(STATE)"),
        ("Settings", "Mine().shown()"),
        ("Settings", "Mine().same()"),
        ("Settings", "Mine().__repr__()"),
        ("Settings", "Other().region"),
        ("Settings", "Other().size"),
        ("Problem", "Mine().size"),
    ],
)
def test_what_super_calls_of_a_dataclass_is_no_method_of_an_ancestor(base: str, value: str) -> None:
    text = f"""
@dataclass
class Problem(Exception):
    size: int = 3
class Mine({base}):
    def __init__(self): super().__init__(5)
    def shown(self): return super().__repr__()
    def same(self): return super().__eq__(1)
class Other({base}):
    region = "US"
    def __init__(self): {base}.__init__(self, 5)
v = {value}
"""
    machine = evaluated(_HEAD + _GENERATED + text)
    assert not machine.failed
    assert part_unknown(machine.frames["m"].names["v"]) is not None


def test_an_ancestor_that_is_decorated_may_have_any_method() -> None:
    text = """
import attr
@attr.define
class A:
    x: int = 3
class B(A):
    def __init__(self): super().__init__(4)
class C(A): pass
v = B().x
w = C(4).x
"""
    machine = evaluated(_HEAD + text)
    assert not machine.failed
    names = machine.frames["m"].names
    assert part_unknown(names["v"]) is not None
    assert part_unknown(names["w"]) is not None


@pytest.mark.parametrize(
    "value",
    [
        '[getattr(s, "region", "none") for s in (Settings(), Plain())]',
        "[(s.size, s.z, s.tags) for s in (Settings(4), Plain(5), Plain(size=6), Plain())]",
        "[Plain.size, Plain(7) and sorted(STATE)]",
    ],
)
def test_a_class_without_constructor_has_that_of_the_dataclass_before_it(value: str) -> None:
    text = f"{_HEAD}{_GENERATED}class Plain(Settings):\n    size = 9\nv = {value}\n"
    machine = evaluated(text)
    expected = computed(text)
    assert expected is not None
    assert not machine.failed
    assert concrete(machine.frames["m"].names["v"]) == expected["v"]


def test_an_exception_that_is_a_dataclass_takes_its_fields() -> None:
    text = "@dataclass\nclass A(Exception):\n    x: int = 3\nclass B(A): pass\nv = B(4).x\n"
    machine = evaluated(_HEAD + text)
    assert not machine.failed
    assert part_unknown(machine.frames["m"].names["v"]) is not None


def test_a_call_of_super_that_python_refuses_makes_no_known_instance() -> None:
    text = "class A:\n    def __new__(cls, x): return super().__new__(cls, x)\nv = A(1)\n"
    assert part_unknown(evaluated(text).frames["m"].names["v"]) is not None
