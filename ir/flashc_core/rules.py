"""The catalogue: every kind of finding that flashc can report, one constant each.

The first digit is the stage: 0 reading and syntax, 1 recognising endpoints and their constants, 2 names,
routes and the program's shape, 3 calls, imports and dependencies, 4 the artifact, 9 flashc itself.  A code
is never reused.  Each has a page in `flashc/report/rules/`, whose example a test compiles.
"""

from __future__ import annotations

from .diagnostics import Rule, Severity

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

# 0: reading and syntax
SYNTAX_ERROR = Rule(
    code="FC001",
    name="syntax-error",
    summary="a module is not valid Python",
    severity=_ERROR,
    suppressible=False,
)
UNDECODABLE_SOURCE = Rule(
    code="FC002",
    name="undecodable-source",
    summary="a module is not text in its declared encoding",
    severity=_ERROR,
    suppressible=False,
)
UNREADABLE_FILE = Rule(
    code="FC003",
    name="unreadable-file",
    summary="a project file can't be read",
    severity=_ERROR,
    suppressible=False,
)
SYMLINK_OUTSIDE = Rule(
    code="FC004",
    name="symlink-outside-project",
    summary="a symbolic link leaves the project",
    severity=_ERROR,
    suppressible=False,
)
MODULE_TOO_LARGE = Rule(
    code="FC005",
    name="module-too-large",
    summary="a module is too large to be analysed",
    severity=_ERROR,
    suppressible=False,
)
NO_ENDPOINTS = Rule(
    code="FC006", name="no-endpoints", summary="the project declares no endpoint", severity=_WARNING
)
AMBIGUOUS_MODULE = Rule(
    code="FC007",
    name="ambiguous-module",
    summary="two files are the same module to Python",
    severity=_WARNING,
)
INVALID_CONFIGURATION = Rule(
    code="FC008",
    name="invalid-configuration",
    summary="pyproject.toml can't be used",
    severity=_ERROR,
    suppressible=False,
)

