"""Read the fields of settings of pydantic from environment variables, as `pydantic_settings` does."""

from __future__ import annotations

import posixpath

from msgspec import Struct
from msgspec.structs import replace

from flashc.evaluator.library_values import SecretText
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import ClassValue, InstanceValue
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import DictValue, Known, Symbolic, Unknown, Value
from flashc.project.project import Presence
from flashc_core.env_files import parse_env_file
from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference

from .model_fields import ModelField, ModelOptions, fields_of, options_of
from .model_types import is_complex, keeps_text, model_in
from .model_values import make, read_json

_ENV_FILE = ".env"  # the variables in it are those of the build
_DEEPEST = 6  # settings in settings


class SettingsReader(Struct, frozen=True, kw_only=True):
    """Reads the variables for one settings object.

    `files` are the variables that files other than the project's `.env` set, by name.
    """

    machine: Machine
    options: ModelOptions
    span: Span
    files: dict[str, str]

    @classmethod
    def opened(cls, machine: Machine, options: ModelOptions, span: Span) -> SettingsReader:
        """Return a reader that has read the files that the option `env_file` names."""
        named = options.values.get("env_file")
        files: dict[str, str] = {}
        for each in named if isinstance(named, (list, tuple)) else [named]:
            files |= _variables_in(machine, _path_of(each))
        return cls(machine=machine, options=options, span=span, files=files)

    def value(self, field: ModelField, default: Value | None, depth: int = 0) -> Value | None:
        """Return what the environment gives for a field, or a reference to the variable with the default.

        The result is None if only the default counts.
        """
        assigned = self._assigned(field)
        if assigned is not None:
            return self._decoded(field, assigned)
        present = self._present(field)
        if present is not None and self._is_ignored(present):
            present = None
        if present is None:
            found = self._in_files(field)
            if found is not None:
                return self._decoded(field, found)
        text = _text_of(default)
        if keeps_text(field, self.options) and (default is None or text is not None):
            if len(field.variables) > 1:
                self.machine.note_guess()
            kept = text.value if text is not None else None
            name = present or self._usual_name(field)
            return Symbolic(
                (EnvironmentReference(name, kept if isinstance(kept, str) else None),),
                self.span,
                optional=text is not None and kept is None,
                computed=text.variables if text is not None else frozenset(),
            )
        self.machine.note_guess()
        if present is not None:
            read = self.machine.read(Symbolic((EnvironmentReference(present),), self.span))
            return self._decoded(field, read)
        return self._nested(field, default, depth)

    def missing(self, field: ModelField) -> Unknown:
        """Return the value of a field without a default whose variable is not set."""
        name = self._usual_name(field)
        reason = f"the environment variable `{name}` is not set"
        return Unknown(reason=reason, origin=self.span, variable=name)

    # Variables --------------------------------------------------------------------------------------

    def _spellings(self, variable: str) -> list[str]:
        """Return the ways to write the name of a variable, the usual one first."""
        if self.options.is_true("case_sensitive"):
            return [variable]
        return list(dict.fromkeys((variable.upper(), variable, variable.lower())))

    def _usual_name(self, field: ModelField) -> str:
        """Return the name by which a variable of a field is usually set."""
        return self._spellings(next(iter(field.variables)))[0]

    def _assigned(self, field: ModelField) -> Value | None:
        """Return what the program itself has assigned to a variable of the field."""
        for variable in field.variables:
            for name in self._spellings(variable):
                value = self.machine.assigned_variable(name)
                if value is not None:
                    return value
        return None

    def _present(self, field: ModelField) -> str | None:
        """Return the variable of the field that is set."""
        for variable in field.variables:
            for name in self._spellings(variable):
                if name in self.machine.environment:
                    return name
        return None

    def _is_ignored(self, name: str) -> bool:
        """Return whether settings take a variable for one that is not set."""
        return self.options.is_true("env_ignore_empty") and not self.machine.environment[name]

    def _in_files(self, field: ModelField) -> Value | None:
        """Return what a file other than `.env` sets."""
        is_exact = self.options.is_true("case_sensitive")
        files = {name if is_exact else name.lower(): name for name in self.files}
        for variable in field.variables:
            name = files.get(variable if is_exact else variable.lower())
            if name is not None:
                self.machine.note_guess()
                return Known(self.files[name], self.span, frozenset({name}))
        return None

    def _decoded(self, field: ModelField, value: Value) -> Value:
        """Return the value of a variable; that of a container or a model is JSON."""
        return read_json(self.machine, value, self.span) if is_complex(field.form) else value

    # Settings in settings ---------------------------------------------------------------------------

    def _nested(self, field: ModelField, default: Value | None, depth: int) -> Value | None:
        """Return a model whose fields have variables of their own, such as `DB__HOST`.

        The result is None if only the default counts.
        """
        delimiter = self.options.text("env_nested_delimiter")
        of = model_in(field.form)
        if not delimiter or of is None or depth > _DEEPEST:
            return None
        inner = self._inner_fields(field, of, delimiter)
        is_set = any(self._is_set(each, delimiter) for each in inner)
        whole = default.value if isinstance(default, Known) else None
        instance = whole if isinstance(whole, InstanceValue) and not is_set else None
        if instance is None and default is not None and not is_set:
            return None  # the default is no object of a known class
        keywords = DictValue()
        for each in inner:
            kept = instance.names.get(each.name) if instance is not None else each.default
            value = self.value(each, kept, depth + 1)
            if value is None and instance is not None:
                value = kept
            if value is None and each.default is None and each.factory is None:
                value = self.missing(each)
            if value is not None:
                key = each.keys[0]
                keywords.entries[key] = (Known(key, self.span), value)
        return make(self.machine, of, keywords, self.span)

    def _inner_fields(self, field: ModelField, of: ClassValue, delimiter: str) -> list[ModelField]:
        """Return the fields of a nested model, with the variables that the outer settings read."""
        options = options_of(self.machine, of)
        return [
            replace(
                each,
                variables=tuple(
                    f"{outer}{delimiter}{key}" for outer in field.variables for key in each.keys
                ),
            )
            for each in fields_of(self.machine, of, options)
        ]

    def _is_set(self, field: ModelField, delimiter: str) -> bool:
        """Return whether a variable of a field, or of a field in it, is set."""
        if self._assigned(field) is not None or self._present(field) is not None:
            return True
        if self._in_files(field) is not None:
            return True
        of = model_in(field.form)
        if of is None or len(field.variables[0].split(delimiter)) > _DEEPEST:
            return False
        return any(self._is_set(e, delimiter) for e in self._inner_fields(field, of, delimiter))


def _text_of(default: Value | None) -> Known | None:
    """Return a default that is a text or None; None for another one."""
    if isinstance(default, Known) and isinstance(default.value, SecretText):
        default = default.value.text
    if isinstance(default, Known) and (default.value is None or isinstance(default.value, str)):
        return default
    return None


# Files of variables -----------------------------------------------------------------------------------


def _path_of(named: object) -> str | None:
    """Return the path of a file of variables, relative to the root; None if there is none to read."""
    inside = named.value if isinstance(named, Known) else named
    if isinstance(inside, ProjectPath):
        return inside.path
    if isinstance(inside, str) and inside and not posixpath.isabs(inside):
        return posixpath.normpath(inside)
    return None


def _variables_in(machine: Machine, path: str | None) -> dict[str, str]:
    """Return the variables that a file sets, and note that the file was read."""
    if path is None or path == _ENV_FILE or path.startswith(".."):
        return {}
    machine.files.add(path)
    if machine.project.presence(path) is Presence.ABSENT:
        return {}
    try:
        return parse_env_file(machine.project.read(path).decode("utf-8")).variables
    except (OSError, UnicodeDecodeError):
        return {}
