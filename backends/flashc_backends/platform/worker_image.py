"""List the modules of the worker image that an artifact must not overwrite."""

from __future__ import annotations

# An artifact is unpacked into the folder that these modules are in.
WORKER_MODULES = frozenset(
    [
        "handler",
        "lb_handler",
        "logger",
        "constants",
        "version",
        "unpack_volume",
        "manifest_reconciliation",
        "remote_executor",
        "function_executor",
        "class_executor",
        "dependency_installer",
        "cache_sync_manager",
        "log_streamer",
        "serialization_utils",
        "subprocess_utils",
        "api_key_context",
        "rp_logger_adapter",
        "sitecustomize",
    ]
)