# 1: recognising endpoints, evaluating constants
TRACE_FAILED = Rule(
    code="FC132",
    name="trace-failed",
    summary="tracing could not tell what a module defines",
    severity=_ERROR,
    suppressible=False,
)
TRACED_MODULE = Rule(
    code="FC133",
    name="traced-module",
    summary="a module's endpoints are known by running its code",
    severity=_WARNING,
)
GPUS_OF_UNEQUAL_MEMORY = Rule(
    code="FC130",
    name="gpus-of-unequal-memory",
    summary="a list of GPUs holds some with far less memory than others",
    severity=_WARNING,
)
MISSING_WORKER_VARIABLE = Rule(
    code="FC131",
    name="missing-worker-variable",
    summary="a worker reads a variable that nothing gives it",
    severity=_WARNING,
)
UNKNOWN_PARAMETER = Rule(
    code="FC101",
    name="unknown-parameter",
    summary="Endpoint has no parameter of this name",
    severity=_ERROR,
    suppressible=False,
)
INVALID_VALUE = Rule(
    code="FC102",
    name="invalid-value",
    summary="a value has a type that its parameter does not take",
    severity=_ERROR,
    suppressible=False,
)
UNKNOWN_VALUE = Rule(
    code="FC103",
    name="unknown-value",
    summary="a value that must be known when building can't be known",
    severity=_ERROR,
    suppressible=False,
)
DYNAMIC_NAME = Rule(
    code="FC104",
    name="dynamic-endpoint-name",
    summary="an endpoint's name can't be known when building",
    severity=_ERROR,
    suppressible=False,
)
GPU_AND_CPU = Rule(
    code="FC105",
    name="gpu-and-cpu",
    summary="an endpoint asks for GPU and CPU",
    severity=_ERROR,
    suppressible=False,
)
ID_AND_IMAGE = Rule(
    code="FC106",
    name="id-and-image",
    summary="an endpoint has both id and image",
    severity=_ERROR,
    suppressible=False,
)
MISSING_NAME = Rule(
    code="FC107",
    name="missing-endpoint-name",
    summary="an endpoint needs a name",
    severity=_ERROR,
    suppressible=False,
)
OUT_OF_RANGE = Rule(
    code="FC108",
    name="value-out-of-range",
    summary="a number is outside its range",
    severity=_ERROR,
    suppressible=False,
)
UNKNOWN_MEMBER = Rule(
    code="FC109",
    name="unknown-enum-member",
    summary="an enum of the SDK has no such member",
    severity=_ERROR,
    suppressible=False,
)
UNLISTED_DATACENTER = Rule(
    code="FC110",
    name="unlisted-datacenter",
    summary="the SDK does not list this data centre",
    severity=_WARNING,
)
CLIENT_AS_DECORATOR = Rule(
    code="FC111",
    name="client-as-decorator",
    summary="a client endpoint is used as a decorator",
    severity=_ERROR,
    suppressible=False,
)
UNSUPPORTED_DIALECT = Rule(
    code="FC112",
    name="unsupported-dialect",
    summary="the module uses another dialect of Flash",
    severity=_ERROR,
    suppressible=False,
)
UNKNOWN_SDK_NAME = Rule(
    code="FC113",
    name="unknown-sdk-name",
    summary="the runtime offers no such name of the SDK to workers",
    severity=_WARNING,
)
INVALID_REQUIREMENT = Rule(
    code="FC114",
    name="invalid-requirement",
    summary="a dependency is not a PEP 508 requirement",
    severity=_ERROR,
    suppressible=False,
)
LB_QUEUE_DELAY = Rule(
    code="FC115",
    name="queue-delay-on-load-balancer",
    summary="a load balancer can't scale on queue delay",
    severity=_ERROR,
    suppressible=False,
)
CPU_DATACENTER = Rule(
    code="FC116",
    name="cpu-outside-its-datacenter",
    summary="CPU workers exist in one data centre only",
    severity=_ERROR,
    suppressible=False,
)
DISK_OVER_LIMIT = Rule(
    code="FC117",
    name="disk-over-limit",
    summary="the container disk is larger than the instance allows",
    severity=_ERROR,
    suppressible=False,
)
VOLUME_ELSEWHERE = Rule(
    code="FC118",
    name="volume-elsewhere",
    summary="a volume lies outside the endpoint's data centres",
    severity=_ERROR,
    suppressible=False,
)
VOLUMES_SHARE_DATACENTER = Rule(
    code="FC119",
    name="volumes-share-datacenter",
    summary="two volumes lie in one data centre",
    severity=_ERROR,
    suppressible=False,
)
ENDPOINT_IN_FUNCTION = Rule(
    code="FC120",
    name="endpoint-in-function",
    summary="an endpoint inside a function is never deployed",
    severity=_WARNING,
)
PYTHON_CONFLICT = Rule(
    code="FC121",
    name="python-version-conflict",
    summary="endpoints declare different Python versions",
    severity=_ERROR,
    suppressible=False,
)
UNSUPPORTED_PYTHON = Rule(
    code="FC122",
    name="unsupported-python-version",
    summary="no worker image has this Python version",
    severity=_ERROR,
    suppressible=False,
)
MISSING_VARIABLE = Rule(
    code="FC123",
    name="missing-build-variable",
    summary="an environment variable needed to build is not set",
    severity=_ERROR,
    suppressible=False,
)
UNUSED_ENDPOINT = Rule(
    code="FC124",
    name="unused-endpoint",
    summary="an endpoint object runs no function and has no route",
    severity=_WARNING,
)
COMPUTED_ENVIRONMENT = Rule(
    code="FC125",
    name="computed-environment-value",
    summary="a worker's variable is computed from the environment when building",
    severity=_ERROR,
    suppressible=False,
)
EVALUATION_STOPPED = Rule(
    code="FC126",
    name="evaluation-stopped",
    summary="importing a module computes more than flashc follows",
    severity=_WARNING,
)
RAISES_AT_IMPORT = Rule(
    code="FC127",
    name="raises-at-import",
    summary="importing a worker's module raises an exception",
    severity=_ERROR,
    suppressible=False,
)
ANNOTATION_IN_MATCH = Rule(
    code="FC134",
    name="annotation-in-match",
    summary="an annotation inside `match` raises NameError on the workers' Python",
    severity=_WARNING,
)
SECRET_LITERAL = Rule(
    code="FC128",
    name="secret-literal",
    summary="a variable's value looks like a credential",
    severity=_WARNING,
)
VOLUME_DEFAULT_PLACE = Rule(
    code="FC129",
    name="volume-in-default-place",
    summary="an existing volume is looked for in the default place",
    severity=_WARNING,
)

