"""Define the rules: one constant for every kind of finding that flashc can report.

The first digit of a code is the area: 0 reading and syntax, 1 recognising endpoints and their
constants, 2 names, routes and the program's shape, 3 calls, imports and dependencies, 4 the
artifact, 5 running the app on this machine, 6 deploying it, 9 flashc itself.  Each rule has a page in
`flashc/report/rules/`, whose example a test compiles.

A code or a name is never used again: a removed rule moves to `REMOVED`.  `scripts/schemas.py`
refuses to write an index that lacks a rule of the previous index.
"""

from __future__ import annotations

from .diagnostics import ExitCode, Phase, Rule, Severity, Status


def _error(
    code: str,
    name: str,
    summary: str,
    *,
    suppressible: bool = False,
    phase: Phase = Phase.CHECK,
    traceable: bool = False,
) -> Rule:
    """Return a rule whose findings stop a build; most of them can't be suppressed."""
    return Rule(
        code=code,
        name=name,
        summary=summary,
        severity=Severity.ERROR,
        suppressible=suppressible,
        phase=phase,
        exit=ExitCode.ERRORS,
        traceable=traceable,
    )


def _failure(code: str, name: str, summary: str, *, phase: Phase = Phase.BUILD) -> Rule:
    """Return a rule for what this machine lacks or can't do: the app may be right."""
    return Rule(
        code=code,
        name=name,
        summary=summary,
        severity=Severity.ERROR,
        suppressible=False,
        phase=phase,
        exit=ExitCode.ENVIRONMENT,
    )


def _warning(code: str, name: str, summary: str, *, phase: Phase = Phase.CHECK) -> Rule:
    """Return a rule whose findings are advice, which a comment can suppress."""
    return Rule(
        code=code,
        name=name,
        summary=summary,
        severity=Severity.WARNING,
        suppressible=True,
        phase=phase,
        exit=ExitCode.SUCCESS,
    )


def _removed(code: str, name: str, why: str) -> Rule:
    """Return a removed rule; `why` completes "it was removed: ..."."""
    return Rule(
        code=code,
        name=name,
        summary=why,
        severity=Severity.ERROR,
        suppressible=False,
        phase=Phase.CHECK,
        exit=ExitCode.SUCCESS,
        status=Status.REMOVED,
    )


# 0: reading and syntax
SYNTAX_ERROR = _error("FC001", "syntax-error", "a module is not valid Python")
UNDECODABLE_SOURCE = _error(
    "FC002", "undecodable-source", "a module is not text in its declared encoding"
)
UNREADABLE_FILE = _error("FC003", "unreadable-file", "a project file can't be read")
SYMLINK_OUTSIDE = _error("FC004", "symlink-outside-project", "a symbolic link leaves the project")
MODULE_TOO_LARGE = _error("FC005", "module-too-large", "a module is too large to be analysed")
NO_ENDPOINTS = _error("FC006", "no-endpoints", "the project declares no endpoint")
AMBIGUOUS_MODULE = _warning("FC007", "ambiguous-module", "two files are the same module to Python")
INVALID_CONFIGURATION = _error("FC008", "invalid-configuration", "pyproject.toml can't be used")
DANGLING_LINK = _warning(
    "FC010", "dangling-link", "a symbolic link leads to nothing, or back to its own folder"
)
CREDENTIALS_FILE = _error("FC009", "credentials-file", "a project file contains credentials")
USERS_OPTION = _warning(
    "FC011", "option-of-the-user", "pyproject.toml sets an option that only the user can set"
)
UNPARSABLE_VARIABLE = _warning(
    "FC012", "unparsable-variable", "a line of .env can't be parsed, and sets no variable"
)

