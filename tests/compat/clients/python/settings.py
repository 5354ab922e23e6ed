"""Settings by the names that kafka-python gave them, and aiokafka took over."""

from typing import Any

from driving import Arguments, Unsupported


def connection(bootstrap: str, arguments: Arguments, **more: Any) -> dict[str, Any]:
    """Return the settings that every client has, with those of `more` that are not None."""
    security = arguments.get("security", {})
    settings = {
        "bootstrap_servers": bootstrap,
        "security_protocol": security.get("protocol"),
        "sasl_mechanism": security.get("mechanism"),
        "sasl_plain_username": security.get("username"),
        "sasl_plain_password": security.get("password"),
        **more,
    }
    return {name: value for name, value in settings.items() if value is not None}


def reading(arguments: Arguments) -> dict[str, Any]:
    """Return the settings of a consumer, but for the isolation level, which not every version has."""
    settings = {"auto_offset_reset": arguments.get("reset", "earliest")}
    if "max_bytes" in arguments:
        settings |= {"max_partition_fetch_bytes": arguments["max_bytes"], "fetch_max_bytes": arguments["max_bytes"]}
    return settings


def membership(arguments: Arguments, assignors: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a member of a group. `Unsupported` for an assignor that is not there."""
    if arguments.get("protocol", "classic") != "classic":
        raise Unsupported(arguments["protocol"])
    settings = {
        "group_id": arguments["group"],
        "enable_auto_commit": arguments.get("auto_commit", False),
        "auto_commit_interval_ms": 200,
        "session_timeout_ms": arguments.get("session_timeout_ms", 6000),
        "heartbeat_interval_ms": arguments.get("heartbeat_ms", 500),
        "metadata_max_age_ms": arguments.get("metadata_ms", 1000),
    }
    if "assignor" in arguments:
        if arguments["assignor"] not in assignors:
            raise Unsupported(arguments["assignor"])
        settings["partition_assignment_strategy"] = [assignors[arguments["assignor"]]]
    return settings
