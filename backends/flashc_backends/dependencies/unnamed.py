"""Find the names of the distributions in git repositories that requirements name only by their URLs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import structs
from packaging.requirements import Requirement

from flashc_backends.base import DependencyContext
from flashc_core.temporary import temporary_folder
from flashc_ir.endpoints import CodeEndpoint
from flashc_ir.program import Program
from flashc_ir.requirements import Dependency, GitSource

from .indexes import index_access
from .lock import Lock
from .resolution import read_lock

_Key = tuple[str, str]  # the URL of a repository, and the folder of the package in it


def with_names(program: Program, context: DependencyContext) -> Program:
    """Return a program in which the requirement of each repository has the name of its distribution.

    The name is the one in `flash.lock`, if the lock has the repository; else the repository is read.

    Raises:
        DependencyError: a repository can't be read, or has no package; the finding is already
            reported.
    """
    unnamed = [d for d in _dependencies(program) if d.is_unnamed]
    if not unnamed or context.options.no_install:
        return program
    names = _locked_names(context)
    missing = [d for d in unnamed if _key(d) not in names]
    names |= _names_in_repositories(missing, program, context)
    return _renamed(program, lambda each: _named(each, names[_key(each)]))


def _dependencies(program: Program) -> Iterable[Dependency]:
    """Yield the requirements of the app and of its endpoints."""
    yield from program.requirements
    for endpoint in program.code_endpoints:
        yield from endpoint.configuration.dependencies


def _key(dependency: Dependency) -> _Key:
    """Return what tells a repository, and a package in it, from others."""
    assert isinstance(dependency.source, GitSource)
    return dependency.source.url, dependency.source.subdirectory


def _locked_names(context: DependencyContext) -> dict[_Key, str]:
    """Return the names of the distributions whose repositories are in `flash.lock`."""
    lock = read_lock(context)
    entries = lock.entries if isinstance(lock, Lock) else ()
    return {
        (entry.source.url, entry.source.subdirectory): entry.name
        for entry in entries
        if isinstance(entry.source, GitSource)
    }


def _names_in_repositories(
    dependencies: Iterable[Dependency], program: Program, context: DependencyContext
) -> dict[_Key, str]:
    """Return the names of the distributions that repositories have.

    Raises:
        DependencyError: a repository can't be read, or has no package; the finding is already
            reported.
    """
    found: dict[_Key, str] = {}
    project, sink = context.project, context.services.sink
    access = index_access(program.resolver, {}, project.root, project.environment, sink)
    with temporary_folder("names") as folder:
        from .local_wheels import WheelMaker  # few apps have such requirements

        maker = WheelMaker(
            context=context,
            access=access,
            scratch=folder,
            sourced=frozenset(),
            python_version=program.python_version,
        )
        for each in dependencies:
            assert isinstance(each.source, GitSource)
            if _key(each) not in found:
                found[_key(each)] = maker.name_of(each.source, each.span)
    return found


def _named(dependency: Dependency, name: str) -> Dependency:
    """Return a requirement with the name of its distribution."""
    requirement = Requirement(dependency.requirement)
    requirement.name = name
    return structs.replace(dependency, name=name, requirement=str(requirement), is_unnamed=False)


def _renamed(program: Program, named: Callable[[Dependency], Dependency]) -> Program:
    """Return a program whose requirements without a name are replaced by `named` ones."""

    def all_of(dependencies: tuple[Dependency, ...]) -> tuple[Dependency, ...]:
        return tuple(named(each) if each.is_unnamed else each for each in dependencies)

    endpoints = tuple(
        structs.replace(
            endpoint,
            configuration=structs.replace(
                endpoint.configuration, dependencies=all_of(endpoint.configuration.dependencies)
            ),
        )
        if isinstance(endpoint, CodeEndpoint)
        else endpoint
        for endpoint in program.endpoints
    )
    return structs.replace(program, requirements=all_of(program.requirements), endpoints=endpoints)
