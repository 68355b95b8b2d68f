"""The import order of the design, read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A package may import itself and those that stand before it.
ORDER = (
    "errors", "registry", "config", "artifacts", "families", "nano", "photos", "dataset", "latents", "diffusion",
    "methods", "training", "weights", "prompts", "generation", "refine", "evaluation", "jobs", "cluster", "app",
)  # fmt: skip
RANK = {name: rank for rank, name in enumerate(ORDER)}
ALLOWED_FROM_ROOT = {"__version__"}  # anything else of `imprint` itself would reach every package


@dataclass(frozen=True)
class Import:
    """One import of something inside the package."""

    file: Path
    line: int
    importer: str
    imported: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.importer} imports {self.imported}"


def violations(package: Path) -> list[Import]:
    """Every import that does not point up the order; a package that is not in the order breaks it too."""
    root = package.name
    found: list[Import] = []
    for file in sorted(package.rglob("*.py")):
        inside = file.relative_to(package).with_suffix("").parts
        if inside == ("__init__",):
            continue  # the public names: it may reach everything, lazily
        for line, target in _targets(file, root, inside):
            if target is not None and not RANK.get(target, 99) <= RANK.get(inside[0], -1):
                found.append(Import(file, line, inside[0], target))
    return found


def _targets(file: Path, root: str, inside: tuple[str, ...]) -> Iterator[tuple[int, str | None]]:
    """(line, top package or name) of each import below `root`, wherever in the file it stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, _below(root, alias.name)) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, root, inside)
            for alias in node.names:
                yield node.lineno, _below(root, f"{module}.{alias.name}")
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in {"import_module", "__import__"}:
                yield node.lineno, _below(root, str(node.args[0].value))


def _absolute(node: ast.ImportFrom, root: str, inside: tuple[str, ...]) -> str:
    """The full name of the module that a `from` import names, relative ones resolved."""
    if not node.level:
        return node.module or ""
    here = (root, *inside)[: -node.level]  # one dot is the module's own package, which for `__init__` is its folder
    return ".".join((*here, *((node.module,) if node.module else ())))


def _below(root: str, name: str) -> str | None:
    """The part after the root, or None for something outside or allowed."""
    top, _, rest = name.partition(".")
    if top != root:
        return None
    first = rest.partition(".")[0]
    return None if first in ALLOWED_FROM_ROOT else first