# 1: recognising endpoints, evaluating constants
UNKNOWN_PARAMETER = _error("FC101", "unknown-parameter", "Endpoint has no parameter of this name")
INVALID_VALUE = _error(
    "FC102", "invalid-value", "a value has a type that its parameter does not take"
)
UNKNOWN_VALUE = _error(
    "FC103",
    "unknown-value",
    "flashc can't compute a value that it must know when it builds",
    traceable=True,
)
DYNAMIC_NAME = _error(
    "FC104", "dynamic-endpoint-name", "flashc can't compute the name of an endpoint", traceable=True
)
GPU_AND_CPU = _error("FC105", "gpu-and-cpu", "an endpoint has both `gpu` and `cpu`")
ID_AND_IMAGE = _error("FC106", "id-and-image", "an endpoint has both `id` and `image`")
MISSING_NAME = _error("FC107", "missing-endpoint-name", "an endpoint needs a name")
OUT_OF_RANGE = _error("FC108", "value-out-of-range", "a number is outside its range")
UNKNOWN_MEMBER = _error("FC109", "unknown-enum-member", "an enum of the SDK has no such member")
UNLISTED_DATACENTER = _warning(
    "FC110", "unlisted-datacenter", "the SDK's list does not contain this data centre"
)
CLIENT_AS_DECORATOR = _error(
    "FC111", "client-as-decorator", "a client endpoint is used as a decorator"
)
UNSUPPORTED_DIALECT = _error(
    "FC112", "unsupported-dialect", "the module uses another dialect of Flash"
)
UNKNOWN_SDK_NAME = _warning(
    "FC113", "unknown-sdk-name", "flashc's runtime does not provide this name of the SDK to workers"
)
INVALID_REQUIREMENT = _error(
    "FC114", "invalid-requirement", "a dependency is not a PEP 508 requirement"
)
LB_QUEUE_DELAY = _error(
    "FC115", "queue-delay-on-load-balancer", "a load balancer can't scale on queue delay"
)
CPU_DATACENTER = _error(
    "FC116", "cpu-outside-its-datacenter", "a CPU endpoint names a data centre without CPU workers"
)
DISK_OVER_LIMIT = _error(
    "FC117", "disk-over-limit", "the container disk is larger than the instance allows"
)
VOLUME_ELSEWHERE = _error(
    "FC118", "volume-elsewhere", "a volume is outside the endpoint's data centres"
)
VOLUMES_SHARE_DATACENTER = _error(
    "FC119", "volumes-share-datacenter", "two volumes of an endpoint are in one data centre"
)
ENDPOINT_IN_FUNCTION = _warning(
    "FC120", "endpoint-in-function", "an endpoint inside a function is never deployed"
)
PYTHON_CONFLICT = _error(
    "FC121", "python-version-conflict", "endpoints declare different Python versions"
)
UNSUPPORTED_PYTHON = _error(
    "FC122", "unsupported-python-version", "no worker image has this Python version"
)
MISSING_VARIABLE = _error(
    "FC123", "missing-build-variable", "an environment variable needed to build is not set"
)
UNUSED_ENDPOINT = _warning(
    "FC124", "unused-endpoint", "an endpoint object runs no function and has no route"
)
COMPUTED_ENVIRONMENT = _error(
    "FC125",
    "computed-environment-value",
    "a text is computed from the environment of the build, and can't stay a reference",
)
EVALUATION_STOPPED = _warning(
    "FC126", "evaluation-stopped", "importing a module takes more steps than flashc evaluates"
)
RAISES_AT_IMPORT = _error(
    "FC127", "raises-at-import", "importing a worker's module raises an exception"
)
SECRET_LITERAL = _warning(
    "FC128", "secret-literal", "a file or a text of the artifact contains a credential"
)
VOLUME_DEFAULT_PLACE = _warning(
    "FC129",
    "volume-in-default-place",
    "an existing volume has no data centre, so the default applies",
)
GPUS_OF_UNEQUAL_MEMORY = _warning(
    "FC130",
    "gpus-of-unequal-memory",
    "a list of GPUs contains one with at most half the memory of another",
)
MISSING_WORKER_VARIABLE = _warning(
    "FC131",
    "missing-worker-variable",
    "a worker reads an environment variable that it does not have",
)
TRACE_FAILED = _error(
    "FC132", "trace-failed", "tracing could not find the endpoints of a module", phase=Phase.TRACE
)
TRACED_MODULE = _warning(
    "FC133",
    "traced-module",
    "the endpoints of a module were found by running its code",
    phase=Phase.TRACE,
)
ANNOTATION_IN_MATCH = _warning(
    "FC134",
    "annotation-in-match",
    "an annotation inside `match` raises NameError on the workers' Python",
)
MISSING_SDK_NAME = _error("FC135", "missing-sdk-name", "the SDK has no such name")
COMPUTED_SDK_IMPORT = _error(
    "FC136", "computed-sdk-import", "the program reaches the SDK in a way that flashc does not see"
)
LEGACY_DIALECT = _warning(
    "FC137", "legacy-dialect", "the module declares endpoints with `remote`, the older form"
)
UNLISTED_CUDA = _warning(
    "FC138", "unlisted-cuda-version", "the SDK's list does not contain this version of CUDA"
)

