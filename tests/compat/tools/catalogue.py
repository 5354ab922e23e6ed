"""All tools, in the order of the page."""

from tests.compat.tools.flows import (
    cluster,
    configs,
    console,
    files,
    groups,
    kafka_python,
    others,
    performance,
    security,
    shares,
    topics,
    transactions,
)
from tests.compat.tools.model import Tool

TOOLS: tuple[Tool, ...] = (
    *topics.TOOLS,
    *configs.TOOLS,
    *console.TOOLS,
    *groups.TOOLS,
    *cluster.TOOLS,
    *security.TOOLS,
    *transactions.TOOLS,
    *performance.TOOLS,
    *files.TOOLS,
    *shares.TOOLS,
    *others.TOOLS,
    *kafka_python.TOOLS,
)


def tool_named(name: str) -> Tool:
    """Return a tool by its name."""
    return _BY_NAME[name]


_BY_NAME = {tool.name: tool for tool in TOOLS}
