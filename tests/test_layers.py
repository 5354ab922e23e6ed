"""Imports point down: each layer may import those above it in `LAYERS`, never one below."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "pykbroker"

# From the top of the design's table to its bottom. Entries of one row must not import each other.
LAYERS = [
    ["errors", "later", "config", "metrics", "properties", "settings", "environment"],
    ["env"],
    ["steps"],
    ["wire"],
    ["security"],
    ["storage"],
    ["shard"],
    ["metadata"],
    ["groups", "txns"],
    ["apis"],
    ["broker"],
    ["server"],
    ["testing"],
    ["commands"],
    ["cli"],
    ["container"],
    ["health"],
    ["__main__", "__init__"],
]
FREE_ROW = 0  # the first row's modules may use one another: config reads properties, later knows errors
CLOCK_AND_LOOP = {"asyncio", "time", "random", "socket", "selectors", "threading"}
MAY_TOUCH_THE_WORLD = {"server", "testing", "commands", "cli", "health"}


def layer_of(module: str) -> tuple[int, str]:
    name = module.split(".")[1] if "." in module else "__init__"
    for row, names in enumerate(LAYERS):
        for known in names:
            if name == known or (row == 0 and name.startswith("config")):
                return row, name
    raise AssertionError(f"{module} is in no layer")


def sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def module_name(path: Path) -> str:
    return ".".join(["pykbroker", *path.relative_to(ROOT).with_suffix("").parts])


def runtime_imports(path: Path) -> list[str]:
    """Imports that really run: those under `if TYPE_CHECKING` only name types."""
    found: list[str] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    return found


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_imports_point_down(path: Path) -> None:
    row, own = layer_of(module_name(path))
    for imported in runtime_imports(path):
        if not imported.startswith("pykbroker."):
            continue
        other_row, other = layer_of(imported)
        if other == own:
            continue
        assert other_row < row or row == other_row == FREE_ROW, f"{module_name(path)} imports {imported}"


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_only_the_edges_touch_clock_and_event_loop(path: Path) -> None:
    _, own = layer_of(module_name(path))
    if own in MAY_TOUCH_THE_WORLD:
        return
    for imported in runtime_imports(path):
        assert imported.split(".")[0] not in CLOCK_AND_LOOP, f"{module_name(path)} imports {imported}"