# 2: names, routes, the program's shape
DUPLICATE_ENDPOINT = _error("FC201", "duplicate-endpoint-name", "two endpoints have the same name")
SECOND_FUNCTION = _error(
    "FC202", "second-function-on-endpoint", "a queue-based endpoint has two functions"
)
DUPLICATE_ROUTE = _error(
    "FC203", "duplicate-route", "an endpoint has two routes with the same method and path"
)
RESERVED_PATH = _error("FC204", "reserved-path", "the platform reserves the path of a route")
PATH_WITHOUT_SLASH = _error(
    "FC205", "path-without-slash", "a route's path does not start with a slash"
)
PATH_PARAMETER = _error(
    "FC206", "path-parameter-mismatch", "a path parameter is not a parameter of the function"
)
MIXED_ENDPOINT = _error(
    "FC207", "mixed-endpoint", "an endpoint is both queue-based and load-balanced"
)
RENAMED_RESOURCE = _warning(
    "FC208", "renamed-resource", "an endpoint's name can't be part of a file name and is changed"
)
CLASS_WITHOUT_METHODS = _error(
    "FC210", "class-without-methods", "a class endpoint has no public method"
)
CONSTRUCTOR_ARGUMENTS = _error(
    "FC211", "constructor-needs-arguments", "a class endpoint can't be built without arguments"
)
NO_ROUTE_TO_POLL = _warning(
    "FC212",
    "no-route-to-poll",
    "a load balancer without a running worker has no route that a client could poll",
)
ROUTE_WITHOUT_ARGUMENTS = _warning(
    "FC213", "route-without-arguments", "the parameters of a route are hidden by a decorator"
)
PARAMETER_REFUSED = _error(
    "FC214",
    "parameter-refused",
    "FastAPI refuses a parameter of a route, so the worker can't start",
)

# 3: calls, imports, dependencies
IMPORT_LEAVES_PROJECT = _error(
    "FC301", "import-leaves-project", "an import finds its module outside the project"
)
IMPORT_OF_IGNORED = _error(
    "FC302", "import-of-ignored-module", "an ignore rule excludes an imported module"
)
CIRCULAR_IMPORT = _warning(
    "FC303", "circular-import", "modules import each other at their top level"
)
UNRESOLVED_IMPORT = _error(
    "FC304",
    "unresolved-import",
    "an import names a module, or a name of a module, that the project does not have",
)
IMPORT_BESIDE_FILE = _error(
    "FC305", "import-beside-file", "an import finds its module only from the module's own folder"
)
COMPUTED_IMPORT = _warning(
    "FC306", "computed-import", "the program computes the name of an imported module"
)
MISSING_ARGUMENT = _error("FC307", "missing-argument", "a call to an endpoint lacks an argument")
UNEXPECTED_ARGUMENT = _error(
    "FC308",
    "unexpected-argument",
    "a call to an endpoint has an argument that the function does not accept",
)
UNKNOWN_METHOD = _error("FC309", "unknown-method", "a class endpoint has no such public method")
ENDPOINT_CYCLE = _warning("FC310", "endpoint-cycle", "endpoints call each other in a cycle")
CLASS_ARGUMENTS = _error(
    "FC311", "class-endpoint-arguments", "a class endpoint is created with arguments"
)
ARGUMENT_TYPE = _error(
    "FC312",
    "argument-type",
    "a literal argument does not match the parameter's annotation",
    suppressible=True,
)
MISSING_AWAIT = _error(
    "FC313",
    "missing-await",
    "a call to an endpoint is not awaited, and its result is lost",
    suppressible=True,
)
GENERATOR_CALLED = _warning(
    "FC314", "generator-called", "the call of a generator endpoint is awaited"
)
DEADLOCK = _warning(
    "FC315", "endpoint-deadlock", "an endpoint with one worker is part of a cycle of calls"
)
TIMEOUT_SHORTER = _warning(
    "FC316",
    "timeout-shorter-than-callee",
    "a caller has a shorter time limit than the endpoint that it calls",
)
COLD_CHAIN = _warning(
    "FC317", "cold-chain", "a request may wait for more cold starts than its time limit allows"
)
UNDECLARED_PACKAGE = _warning(
    "FC318", "undeclared-package", "a module imports a package that no requirement lists"
)
MODULE_AS_REQUIREMENT = _warning(
    "FC319", "module-as-requirement", "a requirement is the name of a module, not of a package"
)
IMPORT_AT_TOP = _warning(
    "FC320",
    "import-at-top",
    "a worker module imports at its top level a package that only functions use",
)
UNUSED_DEPENDENCY = _warning(
    "FC321", "unused-dependency", "an endpoint lists a package that no module imports"
)
INSTALL_AT_RUN_TIME = _warning(
    "FC322", "install-at-run-time", "a worker installs packages while it runs"
)
SHARED_STATE = _warning(
    "FC323", "shared-state", "endpoints share a value of which each worker has its own copy"
)
ANNOTATION_WITHOUT_ENCODING = _warning(
    "FC324",
    "annotation-without-encoding",
    "a function of an endpoint takes or returns what JSON can't carry",
)
RESULT_WITHOUT_ENCODING = _warning(
    "FC325",
    "result-without-encoding",
    "a function without an annotation for its result returns what JSON can't carry",
)
UNDEFINED_NAME = _warning("FC328", "undefined-name", "code uses a name that nothing defines")
BLOCKING_CALL = _warning(
    "FC327", "blocking-call", "plain code waits for another endpoint, and its worker with it"
)

