"""Change, compare and join the nodes of configurations of OmegaConf, as `config.name = value` does."""

from __future__ import annotations

from flashc.evaluator.config_values import (
    ConfigDocument,
    ConfigList,
    ConfigMapping,
    NoNode,
    is_scalar,
)
from flashc.evaluator.failures import PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.values import (
    Known,
    NotConcrete,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    concrete,
)
from flashc_core.source import Span


def is_plain(data: object) -> bool:
    """Return whether data consist of what YAML has; tuples and objects are not followed."""
    if isinstance(data, list):
        return all(map(is_plain, data))
    if isinstance(data, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in data.items())
    return isinstance(data, (str, int, float, type(None)))


def assign(machine: Machine, config: ConfigMapping, key: object, value: Value) -> None:
    """Execute `config.key = value` and `config["key"] = value`.

    Raises:
        PythonError: a flag of the configuration forbids it.
    """
    reason = machine.doubt or config.document.escaped or config.replaced
    try:
        copied = _scalars(value) if _is_list(value) else None
        data = concrete(value) if copied is None else copied
        if not isinstance(key, (str, int)) or not is_plain(data) or _has_variables(value):
            raise NotConcrete(value)
        reason = reason or _refusal(config, key, data, value.origin)
        if reason is None:
            config.document.set((*config.path, key), data)
    except (NotConcrete, NoNode):
        text = "flashc does not evaluate what is assigned to this configuration"
        reason = reason or Unknown(reason=text, origin=value.origin)
    if reason is not None:
        machine.may_raise()
        config.escape(reason)


def _refusal(config: ConfigMapping, key: str | int, data: object, span: Span) -> Unknown | None:
    """Return why flashc does not know whether the flags of a configuration allow an assignment.

    The result is None if they allow it.

    Raises:
        PythonError: they forbid it.
    """
    readonly, struct = (config.document.flag(config.path, n) for n in ("readonly", "struct"))
    for flag in (readonly, struct):
        if isinstance(flag, Unknown):
            return flag
    if readonly:
        raise PythonError(None, "the configuration is read-only", span)
    if struct and key not in config.names():
        raise PythonError(None, f"Key '{key}' is not in struct", span)
    if struct and isinstance(data, (dict, list)):  # versions differ
        reason = "flashc does not know whether a configuration with the flag `struct` takes this"
        return Unknown(reason=reason, origin=span)
    return None


def _has_variables(value: Value) -> bool:
    """Return whether a value is computed from environment variables."""
    return isinstance(value, Symbolic) or (isinstance(value, Known) and bool(value.variables))


# Lists ------------------------------------------------------------------------------------------------


def _scalars(value: Value) -> list[object] | None:
    """Return the elements of a list or tuple, if they are plain constants; None for other values."""
    items = value.value if isinstance(value, Known) else None
    if not isinstance(items, SequenceValue) or items.kind not in (list, tuple) or items.escaped:
        return None
    found = [item.value for item in items.items if isinstance(item, Known) and not item.variables]
    is_known = len(found) == len(items.items) and all(map(is_scalar, found))
    return found if is_known else None


def _is_list(value: Value) -> bool:
    """Return whether a value is a list of a configuration."""
    return isinstance(value, Known) and isinstance(value.value, ConfigList)


def compared(symbol: str, left: Value, right: Value) -> bool | None:
    """Return `left <symbol> right` with a list of a configuration; None if flashc does not know it.

    Such a list is equal to a list or tuple with equal elements.
    """
    if symbol in ("==", "!=") and (_is_list(left) or _is_list(right)):
        mine, others = _scalars(left), _scalars(right)
        return None if mine is None or others is None else (mine == others) == (symbol == "==")
    if symbol in ("in", "not in") and _is_list(right) and isinstance(left, Known):
        items = _scalars(right)
        if items is not None and is_scalar(left.value):
            return (left.value in items) == (symbol == "in")
    return None


def joined(symbol: str, left: Known, right: Known, span: Span) -> Value:
    """Return `left <symbol> right` with a list of a configuration.

    `left + right` is a configuration.  If only the right operand is one, versions differ.
    """
    mine, others = _scalars(left), _scalars(right)
    if symbol == "+" and isinstance(left.value, ConfigList) and mine is not None:
        source = left.value
        if others is not None and source.document.flag(source.path, "readonly") is False:
            data = [*mine, *others]
            return ConfigDocument(data=data, origin=span).value(())
    reason = f"flashc does not evaluate `{symbol}` of this list of a configuration"
    return Unknown(reason=reason, origin=span)
