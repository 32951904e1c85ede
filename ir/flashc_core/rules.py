"""The catalogue: every kind of finding that flashc can report, one constant each.

The first digit is the stage: 0 reading and syntax, 1 recognising endpoints and their constants, 2 names,
routes and the program's shape, 3 calls, imports and dependencies, 4 the artifact, 9 flashc itself.  A code
is never reused.  Each has a page in `flashc/report/rules/`, whose example a test compiles.
"""

from __future__ import annotations

from .diagnostics import Rule, Severity

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

# 0: reading and syntax
SYNTAX_ERROR = Rule("FC001", "syntax-error", "a module is not valid Python", _ERROR, False)
UNDECODABLE_SOURCE = Rule(
    "FC002", "undecodable-source", "a module is not text in its declared encoding", _ERROR, False
)
UNREADABLE_FILE = Rule("FC003", "unreadable-file", "a project file can't be read", _ERROR, False)
SYMLINK_OUTSIDE = Rule(
    "FC004", "symlink-outside-project", "a symbolic link leaves the project", _ERROR, False
)
MODULE_TOO_LARGE = Rule(
    "FC005", "module-too-large", "a module is too large to be analysed", _ERROR, False
)
NO_ENDPOINTS = Rule("FC006", "no-endpoints", "the project declares no endpoint", _WARNING)
AMBIGUOUS_MODULE = Rule(
    "FC007", "ambiguous-module", "two files are the same module to Python", _WARNING
)
INVALID_CONFIGURATION = Rule(
    "FC008", "invalid-configuration", "pyproject.toml can't be used", _ERROR, False
)

# 1: recognising endpoints, evaluating constants
TRACE_FAILED = Rule(
    "FC132", "trace-failed", "tracing could not tell what a module defines", _ERROR, False
)
TRACED_MODULE = Rule(
    "FC133", "traced-module", "a module's endpoints are known by running its code", _WARNING
)
GPUS_OF_UNEQUAL_MEMORY = Rule(
    "FC130",
    "gpus-of-unequal-memory",
    "a list of GPUs holds some with far less memory than others",
    _WARNING,
)
MISSING_WORKER_VARIABLE = Rule(
    "FC131", "missing-worker-variable", "a worker reads a variable that nothing gives it", _WARNING
)
UNKNOWN_PARAMETER = Rule(
    "FC101", "unknown-parameter", "Endpoint has no parameter of this name", _ERROR, False
)
INVALID_VALUE = Rule(
    "FC102", "invalid-value", "a value has a type that its parameter does not take", _ERROR, False
)
UNKNOWN_VALUE = Rule(
    "FC103",
    "unknown-value",
    "a value that must be known when building can't be known",
    _ERROR,
    False,
)
DYNAMIC_NAME = Rule(
    "FC104",
    "dynamic-endpoint-name",
    "an endpoint's name can't be known when building",
    _ERROR,
    False,
)
GPU_AND_CPU = Rule("FC105", "gpu-and-cpu", "an endpoint asks for GPU and CPU", _ERROR, False)
ID_AND_IMAGE = Rule("FC106", "id-and-image", "an endpoint has both id and image", _ERROR, False)
MISSING_NAME = Rule("FC107", "missing-endpoint-name", "an endpoint needs a name", _ERROR, False)
OUT_OF_RANGE = Rule("FC108", "value-out-of-range", "a number is outside its range", _ERROR, False)
UNKNOWN_MEMBER = Rule(
    "FC109", "unknown-enum-member", "an enum of the SDK has no such member", _ERROR, False
)
UNLISTED_DATACENTER = Rule(
    "FC110", "unlisted-datacenter", "the SDK does not list this data centre", _WARNING
)
CLIENT_AS_DECORATOR = Rule(
    "FC111", "client-as-decorator", "a client endpoint is used as a decorator", _ERROR, False
)
UNSUPPORTED_DIALECT = Rule(
    "FC112", "unsupported-dialect", "the module uses another dialect of Flash", _ERROR, False
)
UNKNOWN_SDK_NAME = Rule(
    "FC113", "unknown-sdk-name", "the runtime offers no such name of the SDK to workers", _WARNING
)
INVALID_REQUIREMENT = Rule(
    "FC114", "invalid-requirement", "a dependency is not a PEP 508 requirement", _ERROR, False
)
LB_QUEUE_DELAY = Rule(
    "FC115",
    "queue-delay-on-load-balancer",
    "a load balancer can't scale on queue delay",
    _ERROR,
    False,
)
CPU_DATACENTER = Rule(
    "FC116",
    "cpu-outside-its-datacenter",
    "CPU workers exist in one data centre only",
    _ERROR,
    False,
)
DISK_OVER_LIMIT = Rule(
    "FC117",
    "disk-over-limit",
    "the container disk is larger than the instance allows",
    _ERROR,
    False,
)
VOLUME_ELSEWHERE = Rule(
    "FC118", "volume-elsewhere", "a volume lies outside the endpoint's data centres", _ERROR, False
)
VOLUMES_SHARE_DATACENTER = Rule(
    "FC119", "volumes-share-datacenter", "two volumes lie in one data centre", _ERROR, False
)
ENDPOINT_IN_FUNCTION = Rule(
    "FC120", "endpoint-in-function", "an endpoint inside a function is never deployed", _WARNING
)
PYTHON_CONFLICT = Rule(
    "FC121", "python-version-conflict", "endpoints declare different Python versions", _ERROR, False
)
UNSUPPORTED_PYTHON = Rule(
    "FC122", "unsupported-python-version", "no worker image has this Python version", _ERROR, False
)
MISSING_VARIABLE = Rule(
    "FC123",
    "missing-build-variable",
    "an environment variable needed to build is not set",
    _ERROR,
    False,
)
UNUSED_ENDPOINT = Rule(
    "FC124", "unused-endpoint", "an endpoint object runs no function and has no route", _WARNING
)
COMPUTED_ENVIRONMENT = Rule(
    "FC125",
    "computed-environment-value",
    "a worker's variable is computed from the environment when building",
    _ERROR,
    False,
)
EVALUATION_STOPPED = Rule(
    "FC126",
    "evaluation-stopped",
    "importing a module computes more than flashc follows",
    _WARNING,
)
RAISES_AT_IMPORT = Rule(
    "FC127", "raises-at-import", "importing a worker's module raises an exception", _ERROR, False
)
SECRET_LITERAL = Rule(
    "FC128", "secret-literal", "a variable's value looks like a credential", _WARNING
)
VOLUME_DEFAULT_PLACE = Rule(
    "FC129",
    "volume-in-default-place",
    "an existing volume is looked for in the default place",
    _WARNING,
)