# 4: the artifact
UNSATISFIABLE = _error(
    "FC401", "unsatisfiable-requirements", "the dependencies can't be resolved", phase=Phase.BUILD
)
NO_WHEEL = _error(
    "FC402", "no-wheel", "a dependency has no wheel for the workers", phase=Phase.BUILD
)
ARTIFACT_TOO_LARGE = _error(
    "FC403",
    "artifact-too-large",
    "the artifact is larger than the platform allows",
    phase=Phase.BUILD,
)
WORKER_FILE_COLLISION = _error(
    "FC404", "worker-file-collision", "a file would overwrite a module of the worker image"
)
GENERATED_FILE_COLLISION = _error(
    "FC405",
    "generated-file-collision",
    "a file or folder has the name of a file that flashc generates",
)
SHADOWED_MODULE = _error(
    "FC406",
    "distribution-shadows-module",
    "an installed package and a module or file of the project have the same name",
    phase=Phase.BUILD,
)
IMAGE_LACKS_PACKAGE = _warning(
    "FC407", "image-lacks-package", "a package is never bundled, and the image does not contain it"
)
IMAGE_PIN_MISMATCH = _warning(
    "FC408", "image-pin-mismatch", "the image contains another version of a package than required"
)
INVALID_REQUIREMENTS_FILE = _error(
    "FC409", "invalid-requirements-file", "a requirements file can't be used"
)
RESOLVER_FAILED = _failure("FC410", "resolver-failed", "the resolver or the installer failed")
STALE_LOCK = _warning(
    "FC411",
    "stale-lock",
    "flash.lock does not match the requirements of the app",
    phase=Phase.BUILD,
)
LOCK_REFUSED = _error(
    "FC412",
    "lock-refused",
    "flash.lock is missing, out of date or unusable, and --locked is set",
    phase=Phase.BUILD,
)
BROKEN_ARTIFACT = _error(
    "FC413",
    "broken-artifact",
    "an artifact does not match its manifest or its lock",
    phase=Phase.BUILD,
)
OVER_BUDGET = _error(
    "FC414", "over-budget", "the artifact is larger than `size-budget` allows", phase=Phase.BUILD
)
IMPORT_NOT_IN_ARTIFACT = _warning(
    "FC415",
    "import-not-in-artifact",
    "a module imports a package that is neither in the artifact nor in the image",
    phase=Phase.BUILD,
)
UNUSABLE_SOURCE = _error(
    "FC416", "unusable-source", "the file, folder or repository of a requirement can't be used"
)
HASH_MISMATCH = _error(
    "FC417", "hash-mismatch", "a package has another hash than required", phase=Phase.BUILD
)
WORKER_PACKAGE_CONFLICT = _error(
    "FC418",
    "worker-package-conflict",
    "the worker itself can't start with a required version of a package",
)
UNMET_REQUIREMENT = _warning(
    "FC419",
    "unmet-requirement",
    "a bundled package requires another one that workers do not have",
    phase=Phase.BUILD,
)
IMPORT_FAILS_AT_START = _error(
    "FC420",
    "import-fails-at-start",
    "a worker imports a package when it starts, and the import fails",
    phase=Phase.BUILD,
)
UNPARSABLE_PACKAGE = _warning(
    "FC421",
    "unparsable-package",
    "a module imports a package that the workers' Python can't parse",
    phase=Phase.BUILD,
)
BUILT_FROM_SOURCE = _warning(
    "FC422",
    "built-from-source",
    "the build script of a package ran on this machine",
    phase=Phase.BUILD,
)
UNEXPECTED_PACKAGE = _error(
    "FC423",
    "unexpected-package",
    "flash.lock contains a package that the app does not ask for",
    phase=Phase.BUILD,
)