# 2: names, routes, the program's shape
DUPLICATE_ENDPOINT = Rule(
    code="FC201",
    name="duplicate-endpoint-name",
    summary="two endpoints have one name",
    severity=_ERROR,
    suppressible=False,
)
SECOND_FUNCTION = Rule(
    code="FC202",
    name="second-function-on-endpoint",
    summary="a queue-based endpoint has two functions",
    severity=_ERROR,
    suppressible=False,
)
DUPLICATE_ROUTE = Rule(
    code="FC203",
    name="duplicate-route",
    summary="an endpoint has a route twice",
    severity=_ERROR,
    suppressible=False,
)
RESERVED_PATH = Rule(
    code="FC204",
    name="reserved-path",
    summary="the platform uses this path itself",
    severity=_ERROR,
    suppressible=False,
)
PATH_WITHOUT_SLASH = Rule(
    code="FC205",
    name="path-without-slash",
    summary="a route's path does not start with a slash",
    severity=_ERROR,
    suppressible=False,
)
PATH_PARAMETER = Rule(
    code="FC206",
    name="path-parameter-mismatch",
    summary="a path parameter is no parameter of the function",
    severity=_ERROR,
    suppressible=False,
)
MIXED_ENDPOINT = Rule(
    code="FC207",
    name="mixed-endpoint",
    summary="an endpoint is queue-based and load-balanced at once",
    severity=_ERROR,
    suppressible=False,
)
RENAMED_RESOURCE = Rule(
    code="FC208",
    name="renamed-resource",
    summary="an endpoint's name can't be a file name and is changed",
    severity=_WARNING,
)
NO_ROUTE_TO_POLL = Rule(
    code="FC212",
    name="no-route-to-poll",
    summary="a load balancer that sleeps has no route that a client could poll",
    severity=_WARNING,
)
CLASS_WITHOUT_METHODS = Rule(
    code="FC210",
    name="class-without-methods",
    summary="a class endpoint has no public method",
    severity=_ERROR,
    suppressible=False,
)
CONSTRUCTOR_ARGUMENTS = Rule(
    code="FC211",
    name="constructor-needs-arguments",
    summary="a class endpoint can't be built without arguments",
    severity=_ERROR,
    suppressible=False,
)

# 3: calls, imports, dependencies
IMPORT_LEAVES_PROJECT = Rule(
    code="FC301",
    name="import-leaves-project",
    summary="a relative import leaves the project",
    severity=_ERROR,
    suppressible=False,
)
IMPORT_OF_IGNORED = Rule(
    code="FC302",
    name="import-of-ignored-module",
    summary="an imported module is kept out by an ignore rule",
    severity=_ERROR,
    suppressible=False,
)
CIRCULAR_IMPORT = Rule(
    code="FC303",
    name="circular-import",
    summary="modules import each other at the top",
    severity=_WARNING,
)
UNRESOLVED_IMPORT = Rule(
    code="FC304",
    name="unresolved-import",
    summary="a module of the project does not exist",
    severity=_ERROR,
    suppressible=False,
)
IMPORT_BESIDE_FILE = Rule(
    code="FC305",
    name="import-beside-file",
    summary="a module is importable from its own folder only",
    severity=_ERROR,
    suppressible=False,
)
COMPUTED_IMPORT = Rule(
    code="FC306",
    name="computed-import",
    summary="the name of an imported module can't be known",
    severity=_WARNING,
)
MISSING_ARGUMENT = Rule(
    code="FC307",
    name="missing-argument",
    summary="a call to an endpoint lacks an argument",
    severity=_ERROR,
    suppressible=False,
)
UNEXPECTED_ARGUMENT = Rule(
    code="FC308",
    name="unexpected-argument",
    summary="a call to an endpoint has an argument too many",
    severity=_ERROR,
    suppressible=False,
)
UNKNOWN_METHOD = Rule(
    code="FC309",
    name="unknown-method",
    summary="a class endpoint has no such public method",
    severity=_ERROR,
    suppressible=False,
)
ENDPOINT_CYCLE = Rule(
    code="FC310",
    name="endpoint-cycle",
    summary="endpoints call each other in a circle",
    severity=_WARNING,
)
CLASS_ARGUMENTS = Rule(
    code="FC311",
    name="class-endpoint-arguments",
    summary="a class endpoint is built with arguments",
    severity=_ERROR,
    suppressible=False,
)
ARGUMENT_TYPE = Rule(
    code="FC312",
    name="argument-type",
    summary="a literal does not fit the parameter's annotation",
    severity=_ERROR,
)
MISSING_AWAIT = Rule(
    code="FC313",
    name="missing-await",
    summary="a call to an endpoint is not awaited, and its result is lost",
    severity=_ERROR,
)
GENERATOR_CALLED = Rule(
    code="FC314",
    name="generator-called",
    summary="a generator endpoint is called by another endpoint",
    severity=_WARNING,
)
DEADLOCK = Rule(
    code="FC315",
    name="endpoint-deadlock",
    summary="an endpoint with one worker waits for itself",
    severity=_WARNING,
)
TIMEOUT_SHORTER = Rule(
    code="FC316",
    name="timeout-shorter-than-callee",
    summary="a caller is stopped before its callee",
    severity=_WARNING,
)
COLD_CHAIN = Rule(
    code="FC317",
    name="cold-chain",
    summary="a request may wait for more cold starts than it has time for",
    severity=_WARNING,
)
UNDECLARED_PACKAGE = Rule(
    code="FC318",
    name="undeclared-package",
    summary="a module imports a package that nobody asks for",
    severity=_WARNING,
)
MODULE_AS_REQUIREMENT = Rule(
    code="FC319",
    name="module-as-requirement",
    summary="a requirement is the name of a module, not of a package",
    severity=_WARNING,
)
IMPORT_AT_TOP = Rule(
    code="FC320",
    name="import-at-top",
    summary="a worker module imports a package at its top that only functions use",
    severity=_WARNING,
)
UNUSED_DEPENDENCY = Rule(
    code="FC321",
    name="unused-dependency",
    summary="an endpoint asks for a package that nothing imports",
    severity=_WARNING,
)
INSTALL_AT_RUN_TIME = Rule(
    code="FC322",
    name="install-at-run-time",
    summary="a worker installs packages while it runs",
    severity=_WARNING,
)
SHARED_STATE = Rule(
    code="FC323",
    name="shared-state",
    summary="endpoints share a value that each worker has a copy of",
    severity=_WARNING,
)

