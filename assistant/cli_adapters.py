"""`pricing-assistant adapters`: what lies on the shop's shelf, and which of it prices."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assistant.adapters import adapter_error_text, adapter_words
from assistant.cli_commands import InputError
from assistant.cli_tuning_report import UNLIMITED, report_text, screen_width
from assistant.facts import count
from assistant.store import Store, StoreError, data_home
from assistant.tuning_report import reasons
from assistant.wording import Language
from policy.model.adapter_files import AdapterError
from policy.model.shelf import Shelf, Version
from prompts import substitute

ACTOR = "merchant"


def adapters(arguments: argparse.Namespace) -> int:
    """One of `list`, `show`, `promote`, `rollback` and `delete`. Raises `InputError` for what is refused."""
    actions: dict[str, Callable[[Shelf, argparse.Namespace], None]] = {
        "list": _list,
        "show": _show,
        "promote": _promote,
        "rollback": _rollback,
        "delete": _delete,
    }
    shelf = shelf_of(arguments)
    try:
        actions[arguments.action](shelf, arguments)
    except AdapterError as error:
        raise InputError(adapter_error_text(error, arguments.language, where=where(arguments))) from error
    return 0


def shelf_of(arguments: argparse.Namespace) -> Shelf:
    """The shelf that the options name, else the shop's. Raises `InputError` where it is a file."""
    root = Path(arguments.out or data_home(arguments.data_dir) / "adapters")
    if root.exists() and not root.is_dir():
        said = adapter_words(arguments.language)["errors"]["not_a_folder"]
        raise InputError(substitute(said, folder=str(root)))
    return Shelf(root)


def where(arguments: argparse.Namespace) -> str:
    """The options that named the shelf, to go after another command on it."""
    given = {"--out": arguments.out, "--data-dir": arguments.data_dir}
    return "".join(f" {option} {shlex.quote(folder)}" for option, folder in given.items() if folder)


def _list(shelf: Shelf, arguments: argparse.Namespace) -> None:
    versions, broken = shelf.versions(), shelf.broken()
    promoted: str | None = None
    unusable: AdapterError | None = None
    try:
        promoted = shelf.promoted.name if shelf.promoted else None
    except AdapterError as error:  # named like all else that lies there
        promoted, unusable = error.values.get("version"), error
    if arguments.json:
        _print_json(
            folder=str(shelf.root),
            promoted=promoted,
            unfinished=shelf.unfinished,
            versions=[version.to_dict() for version in versions],
            broken=[{"name": it.name, "code": it.code, "file": it.file} for it in broken],
        )
        return
    words = adapter_words(arguments.language)
    said = words["list"]
    if not versions and not broken:
        print(substitute(said["empty"], folder=str(shelf.root), where=where(arguments)))
        if shelf.unfinished:
            print(said["running"])
        return
    print(substitute(said["folder"], folder=str(shelf.root)) + "\n")
    if versions:
        _print_table(_versions(versions, words, arguments.language))
    for it in broken:
        print(substitute(said[it.code], version=it.name, file=it.file, where=where(arguments)))
    if unusable is not None:
        print(adapter_error_text(unusable, arguments.language, where=where(arguments)))
    else:
        print(said["base"] if promoted is None else substitute(said["promoted"], version=promoted))
    if shelf.unfinished:
        print(said["running"])


def _versions(versions: list[Version], words: dict[str, Any], language: Language) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name, title in words["columns"].items():
        table.add_column(title, justify="right" if name == "size" else "left", no_wrap=True)
    for version in versions:
        cells = words["cells"]
        table.add_row(
            version.name,
            cells["promoted" if version.promoted else "unused"],
            cells["passed" if version.passed else "failed"],
            _time(version),
            version.digest[:16],
            version.base[:16],
            _size(version, words, language),
        )
    return table


def _show(shelf: Shelf, arguments: argparse.Namespace) -> None:
    if not arguments.version and not shelf.versions():
        said = adapter_words(arguments.language)["list"]["empty"]
        raise InputError(substitute(said, folder=str(shelf.root), where=where(arguments)))
    version = shelf.version(arguments.version or (shelf.promoted or shelf.versions()[-1]).name)
    if arguments.json:
        _print_json(**version.to_dict(), report=version.report)
        return
    words, language = adapter_words(arguments.language), arguments.language
    columns = words["columns"]
    lines = {
        columns["version"]: version.name,
        columns["use"]: words["cells"]["promoted" if version.promoted else "unused"],
        columns["made"]: _time(version),
        columns["adapter"]: version.digest[:16],
        columns["base"]: version.base[:16],
        columns["size"]: _size(version, words, language),
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for title, value in lines.items():
        table.add_row(Text(title), Text(value))
    _print_table(table)
    print("\n" + report_text(version.report, language, width=screen_width()))


def _promote(shelf: Shelf, arguments: argparse.Namespace) -> None:
    version = shelf.promote(arguments.version)
    _done(arguments, "promoted", version=version.name, adapter=version.digest)
    if not version.passed:
        said = adapter_words(arguments.language)["done"]
        print(substitute(said["warning"], version=version.name), file=sys.stderr)
        print(*reasons(version.report, arguments.language), sep="\n", file=sys.stderr)
        print(substitute(said["undo"], where=where(arguments)), file=sys.stderr)


def _rollback(shelf: Shelf, arguments: argparse.Namespace) -> None:
    version = shelf.rollback()
    if version is None:
        _done(arguments, "rolled_back_to_base", version=None, adapter=None)
    else:
        _done(arguments, "rolled_back", version=version.name, adapter=version.digest)


def _delete(shelf: Shelf, arguments: argparse.Namespace) -> None:
    _done(arguments, "deleted", version=shelf.delete(arguments.version))


def _done(arguments: argparse.Namespace, what: str, **detail: str | None) -> None:
    """Say what was done, and note it where the shelf is the shop's."""
    said = adapter_words(arguments.language)["done"]
    if arguments.json:
        _print_json(action=what, **detail)
    else:
        print(substitute(said[what], **{"version": str(detail["version"])}))
    if not arguments.out:
        audit(arguments, what.removesuffix("_to_base"), detail)


def audit(arguments: argparse.Namespace, action: str, detail: Mapping[str, str | None]) -> None:
    """Write to the shop's audit log what was done to its shelf."""
    try:
        store = Store.existing(home=arguments.data_dir)
        if store is not None:
            store.note(f"adapter_{action}", detail, actor=ACTOR)
            store.close()
    except StoreError as error:  # a rollback must not wait for a database to come back
        not_audited = adapter_words(arguments.language)["done"]["not_audited"]
        print(substitute(not_audited, error=str(error)), file=sys.stderr)


def _time(version: Version) -> str:
    return version.created_at[:16].replace("T", " ")


def _size(version: Version, words: dict[str, Any], language: Language) -> str:
    return substitute(words["cells"]["size"], size=count(round(version.bytes / 1000), language))


def _print_table(table: Table) -> None:
    console = Console(width=screen_width() or UNLIMITED, highlight=False)
    with console.capture() as captured:
        console.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n"))


def _print_json(**values: Any) -> None:
    print(json.dumps(values, ensure_ascii=False, indent=2))