# 5: running the app on this machine
ENGINE_MISSING = _failure(
    "FC501", "engine-missing", "the engine that runs workers is not on this machine"
)
ENGINE_FAILED = _failure("FC502", "engine-failed", "the engine can't start a worker")
NO_INTERPRETER = _failure(
    "FC503", "no-interpreter", "this machine has no Python of the version that the workers need"
)
WORKER_PACKAGES_FAILED = _failure(
    "FC504", "worker-packages-failed", "the packages of the worker image can't be installed"
)
IMAGE_MISSING = _failure(
    "FC505", "image-missing", "an image is not on this machine and can't be had"
)
DISK_FAILED = _failure(
    "FC506", "disk-failed", "a file or folder that running the app needs can't be written"
)
PORT_TAKEN = _failure("FC507", "port-taken", "another program listens on the port")
NEVER_READY = _error(
    "FC508",
    "worker-never-ready",
    "a worker ended before it was ready, did not become ready in time, or the platform refused the app",
    phase=Phase.BUILD,
)
NOTHING_TO_RUN = _error(
    "FC509",
    "nothing-to-run",
    "the app has no endpoint that this machine can run",
    phase=Phase.BUILD,
)

STATE_FAILED = _failure("FC520", "state-failed", "the local platform can't read or write its state")
NO_PLATFORM = _failure("FC521", "no-platform", "no local platform runs on this machine")
PLATFORM_RUNS = _failure(
    "FC522", "platform-runs", "a local platform runs already with the same state"
)
OTLP_MISSING = _failure(
    "FC523", "otlp-missing", "the packages that export traces are not installed"
)
OTLP_URL = _error(
    "FC524", "otlp-url", "the URL of the collector of traces is not one of HTTP", phase=Phase.BUILD
)
WRONG_FAULTS = _error("FC525", "wrong-faults", "a file of faults can't be used", phase=Phase.BUILD)

