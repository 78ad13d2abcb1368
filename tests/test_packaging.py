"""What `pip install` would put on a machine, and what the project declares."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("policy", "assistant", "prompts")
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Not imported by name: pandas reads Parquet through it.
ENGINES = {"pyarrow"}


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")


def imported_distributions() -> set[str]:
    """Distributions that the packages and the app import, from the machine's own records."""
    owners = packages_distributions()
    modules = set()
    for path in [ROOT / "app.py", *(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.split(".")[0])
                modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    foreign = modules - set(sys.stdlib_module_names) - {*PACKAGES, "app"}
    found = {name.lower().replace("_", "-") for module in foreign for name in owners.get(module, [])}
    if any(module.startswith("langgraph.checkpoint.sqlite") for module in modules):
        found.add("langgraph-checkpoint-sqlite")
    return found


def test_every_dependency_is_used_and_every_import_declared() -> None:
    declared = {name_of(requirement) for requirement in DECLARED["dependencies"]}
    optional = {
        name_of(r)
        for extra in ("openai", "postgres", "benchmarks", "distributed")
        for r in DECLARED["optional-dependencies"][extra]
    }
    # One top-level module, several distributions: only those declared are ours to account for.
    imported = {name for name in imported_distributions() if not name.startswith("langgraph-")} - optional
    assert imported - declared == set(), "imported but not declared"
    assert declared - imported_distributions() - ENGINES == set(), "declared but used nowhere"


def test_every_dependency_has_a_floor_and_a_pin() -> None:
    lines = (ROOT / ".ci/constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    optional = DECLARED["optional-dependencies"].values()
    requirements = [*DECLARED["dependencies"], *(r for extra in optional for r in extra)]
    assert [r for r in requirements if not re.search(r">=|==", r)] == []
    assert [r for r in requirements if name_of(r) not in pinned] == []
    assert not any("+" in version for version in pinned.values()), "a local version fits one machine only"


@pytest.mark.slow
def test_the_wheel_carries_every_file(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in (*PACKAGES, "app.py", "pyproject.toml", "README.md", "LICENSE"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)
    build = "from setuptools.build_meta import build_wheel; build_wheel('.')"
    run = subprocess.run([sys.executable, "-c", build], cwd=tree, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (wheel,) = tree.glob("*.whl")
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert carried == wanted | {"app.py"}
