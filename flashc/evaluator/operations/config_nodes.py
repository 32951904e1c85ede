"""Change the nodes of configurations of OmegaConf, as `config.name = value` does."""

from __future__ import annotations

from flashc.evaluator.config_values import ConfigMapping, NoNode
from flashc.evaluator.machine import Machine
from flashc.evaluator.values import Known, NotConcrete, Symbolic, Unknown, Value, concrete


def is_plain(data: object) -> bool:
    """Return whether data consist of what YAML has; tuples and objects are not followed."""
    if isinstance(data, list):
        return all(map(is_plain, data))
    if isinstance(data, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in data.items())
    return isinstance(data, (str, int, float, type(None)))


def assign(machine: Machine, config: ConfigMapping, key: object, value: Value) -> None:
    """Execute `config.key = value` and `config["key"] = value`."""
    reason = machine.condition
    try:
        data = concrete(value)
        if not isinstance(key, (str, int)) or not is_plain(data) or _has_variables(value):
            raise NotConcrete(value)
        if reason is None:
            config.document.set((*config.path, key), data)
    except (NotConcrete, NoNode):
        text = "flashc does not evaluate what is assigned to this configuration"
        reason = reason or Unknown(reason=text, origin=value.origin)
    if reason is not None:
        machine.may_raise()
        config.escape(reason)


def _has_variables(value: Value) -> bool:
    """Return whether a value is computed from environment variables."""
    return isinstance(value, Symbolic) or (isinstance(value, Known) and bool(value.variables))
