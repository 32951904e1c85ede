"""Find which names of a module other modules import or use."""

from __future__ import annotations

from flashc_ir.program import Program


def users_of_names(program: Program) -> dict[str, set[str]]:
    """Return, by dotted name, the modules that import the name from another module or refer to it.

    A use of `pkg.module.name.attribute` counts as a use of `pkg.module.name` and `pkg.module` too.
    """
    users: dict[str, set[str]] = {}
    for module in program.modules:
        for item in module.imports:
            for name in item.names or ():
                users.setdefault(f"{item.module}.{name.name}", set()).add(module.name)
        for reference in module.references:
            parts = reference.target.split(".")
            for length in range(2, len(parts) + 1):
                users.setdefault(".".join(parts[:length]), set()).add(module.name)
    return users