# 2: names, routes, the program's shape
DUPLICATE_ENDPOINT = Rule(
    "FC201", "duplicate-endpoint-name", "two endpoints have one name", _ERROR, False
)
SECOND_FUNCTION = Rule(
    "FC202",
    "second-function-on-endpoint",
    "a queue-based endpoint has two functions",
    _ERROR,
    False,
)
DUPLICATE_ROUTE = Rule("FC203", "duplicate-route", "an endpoint has a route twice", _ERROR, False)
RESERVED_PATH = Rule("FC204", "reserved-path", "the platform uses this path itself", _ERROR, False)
PATH_WITHOUT_SLASH = Rule(
    "FC205", "path-without-slash", "a route's path does not start with a slash", _ERROR, False
)
PATH_PARAMETER = Rule(
    "FC206",
    "path-parameter-mismatch",
    "a path parameter is no parameter of the function",
    _ERROR,
    False,
)
MIXED_ENDPOINT = Rule(
    "FC207", "mixed-endpoint", "an endpoint is queue-based and load-balanced at once", _ERROR, False
)
RENAMED_RESOURCE = Rule(
    "FC208", "renamed-resource", "an endpoint's name can't be a file name and is changed", _WARNING
)
NO_ROUTE_TO_POLL = Rule(
    "FC212",
    "no-route-to-poll",
    "a load balancer that sleeps has no route that a client could poll",
    _WARNING,
)
CLASS_WITHOUT_METHODS = Rule(
    "FC210", "class-without-methods", "a class endpoint has no public method", _ERROR, False
)
CONSTRUCTOR_ARGUMENTS = Rule(
    "FC211",
    "constructor-needs-arguments",
    "a class endpoint can't be built without arguments",
    _ERROR,
    False,
)