# 4: the artifact
UNSATISFIABLE = Rule(
    code="FC401",
    name="unsatisfiable-requirements",
    summary="the dependencies can't be resolved",
    severity=_ERROR,
    suppressible=False,
)
NO_WHEEL = Rule(
    code="FC402",
    name="no-wheel",
    summary="a dependency has no wheel for the workers",
    severity=_ERROR,
    suppressible=False,
)
ARTIFACT_TOO_LARGE = Rule(
    code="FC403",
    name="artifact-too-large",
    summary="the artifact is larger than the platform takes",
    severity=_ERROR,
    suppressible=False,
)
WORKER_FILE_COLLISION = Rule(
    code="FC404",
    name="worker-file-collision",
    summary="a file would overwrite one of the worker image",
    severity=_ERROR,
    suppressible=False,
)
GENERATED_FILE_COLLISION = Rule(
    code="FC405",
    name="generated-file-collision",
    summary="a file has the name of one that flashc makes",
    severity=_ERROR,
    suppressible=False,
)
SHADOWED_MODULE = Rule(
    code="FC406",
    name="distribution-shadows-module",
    summary="an installed package and a project module share a name",
    severity=_ERROR,
    suppressible=False,
)
IMAGE_LACKS_PACKAGE = Rule(
    code="FC407",
    name="image-lacks-package",
    summary="a package is never bundled and the image lacks it",
    severity=_WARNING,
)
IMAGE_PIN_MISMATCH = Rule(
    code="FC408",
    name="image-pin-mismatch",
    summary="the image has another version than the one asked for",
    severity=_WARNING,
)
INVALID_REQUIREMENTS_FILE = Rule(
    code="FC409",
    name="invalid-requirements-file",
    summary="a requirements file can't be used",
    severity=_ERROR,
    suppressible=False,
)
RESOLVER_FAILED = Rule(
    code="FC410",
    name="resolver-failed",
    summary="the resolver or installer could not do its work",
    severity=_ERROR,
    suppressible=False,
)
STALE_LOCK = Rule(
    code="FC411",
    name="stale-lock",
    summary="flash.lock does not fit what the app asks for",
    severity=_WARNING,
)
OVER_BUDGET = Rule(
    code="FC414",
    name="over-budget",
    summary="the artifact is larger than the project allows itself",
    severity=_ERROR,
    suppressible=False,
)
BROKEN_ARTIFACT = Rule(
    code="FC413",
    name="broken-artifact",
    summary="an artifact is not what its manifest and its lock promise",
    severity=_ERROR,
    suppressible=False,
)
IMPORT_NOT_IN_ARTIFACT = Rule(
    code="FC415",
    name="import-not-in-artifact",
    summary="a module imports what neither artifact nor image brings",
    severity=_WARNING,
)
LOCK_REFUSED = Rule(
    code="FC412",
    name="lock-refused",
    summary="flash.lock would have to change, and must not",
    severity=_ERROR,
    suppressible=False,
)

# 9: flashc itself
OUTPUT_FAILED = Rule(
    code="FC901",
    name="output-not-written",
    summary="an output file can't be written",
    severity=_ERROR,
    suppressible=False,
)
UNUSED_SUPPRESSION = Rule(
    code="FC902",
    name="unused-suppression",
    summary="a suppression comment hides nothing",
    severity=_WARNING,
)

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (rule for rule in list(globals().values()) if isinstance(rule, Rule)), key=lambda r: r.code
    )
)
BY_CODE: dict[str, Rule] = {rule.code: rule for rule in RULES}
BY_NAME: dict[str, Rule] = {rule.name: rule for rule in RULES}
