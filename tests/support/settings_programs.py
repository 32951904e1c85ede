"""Settings objects as programs write them, each with what it shows and environments to read it in."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

Variables = dict[str, str]
_HEAD = """
from __future__ import annotations
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PositiveInt, SecretStr
from pydantic import computed_field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
""".lstrip()


@dataclass(frozen=True)
class SettingsProgram:
    """A module that defines settings, and the expressions whose values are compared.

    `environments` are those in which the module is imported, besides the empty one.
    """

    name: str
    text: str
    shown: tuple[str, ...]
    environments: tuple[Variables, ...] = ()
    has_empty: bool = True


def program(
    name: str,
    text: str,
    shown: str,
    *environments: Variables,
    has_empty: bool = True,
) -> SettingsProgram:
    lines = tuple(line.strip() for line in shown.strip().splitlines())
    return SettingsProgram(name, _HEAD + dedent(text), lines, environments, has_empty)


PROGRAMS = (
    program(
        "aliases",
        """
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True)
            image: str = Field(default="team/app:1", alias="APP_IMAGE")
            disk: int = Field(default=40, alias="APP_DISK", ge=20)
            low: int = Field(0, alias="APP_LOW", ge=0)
            high: int = Field(default=1, validation_alias="APP_HIGH", serialization_alias="most")

            @property
            def workers(self) -> tuple[int, int]:
                return (self.low, self.high)
        s = Settings()
        """,
        """
        s.image
        s.disk
        s.workers
        """,
        {"APP_IMAGE": "team/app:2", "APP_DISK": "55", "APP_HIGH": "7", "LOW": "3"},
        {"app_image": "x", "IMAGE": "y"},
        {"image": "by-name"},
    ),
    program(
        "choices of aliases",
        """
        class Settings(BaseSettings):
            token: str = Field("none", validation_alias=AliasChoices("HF_TOKEN", "HUGGING_FACE_TOKEN"))
            port: int = Field(1, validation_alias=AliasChoices("PORT", "HTTP_PORT"))
        s = Settings()
        """,
        """
        s.token
        s.port
        """,
        {"HUGGING_FACE_TOKEN": "b"},
        {"HF_TOKEN": "a", "HUGGING_FACE_TOKEN": "b", "HTTP_PORT": "80"},
        {"PORT": "81", "HTTP_PORT": "80"},
    ),
    program(
        "a prefix and case",
        """
        class Settings(BaseSettings):
            model_config = {"env_prefix": "App_", "case_sensitive": True}
            stage: str = "dev"
            size: float = 2
        s = Settings()
        """,
        """
        s.stage
        s.size
        """,
        {"App_stage": "prod", "APP_STAGE": "no", "App_size": "3"},
    ),
    program(
        "a class Config",
        """
        class Base(BaseSettings):
            class Config:
                env_prefix = "WORKER_"
                extra = "ignore"
        class Settings(Base):
            name: str = "w"
            debug: bool = False
        s = Settings()
        """,
        """
        s.name
        s.debug
        """,
        {"WORKER_NAME": "other", "worker_debug": "yes"},
    ),
    program(
        "keywords of the class",
        """
        class Settings(BaseSettings, env_prefix="K_"):
            name: str = "w"
            count: PositiveInt = 2
        s = Settings()
        """,
        """
        s.name
        s.count
        """,
        {"K_NAME": "other", "K_COUNT": "5"},
    ),
    program(
        "containers in JSON",
        """
        from typing import Any, Dict, List, Optional
        class Settings(BaseSettings):
            packages: list[str] = ["torch", "numpy"]
            workers: tuple[int, int] = (0, 3)
            labels: Dict[str, str] = {"a": "b"}
            extra: List[int] = Field(default_factory=lambda: [1])
            pairs: tuple[int, int] = [1, 2]
            note: Optional[List[str]] = None
        s = Settings()
        """,
        """
        s.packages
        s.workers
        s.labels
        s.extra
        s.pairs
        s.note
        """,
        {"PACKAGES": '["idna"]', "WORKERS": "[1, 4]", "LABELS": '{"c": "d"}', "NOTE": '["x"]'},
    ),
    program(
        "types that pydantic converts to",
        """
        from enum import Enum
        from pathlib import Path
        from typing import Annotated, Literal, Optional, Union
        from datetime import timedelta
        class Tier(str, Enum):
            SMALL = "small"
            LARGE = "large"
        class Settings(BaseSettings):
            tier: Tier = Tier.SMALL
            mode: Literal["fast", "slow"] = "fast"
            cache: Path = "/runpod-volume/cache"
            limit: Annotated[int, Field(ge=1, le=9)] = 3
            ratio: float = 1
            seed: Optional[int] = None
            size: Union[int, str] = 4
            text: str | None = None
            wait: timedelta = timedelta(seconds=5)
            flag: bool = 1
        s = Settings()
        """,
        """
        s.tier.value
        s.mode
        str(s.cache / "hub")
        s.limit
        s.ratio
        s.seed
        s.size
        s.text
        s.wait.total_seconds()
        s.flag
        """,
        {"TIER": "large", "MODE": "slow", "CACHE": "/x", "LIMIT": "9", "RATIO": "0.5", "SEED": "7"},
        {"SIZE": "12", "TEXT": "t", "FLAG": "off", "WAIT": "PT30S"},
        {"SIZE": "big"},
    ),
    program(
        "settings in settings",
        """
        class Hardware(BaseModel):
            gpu: str = "A"
            count: int = 1
            packages: list[str] = []
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_nested_delimiter="__", env_prefix="APP_")
            hardware: Hardware = Hardware(gpu="L4", count=2)
            spare: Hardware = Field(default_factory=Hardware)
        s = Settings()
        """,
        """
        s.hardware.gpu
        s.hardware.count
        s.spare.gpu
        s.spare.packages
        s.model_dump()
        """,
        {"APP_HARDWARE__GPU": "H100"},
        {"app_hardware__count": "8", "APP_SPARE__PACKAGES": '["idna"]'},
        {"APP_SPARE": '{"gpu": "T4"}'},
    ),
    program(
        "deeper settings that must be given",
        """
        class Pool(BaseModel):
            size: int = 1
            name: str
        class Db(BaseModel):
            pool: Pool
            host: str = "localhost"
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_nested_delimiter="__")
            db: Db
        s = Settings()
        """,
        """
        s.db.pool.size
        s.db.pool.name
        s.db.host
        """,
        {"DB__POOL__NAME": "p", "DB__POOL__SIZE": "4"},
        {"DB__POOL__NAME": "p", "DB__HOST": "h"},
        has_empty=False,
    ),
    program(
        "settings with settings of their own",
        """
        class Gpu(BaseSettings):
            model_config = SettingsConfigDict(env_prefix="GPU_")
            kind: str = "ANY"
            count: int = 1
        class Settings(BaseSettings):
            gpu: Gpu = Gpu()
            other: Gpu = Field(default_factory=Gpu)
        s = Settings()
        """,
        """
        s.gpu.kind
        s.other.count
        """,
        {"GPU_KIND": "L4", "GPU_COUNT": "2"},
    ),
    program(
        "validators",
        """
        class Settings(BaseSettings):
            device: str = " CUDA "
            level: str = "info"
            workers: int = 3
            total: int = 0

            @field_validator("device", "level")
            @classmethod
            def lower(cls, value: str) -> str:
                return value.strip().lower()

            @field_validator("workers", mode="before")
            @classmethod
            def at_least(cls, value, info):
                return max(int(value), 2)

            @model_validator(mode="after")
            def add(self):
                self.total = self.workers * 10
                return self

            @computed_field
            @property
            def both(self) -> str:
                return f"{self.device}-{self.level}"
        s = Settings()
        """,
        """
        s.device
        s.level
        s.workers
        s.total
        s.both
        """,
        {"DEVICE": " CPU", "LEVEL": "DEBUG", "WORKERS": "1"},
    ),
    program(
        "secrets",
        """
        class Settings(BaseSettings):
            token: SecretStr = SecretStr("none")
            plain: SecretStr = "open"
            key: SecretStr | None = None
        s = Settings()
        """,
        """
        s.token.get_secret_value()
        s.plain.get_secret_value()
        s.key.get_secret_value() if s.key else None
        """,
        {"TOKEN": "abc", "KEY": "k"},
    ),
    program(
        "required texts",
        """
        class Settings(BaseSettings):
            token: str
            name: str = Field(...)
            size: int
        s = Settings()
        """,
        """
        s.token
        s.name
        s.size
        """,
        {"TOKEN": "t", "NAME": "n", "SIZE": "3"},
        has_empty=False,
    ),
    program(
        "arguments before the environment",
        """
        class Settings(BaseSettings):
            name: str = "w"
            port: int = Field(1, alias="PORT")
        s = Settings(name="given", PORT=5)
        """,
        """
        s.name
        s.port
        """,
        {"NAME": "ignored", "PORT": "9"},
    ),
    program(
        "class variables and private names are no fields",
        """
        from typing import ClassVar
        class Settings(BaseSettings):
            LIMIT: ClassVar[int] = 5
            _hidden: int = 1
            name: str = "w"
        s = Settings()
        """,
        """
        s.LIMIT
        s.name
        """,
        {"LIMIT": "8", "NAME": "n"},
    ),
    program(
        "empty texts",
        """
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_ignore_empty=True)
            count: int = 4
        s = Settings()
        """,
        "s.count",
        {"COUNT": ""},
    ),
    program(
        "a cached function in quotes",
        """
        from functools import lru_cache
        class Settings(BaseSettings):
            inner: "Inner" = Field(default_factory=lambda: Inner(size=2))
        class Inner(BaseModel):
            size: int = 1
        Settings.model_rebuild()
        @lru_cache(maxsize=None)
        def get() -> Settings:
            return Settings()
        """,
        "get().inner.size",
    ),
)