# 3: calls, imports, dependencies
IMPORT_LEAVES_PROJECT = Rule(
    "FC301", "import-leaves-project", "a relative import leaves the project", _ERROR, False
)
IMPORT_OF_IGNORED = Rule(
    "FC302",
    "import-of-ignored-module",
    "an imported module is kept out by an ignore rule",
    _ERROR,
    False,
)
CIRCULAR_IMPORT = Rule("FC303", "circular-import", "modules import each other at the top", _WARNING)
UNRESOLVED_IMPORT = Rule(
    "FC304", "unresolved-import", "a module of the project does not exist", _ERROR, False
)
IMPORT_BESIDE_FILE = Rule(
    "FC305", "import-beside-file", "a module is importable from its own folder only", _ERROR, False
)
COMPUTED_IMPORT = Rule(
    "FC306", "computed-import", "the name of an imported module can't be known", _WARNING
)
MISSING_ARGUMENT = Rule(
    "FC307", "missing-argument", "a call to an endpoint lacks an argument", _ERROR, False
)
UNEXPECTED_ARGUMENT = Rule(
    "FC308", "unexpected-argument", "a call to an endpoint has an argument too many", _ERROR, False
)
UNKNOWN_METHOD = Rule(
    "FC309", "unknown-method", "a class endpoint has no such public method", _ERROR, False
)
ENDPOINT_CYCLE = Rule("FC310", "endpoint-cycle", "endpoints call each other in a circle", _WARNING)
CLASS_ARGUMENTS = Rule(
    "FC311", "class-endpoint-arguments", "a class endpoint is built with arguments", _ERROR, False
)
ARGUMENT_TYPE = Rule(
    "FC312", "argument-type", "a literal does not fit the parameter's annotation", _ERROR
)
MISSING_AWAIT = Rule(
    "FC313", "missing-await", "a call to an endpoint is not awaited, and its result is lost", _ERROR
)
GENERATOR_CALLED = Rule(
    "FC314", "generator-called", "a generator endpoint is called by another endpoint", _WARNING
)
DEADLOCK = Rule(
    "FC315", "endpoint-deadlock", "an endpoint with one worker waits for itself", _WARNING
)
TIMEOUT_SHORTER = Rule(
    "FC316", "timeout-shorter-than-callee", "a caller is stopped before its callee", _WARNING
)
COLD_CHAIN = Rule(
    "FC317", "cold-chain", "a request may wait for more cold starts than it has time for", _WARNING
)
UNDECLARED_PACKAGE = Rule(
    "FC318", "undeclared-package", "a module imports a package that nobody asks for", _WARNING
)
MODULE_AS_REQUIREMENT = Rule(
    "FC319",
    "module-as-requirement",
    "a requirement is the name of a module, not of a package",
    _WARNING,
)
IMPORT_AT_TOP = Rule(
    "FC320",
    "import-at-top",
    "a worker module imports a package at its top that only functions use",
    _WARNING,
)
UNUSED_DEPENDENCY = Rule(
    "FC321", "unused-dependency", "an endpoint asks for a package that nothing imports", _WARNING
)
INSTALL_AT_RUN_TIME = Rule(
    "FC322", "install-at-run-time", "a worker installs packages while it runs", _WARNING
)
SHARED_STATE = Rule(
    "FC323",
    "shared-state",
    "endpoints share a value that each worker has a copy of",
    _WARNING,
)

# 4: the artifact
UNSATISFIABLE = Rule(
    "FC401", "unsatisfiable-requirements", "the dependencies can't be resolved", _ERROR, False
)
NO_WHEEL = Rule("FC402", "no-wheel", "a dependency has no wheel for the workers", _ERROR, False)
ARTIFACT_TOO_LARGE = Rule(
    "FC403", "artifact-too-large", "the artifact is larger than the platform takes", _ERROR, False
)
WORKER_FILE_COLLISION = Rule(
    "FC404",
    "worker-file-collision",
    "a file would overwrite one of the worker image",
    _ERROR,
    False,
)
GENERATED_FILE_COLLISION = Rule(
    "FC405",
    "generated-file-collision",
    "a file has the name of one that flashc makes",
    _ERROR,
    False,
)
SHADOWED_MODULE = Rule(
    "FC406",
    "distribution-shadows-module",
    "an installed package and a project module share a name",
    _ERROR,
    False,
)
IMAGE_LACKS_PACKAGE = Rule(
    "FC407", "image-lacks-package", "a package is never bundled and the image lacks it", _WARNING
)
IMAGE_PIN_MISMATCH = Rule(
    "FC408", "image-pin-mismatch", "the image has another version than the one asked for", _WARNING
)
INVALID_REQUIREMENTS_FILE = Rule(
    "FC409", "invalid-requirements-file", "a requirements file can't be used", _ERROR, False
)
RESOLVER_FAILED = Rule(
    "FC410", "resolver-failed", "the resolver or installer could not do its work", _ERROR, False
)
STALE_LOCK = Rule("FC411", "stale-lock", "flash.lock does not fit what the app asks for", _WARNING)
OVER_BUDGET = Rule(
    "FC414", "over-budget", "the artifact is larger than the project allows itself", _ERROR, False
)
BROKEN_ARTIFACT = Rule(
    "FC413",
    "broken-artifact",
    "an artifact is not what its manifest and its lock promise",
    _ERROR,
    False,
)
IMPORT_NOT_IN_ARTIFACT = Rule(
    "FC415",
    "import-not-in-artifact",
    "a module imports what neither artifact nor image brings",
    _WARNING,
)
LOCK_REFUSED = Rule(
    "FC412", "lock-refused", "flash.lock would have to change, and must not", _ERROR, False
)

# 9: flashc itself
OUTPUT_FAILED = Rule(
    "FC901", "output-not-written", "an output file can't be written", _ERROR, False
)
UNUSED_SUPPRESSION = Rule(
    "FC902", "unused-suppression", "a suppression comment hides nothing", _WARNING
)

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (rule for rule in list(globals().values()) if isinstance(rule, Rule)), key=lambda r: r.code
    )
)
BY_CODE: dict[str, Rule] = {rule.code: rule for rule in RULES}
BY_NAME: dict[str, Rule] = {rule.name: rule for rule in RULES}
