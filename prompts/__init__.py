"""Every text the assistant says or sends, one folder a language: files hold words and no logic."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Formatter


@cache
def load(language: str, name: str) -> str:
    """The text of `prompts/<language>/<name>`, e.g. `load("en", "system.txt")`.

    Raises
    ------
    FileNotFoundError
        Where the language has no such file.
    """
    return (files("prompts") / language / name).read_text(encoding="utf-8")


@cache
def parts(language: str, name: str) -> tuple[str, ...]:
    """The texts of `<name>.toml` and of every `<name>_<part>.toml`, in order: one subject, several files."""
    folder = files("prompts") / language
    found = sorted(file.name for file in folder.iterdir() if file.name.startswith(f"{name}_"))
    return tuple(load(language, file) for file in (f"{name}.toml", *found) if file.endswith(".toml"))


def substitute(template: str, **values: str) -> str:
    """Put values at the template's `{placeholders}`, and nothing else: braces in a value stay as they are.

    Raises
    ------
    KeyError
        Names the placeholders without a value.
    """
    wanted = set()
    for _, field, form, conversion in Formatter().parse(template):
        if field is None:
            continue
        if not field.isidentifier() or form or conversion:
            raise KeyError(f"a template's placeholder is a plain name, not {{{field}}}")
        wanted.add(field)
    if missing := sorted(wanted - set(values)):
        raise KeyError(f"a template lacks values for {', '.join(missing)}")
    return template.format_map(values)


def fill(language: str, name: str, **values: str) -> str:
    """The text of a file with its placeholders filled, strictly; see `load` and `substitute`."""
    return substitute(load(language, name), **values)
