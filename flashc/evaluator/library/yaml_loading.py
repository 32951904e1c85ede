"""Read YAML as PyYAML and OmegaConf do, within limits of size."""

from __future__ import annotations

import re
from typing import Any

import yaml

from flashc.evaluator.values import MAX_ITEMS

_MAX_TEXT = 200_000  # characters; the parser is slow
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TooLarge(Exception):
    """A document stands for more data than flashc evaluates."""


class _Loader(_Base):  # type: ignore[misc]
    """Reads YAML as `yaml.safe_load` does; what merge keys repeat is limited."""

    merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Count what the merge keys of a mapping add before they add it.

        Raises:
            TooLarge: they add more than flashc evaluates.
        """
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                several = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for each in several:
                    if isinstance(each, yaml.MappingNode):
                        self.flatten_mapping(each)
                        self.merged += len(each.value)
        if self.merged > MAX_ITEMS:
            raise TooLarge
        super().flatten_mapping(node)


class _ConfigLoader(_Loader):
    """Reads YAML as OmegaConf does: `1e3` is a number, a date is a text, a key stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        """Return a mapping.

        Raises:
            yaml.YAMLError: a key stands twice.
        """
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(keys) != len(set(keys)):
            raise yaml.constructor.ConstructorError(
                None, None, "found duplicate key", node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


_TIMESTAMP, _FLOAT = "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float"
_ConfigLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != _TIMESTAMP]
    for first, found in _Base.yaml_implicit_resolvers.items()
}
_ConfigLoader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"[-+]?(\d[\d_]*\.[\d_]*|\.\d[\d_]*|\d[\d_]*(?=[eE]))([eE][-+]?\d+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def read(text: str | bytes, *, as_config: bool = False) -> Any:
    """Return the data of a YAML document.

    Raises:
        TooLarge: it stands for more data than flashc evaluates.
        yaml.YAMLError: it is no YAML.
        ValueError: a value in it is none of its type.
    """
    if len(text) > _MAX_TEXT:
        raise TooLarge
    try:
        return yaml.load(text, Loader=_ConfigLoader if as_config else _Loader)
    except RecursionError:
        raise TooLarge from None


def data_or_problem(text: str | bytes, *, as_config: bool) -> tuple[Any, str]:
    """Return the data of a YAML document, and the reason why it can't be read, "" if it can.

    Raises:
        TooLarge: it stands for more data than flashc evaluates.
    """
    try:
        return read(text, as_config=as_config), ""
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1} of the text: " if mark is not None else ""
        return None, f"{line}{getattr(error, 'problem', None) or type(error).__name__}"