# 6: deploying
NO_KEY = _failure("FC601", "no-key", "there is no API key", phase=Phase.DEPLOY)
KEY_REFUSED = _failure(
    "FC602", "key-refused", "the platform refuses the API key", phase=Phase.DEPLOY
)
CLOUD_UNREACHABLE = _failure(
    "FC603", "cloud-unreachable", "the platform can't be reached", phase=Phase.DEPLOY
)
CLOUD_FAILED = _failure(
    "FC604", "cloud-failed", "the platform has failed, or does not answer", phase=Phase.DEPLOY
)
API_RETIRED = _failure(
    "FC605", "api-retired", "the platform has retired an API that flashc needs", phase=Phase.DEPLOY
)
CLOUD_REFUSES = _error(
    "FC606", "cloud-refuses", "the platform refuses a name, a value or a quota", phase=Phase.DEPLOY
)
WHICH_ENVIRONMENT = _error(
    "FC607",
    "which-environment",
    "the environment does not exist, or it is not clear which one is meant",
    phase=Phase.DEPLOY,
)
VARIABLE_MISSING = _error(
    "FC608",
    "variable-missing",
    "an endpoint needs an environment variable that is not set",
    phase=Phase.DEPLOY,
)
PLAN_OUTDATED = _error(
    "FC609",
    "plan-outdated",
    "a saved plan does not fit the project or the platform any more",
    phase=Phase.DEPLOY,
)
DEPLOYMENT_RUNS = _failure(
    "FC610",
    "deployment-runs",
    "another deployment changes the same environment",
    phase=Phase.DEPLOY,
)
RELEASE_FAILED = _error(
    "FC611",
    "release-failed",
    "the workers of the new release do not start; the earlier release keeps serving",
    phase=Phase.DEPLOY,
)
NOT_RESTORED = _failure(
    "FC612",
    "not-restored",
    "a deployment failed, and what ran before could not be restored",
    phase=Phase.DEPLOY,
)
RELEASE_LATE = _warning(
    "FC613",
    "release-late",
    "not every worker runs the new release yet, or the platform does not tell",
    phase=Phase.DEPLOY,
)
NOT_CONFIRMED = _error(
    "FC614",
    "not-confirmed",
    "a step that deletes something needs a confirmation",
    phase=Phase.DEPLOY,
)
NOT_DEPLOYED = _error(
    "FC615",
    "not-deployed",
    "there is no such app, endpoint, build or secret on the platform",
    phase=Phase.DEPLOY,
)
NOTHING_TO_PRUNE = _warning(
    "FC625",
    "nothing-to-prune",
    "an endpoint that is to be deleted does not exist",
    phase=Phase.DEPLOY,
)
KEY_FILE_FAILED = _failure(
    "FC616", "key-file-failed", "the file of the API key can't be used", phase=Phase.DEPLOY
)
NO_PLACE = _warning(
    "FC617",
    "no-place",
    "no data centre that an endpoint may use has its hardware now",
    phase=Phase.DEPLOY,
)
NOT_REMOVED = _error(
    "FC620",
    "not-removed",
    "something that was to be deleted is left on the platform",
    phase=Phase.DEPLOY,
)
LOGIN_FAILED = _error(
    "FC621", "login-failed", "the login was refused, or not approved in time", phase=Phase.DEPLOY
)
NAME_TAKEN = _error(
    "FC622", "name-taken", "an app or an environment with this name exists", phase=Phase.DEPLOY
)
SMOKE_MISMATCH = _error(
    "FC630", "smoke-mismatch", "a smoke call does not fit the endpoints of the project"
)
SMOKE_FAILED = _error(
    "FC631",
    "smoke-failed",
    "the new release does not answer a smoke call as it should",
    phase=Phase.DEPLOY,
)
NOTHING_TO_COMPARE = _error(
    "FC640",
    "nothing-to-compare",
    "what a project is to be compared with can't be read",
    phase=Phase.DEPLOY,
)
GIT_FAILED = _failure(
    "FC641", "git-failed", "git can't give an earlier version of the project", phase=Phase.DEPLOY
)

CALL_MISMATCH = _error(
    "FC650",
    "call-mismatch",
    "a call does not fit the endpoints of the project",
    phase=Phase.DEPLOY,
)
CALL_FAILED = _error(
    "FC651", "call-failed", "an endpoint did not answer a call with a result", phase=Phase.DEPLOY
)

STALE_RECORDING = _warning(
    "FC660",
    "stale-recording",
    "a recorded answer does not fit the signature of its function any more",
    phase=Phase.DEPLOY,
)

# 9: flashc itself
OUTPUT_FAILED = _failure("FC901", "output-not-written", "an output file can't be written")
UNUSED_SUPPRESSION = _warning(
    "FC902", "unused-suppression", "a suppression comment suppresses nothing"
)
WOULD_OVERWRITE = _error(
    "FC903", "would-overwrite", "a new project would overwrite files that exist"
)

# The rules that flashc no longer has.  Their codes and names are not used again.
REMOVED: tuple[Rule, ...] = (_removed("FC209", "not-a-function", "no check ever reported it"),)

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (rule for rule in list(globals().values()) if isinstance(rule, Rule)), key=lambda r: r.code
    )
)
BY_CODE: dict[str, Rule] = {rule.code: rule for rule in RULES}
BY_NAME: dict[str, Rule] = {rule.name: rule for rule in RULES}


def find(text: str) -> Rule | None:
    """Return the rule with this code or name; None for a removed or an unknown one."""
    return BY_CODE.get(text) or BY_NAME.get(text)


def find_removed(text: str) -> Rule | None:
    """Return the removed rule that had this code or name; None if there is none."""
    return next((rule for rule in REMOVED if text in (rule.code, rule.name)), None)
