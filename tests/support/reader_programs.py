"""Programs that read models from data, and variables by other packages than pydantic."""

from __future__ import annotations

from .settings_programs import program

PROGRAMS = (
    program(
        "models of plain data",
        """
        class Endpoint(BaseModel):
            name: str
            workers: tuple[int, int] = (0, 1)
            env: dict[str, str] = {}
        class Config(BaseModel):
            model_config = ConfigDict(extra="ignore")
            endpoints: list[Endpoint]
            by_name: dict[str, Endpoint] = {}
            first: Endpoint | None = None
        c = Config.model_validate({
            "endpoints": [{"name": "a"}, {"name": "b", "workers": [1, "2"]}],
            "by_name": {"x": {"name": "c", "env": {"K": "v"}}},
            "more": 1,
        })
        d = c.model_copy(update={"first": c.endpoints[0]})
        """,
        """
        [e.name for e in c.endpoints]
        c.endpoints[1].workers
        c.by_name["x"].env
        c.first
        d.first.name
        c.model_dump(exclude_none=True)
        c.endpoints[0].model_dump(exclude={"env"})
        """,
    ),
    program(
        "variables by decouple",
        """
        from decouple import config
        def upper(value): return value.upper()
        """,
        """
        config("NAME", default="w")
        config("COUNT", default=3, cast=int)
        config("DEBUG", default=False, cast=bool)
        config("NOTHING", default=None)
        config("LEVEL", default="low", cast=upper)
        config("RATIO", cast=float, default="0.5")
        """,
        {"NAME": "n", "COUNT": "7", "DEBUG": "yes", "LEVEL": "high", "RATIO": "2"},
        {"DEBUG": "off"},
    ),
    program(
        "variables by environs",
        """
        from environs import Env
        env = Env()
        env.read_env()
        """,
        """
        env("NAME", "w")
        env.str("NAME", default="w")
        env.int("COUNT", 3)
        env.bool("DEBUG", False)
        env.float("RATIO", default=None)
        env.str("NOTHING", None)
        """,
        {"NAME": "n", "COUNT": "7", "DEBUG": "on", "RATIO": "2"},
        {"DEBUG": "False"},
    ),
    program(
        "variables that the module sets",
        """
        import os
        os.environ["NAME"] = "set"
        os.environ.setdefault("PORT", "7")
        class Settings(BaseSettings):
            name: str = "w"
            port: int = 1
        s = Settings()
        """,
        """
        s.name
        s.port
        """,
        {"PORT": "9"},
    ),
)
