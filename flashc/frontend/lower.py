"""Endpoints as the program defines them -> endpoints of the IR, each rule of their shape checked."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass

from flashc.evaluator.declarations import EndpointValue, RouteTarget
from flashc.evaluator.functions import span_of
from flashc.evaluator.objects import (
    Argument,
    ClassValue,
    FunctionValue,
    is_none,
)
from flashc.evaluator.values import Known, Symbolic, Unknown, Value
from flashc_core import rules
from flashc_core.diagnostics import Fix, Label, Safety
from flashc_core.encoding import printable
from flashc_core.source import Edit, Span
from flashc_core.suggest import did_you_mean, nearest
from flashc_ir.endpoints import (
    Configuration,
    Construction,
    Endpoint,
    ExistingEndpoint,
    Function,
    ImageEndpoint,
    LoadBalanced,
    ParameterKind,
    Provenance,
    QueueClass,
    QueueFunction,
    Route,
)

from .decode import Reader
from .flash.semantics import is_client
from .schema import PARAMETERS, read_configuration
from .signatures import constructor_requires, lower_function, public_methods

RESERVED_PATHS = frozenset({"/ping", "/execute"})
_SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


def resource_name(name: str) -> str:
    """The name of an endpoint everywhere outside the program: in file names, URLs and headers.

    Law: injective, and the identity for names of at most 128 letters, digits, `_` and `-`.  Others get
    a digest, so that two of them never become one.
    """
    if _SAFE_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:40] or "endpoint"
    return f"{readable}-{digest}"


def lower_endpoints(reader: Reader, found: list[EndpointValue]) -> tuple[Endpoint, ...]:
    """The endpoints of a program in the order of their definition."""
    sites = Counter(value.text for value in found)
    lowered = [_Lowering(reader, value, sites[value.text] == 1).endpoint() for value in found]
    return tuple(endpoint for endpoint in lowered if endpoint is not None)


@dataclass(frozen=True, eq=False)
class _Lowering:
    reader: Reader
    value: EndpointValue
    alone: bool  # no other endpoint comes from the same call

    def endpoint(self) -> Endpoint | None:
        if not self.checked():
            return None
        if is_client(self.value):
            return self.client()
        targets, routes = self.value.targets, self.value.routes
        if targets and routes:
            self.reader.sink.report(
                rules.MIXED_ENDPOINT,
                routes[0].span,
                "the endpoint has a route and decorates a function directly",
                secondary=(Label(targets[0].span, "queue-based by this"),),
                help=("use one endpoint for the queue and another for the routes",),
            )
            return None
        if targets:
            return self.queue()
        if routes:
            return self.load_balanced()
        self.reader.sink.report(
            rules.UNUSED_ENDPOINT,
            self.value.span,
            "this endpoint runs nothing, so it is not deployed",
            help=("put it on a function as a decorator, or remove it",),
        )
        return None

    def checked(self) -> bool:
        """Report what is wrong with the constructor's call as a whole."""
        for problem in self.value.problems:
            self.reader.unknown("this endpoint", self.value.span, problem)
        for name, argument in self.value.arguments.items():
            if name not in PARAMETERS:
                self.reader.sink.report(
                    rules.UNKNOWN_PARAMETER,
                    argument.span,
                    f"`Endpoint` has no parameter `{name}`",
                    help=did_you_mean(name, PARAMETERS),
                    fix=self._renamed(argument, nearest(name, PARAMETERS)),
                )
        condition = self.value.condition
        if condition is not None:
            self.reader.unknown("whether this endpoint exists", self.value.span, condition)
        image, known_id = self.given("image"), self.given("id")
        if image is not None and known_id is not None:
            self.reader.sink.report(
                rules.ID_AND_IMAGE,
                image.span,
                "`id` and `image` exclude each other",
                secondary=(Label(known_id.span, "an existing endpoint by this"),),
                help=("`id` connects to an endpoint, `image` deploys one: keep one of the two",),
            )
            return False
        return condition is None and not self.value.problems

    def _renamed(self, argument: Argument, name: str | None) -> Fix | None:
        if name is None or name in self.value.arguments or argument.keyword is None:
            return None
        return Fix(f"write `{name}`", (Edit(argument.keyword, name),), Safety.UNSAFE)

    def given(self, name: str) -> Argument | None:
        argument = self.value.arguments.get(name)
        return None if argument is None or is_none(argument.value) else argument

    def construction(self) -> Construction:
        binds = ":=" in self.reader.machine.text_at(self.value.text)
        text = self.value.text if self.alone and not binds else None
        provenance = tuple(
            Provenance(printable(name), argument.span, argument.value.origin)
            for name, argument in sorted(self.value.arguments.items())
        )
        return Construction(
            module=self.value.module,
            span=self.value.span,
            arguments=text,
            provenance=provenance,
            traced=self.value.traced,
        )

    # Names ---------------------------------------------------------------------------------------

    def name(self, fallback: str | None, needed_by: str) -> str | None:
        """The endpoint's name; `fallback` is that of the decorated function."""
        argument = self.given("name")
        if argument is None:
            if fallback is None:
                self.reader.sink.report(
                    rules.MISSING_NAME,
                    self.value.span,
                    f"{needed_by} needs a name",
                    help=('write `Endpoint(name="...", ...)`',),
                )
            return fallback
        value = self._settled(argument.value)
        if isinstance(value, Unknown):
            self.reader.unknown("the endpoint's name", argument.span, value, rules.DYNAMIC_NAME)
            return None
        name = self.reader.text(argument, "`name`")
        if name == "":
            self.reader.sink.report(rules.MISSING_NAME, argument.span, "the name is empty")
            return None
        if name is not None and resource_name(name) != name:
            self.reader.sink.report(
                rules.RENAMED_RESOURCE,
                argument.span,
                f"the endpoint is deployed as `{resource_name(name)}`",
                notes=("a worker finds its code by a file of that name",),
                help=("use at most 128 letters, digits, `-` and `_`",),
            )
        return name

    def _settled(self, value: Value) -> Value:
        return self.reader.machine.read(value) if isinstance(value, Symbolic) else value

    # Kinds ---------------------------------------------------------------------------------------

    def client(self) -> Endpoint | None:
        used = [t.span for t in self.value.targets] + [r.span for r in self.value.routes]
        if used:
            mode = "id" if self.given("id") is not None else "image"
            self.reader.sink.report(
                rules.CLIENT_AS_DECORATOR,
                used[0],
                f"`Endpoint({mode}=...)` is a client and runs no code of yours",
                secondary=(Label(self.value.span, "the client"),),
                help=("use `Endpoint(name=...)` for your own functions",),
            )
            return None
        known_id = self.given("id")
        if known_id is not None:
            return ExistingEndpoint(self._id(known_id), self.value.variable, self.construction())
        name = self.name(None, "an endpoint with an image")
        image = self.given("image")
        text = None if image is None else self.reader.text(image, "`image`")
        configuration = self.configuration(load_balanced=False)
        if name is None or text is None:
            return None
        return ImageEndpoint(
            name=name,
            resource=resource_name(name),
            image=text,
            variable=self.value.variable,
            configuration=configuration,
            construction=self.construction(),
        )

    @staticmethod
    def _id(argument: Argument) -> str | None:
        value = argument.value
        return value.value if isinstance(value, Known) and isinstance(value.value, str) else None

    def configuration(self, *, load_balanced: bool) -> Configuration:
        return read_configuration(self.reader, self.value, load_balanced=load_balanced)

    def queue(self) -> Endpoint | None:
        first, *others = self.value.targets
        for other in others:
            self.reader.sink.report(
                rules.SECOND_FUNCTION,
                other.span,
                f"this endpoint already runs `{first.value.name}`",
                secondary=(Label(first.span, "the first function"),),
                help=("give each function an endpoint of its own",),
            )
        if first.condition is not None:
            self.reader.unknown("whether this endpoint exists", first.span, first.condition)
            return None
        name = self.name(first.value.name, "a queue-based endpoint")
        configuration = self.configuration(load_balanced=False)
        if isinstance(first.value, ClassValue):
            methods = self.methods(first.value)
        else:
            methods = None
        if name is None or others:
            return None
        if isinstance(first.value, FunctionValue):
            return QueueFunction(
                name=name,
                resource=resource_name(name),
                function=lower_function(first.value),
                module=first.module,
                configuration=configuration,
                construction=self.construction(),
                variable=self.value.variable,
                outermost=first.outermost,
            )
        if methods is None:
            return None
        return self.queue_class(
            name, first.value, methods, configuration, first.module, first.outermost
        )

    def queue_class(
        self,
        name: str,
        value: ClassValue,
        methods: tuple[Function, ...],
        configuration: Configuration,
        module: str,
        outermost: bool,
    ) -> QueueClass:
        from flashc.syntax.walk import docstring

        return QueueClass(
            name=name,
            resource=resource_name(name),
            class_name=value.name,
            module=module,
            qualname=value.qualname,
            docstring=docstring(value.node.body),
            methods=methods,
            configuration=configuration,
            construction=self.construction(),
            span=value.frame.syntax.span(value.node.name),
            variable=self.value.variable,
            outermost=outermost,
            open_bases=value.has_open_bases(),
        )

    def methods(self, value: ClassValue) -> tuple[Function, ...] | None:
        span = value.frame.syntax.span(value.node.name)
        required = constructor_requires(value)
        if required:
            names = ", ".join(f"`{parameter.name}`" for parameter in required)
            self.reader.sink.report(
                rules.CONSTRUCTOR_ARGUMENTS,
                required[0].span,
                f"a worker builds `{value.name}()` without arguments; {names} would be missing",
                secondary=(Label(span, "the endpoint's class"),),
                help=("give the parameter a default, or read it from an environment variable",),
            )
            return None
        methods = public_methods(value)
        if not methods and not value.has_open_bases():
            self.reader.sink.report(
                rules.CLASS_WITHOUT_METHODS,
                span,
                f"`{value.name}` has no public method that a job could call",
                help=("add a method whose name does not start with `_`",),
            )
            return None
        return methods

    def load_balanced(self) -> LoadBalanced | None:
        name = self.name(None, "a load-balanced endpoint")
        configuration = self.configuration(load_balanced=True)
        routes: list[Route] = []
        for target in self.value.routes:
            route = self.route(target)
            if route is None:
                continue
            twin = next((other for other in routes if other.key == route.key), None)
            if twin is not None:
                self.reader.sink.report(
                    rules.DUPLICATE_ROUTE,
                    route.span,
                    f"the endpoint has `{route.key}` twice",
                    secondary=(Label(twin.span, f"`{twin.function.name}` serves it already"),),
                    help=("give one of the two another method or path",),
                )
            else:
                routes.append(route)
        if name is None or not routes:
            return None
        return LoadBalanced(
            name=name,
            resource=resource_name(name),
            variable=self.value.variable,
            routes=tuple(routes),
            configuration=configuration,
            construction=self.construction(),
        )

    def route(self, target: RouteTarget) -> Route | None:
        if target.condition is not None:
            self.reader.unknown("whether this route exists", target.span, target.condition)
            return None
        path = self.reader.text(Argument(target.path, target.span), "a route's path")
        if path is None:
            return None
        function = lower_function(target.value)
        if not path.startswith("/"):
            self.reader.sink.report(
                rules.PATH_WITHOUT_SLASH,
                target.span,
                f"the path `{path}` does not start with `/`",
                help=(f'write `"/{path}"`',),
                fix=self.reader.ending(target.path.origin, path, f"/{path}", Safety.SAFE),
            )
            return None
        if path in RESERVED_PATHS:
            self.reader.sink.report(
                rules.RESERVED_PATH,
                target.span,
                f"`{path}` is the platform's own",
                help=("choose another path",),
            )
            return None
        self._check_path_parameters(path, function, target.span, span_of(target.value))
        return Route(
            method=target.method,
            path=path,
            function=function,
            module=target.module,
            span=target.span,
            outermost=target.outermost,
        )

    def _check_path_parameters(
        self, path: str, function: Function, place: Span, defined: Span
    ) -> None:
        if any(p.kind is ParameterKind.VAR_KEYWORD for p in function.parameters):
            return
        names = {p.name for p in function.parameters if p.kind is not ParameterKind.VAR_POSITIONAL}
        for name in re.findall(r"\{([^}:]*)(?::[^}]*)?\}", path):
            if name not in names:
                self.reader.sink.report(
                    rules.PATH_PARAMETER,
                    place,
                    f"the path has `{{{name}}}`, but `{function.name}` has no parameter `{name}`",
                    secondary=(Label(defined, "the function"),),
                    help=(f"add the parameter `{name}`, or take it out of the path",),
                )
