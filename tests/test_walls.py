"""The flow of imports, the size of files, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("policy", "assistant", "prompts", "app.py")
MAX_LINES = 400

# Top-level modules that a part may never import, however deep in a function.
FORBIDDEN = {
    "policy": {"assistant", "prompts", "app", "gradio", "langchain*", "langgraph*", "langsmith*", "openai"},
    "assistant": {"app", "gradio", "torch", "transformers", "peft", "accelerate", "safetensors"},
    "prompts": {"policy", "assistant", "app", "gradio", "torch", "langchain*", "langgraph*"},
    "app.py": {"torch", "transformers", "peft", "langchain*", "langgraph*", "sqlalchemy"},
}
# The command line starts the app; nothing else in `assistant` knows that there is one. A language model from
# a folder is words too: the one module that runs it loads transformers, and only when it is asked for.
ALLOWED = {("assistant/cli_commands.py", "app"), ("assistant/local_model.py", "transformers")}

# Inside `policy`, a module imports from its own rank or a lower one.
RANKS = {
    "history": 0,
    "market": 0,
    "forecast": 1,
    "model": 1,
    "learning": 2,
    "decision": 2,
    "pipeline": 3,
    "evaluation": 4,
}


def sources(part: str) -> list[Path]:
    path = ROOT / part
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all a file imports, relative ones resolved; `a.b.c` for `from a.b import c`."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            prefix = ".".join((*base, *filter(None, [node.module])))
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


def matches(name: str, pattern: str) -> bool:
    top = name.split(".")[0]
    return top.startswith(pattern[:-1]) if pattern.endswith("*") else top == pattern


@pytest.mark.parametrize("part", PARTS)
def test_imports_flow_one_way(part: str) -> None:
    assert sources(part), f"{part} has no Python files"
    broken = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(part)
        for name in imports(path)
        for pattern in FORBIDDEN[part]
        if matches(name, pattern) and (path.relative_to(ROOT).as_posix(), pattern) not in ALLOWED
    ]
    assert not broken


def test_policy_is_layered() -> None:
    broken = []
    for path in sources("policy"):
        rank = RANKS.get(path.relative_to(ROOT / "policy").with_suffix("").parts[0])
        if rank is None:  # policy/__init__.py names what the package offers
            continue
        for name in imports(path):
            target = name.split(".")[1] if name.startswith("policy.") else ""
            if RANKS.get(target, 0) > rank:
                broken.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not broken


def test_every_policy_module_has_a_rank() -> None:
    modules = {path.relative_to(ROOT / "policy").with_suffix("").parts[0] for path in sources("policy")}
    assert modules - {"__init__"} == set(RANKS)


@pytest.mark.parametrize("part", [*PARTS, "tests"])
def test_files_stay_readable(part: str) -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources(part)}
    assert {str(path): count for path, count in lengths.items() if count > MAX_LINES} == {}


@pytest.mark.parametrize("part", PARTS)
def test_names_say_what_a_file_holds(part: str) -> None:
    vague = {
        "util",
        "utils",
        "helper",
        "helpers",
        "common",
        "misc",
        "config",
        "registry",
        "factory",
        "legacy",
    }
    assert [str(path) for path in sources(part) if vague & {path.stem, path.parent.name}] == []


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import policy", {"torch", "transformers", "gradio", "langchain_core", "pandas"}),
        ("import policy.model.shelf", {"torch", "transformers", "gradio", "pandas"}),
        ("import assistant.cli", {"torch", "transformers", "gradio", "langchain_core", "pandas"}),
        ("import assistant.facts, assistant.grounding", {"torch", "transformers", "gradio"}),
        ("import assistant.agent, assistant.store", {"torch", "transformers", "gradio"}),
        ("import assistant.local_model", {"torch", "transformers", "gradio"}),
        ("import app", {"torch", "transformers", "peft"}),
    ],
)
def test_importing_stays_light(statement: str, heavy: set[str]) -> None:
    # A fresh interpreter, since this one has loaded much already.
    code = f"import sys; {statement}; print(*(name for name in {sorted(heavy)} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []
