"""`report-review` and `report-export`: decisions out of a report's workbook, approved prices for the shop."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.cli_commands import InputError
from assistant.report.review import carry_out, read_review
from assistant.report.review_file import ReviewError
from assistant.report.review_sheet import WORDS
from assistant.report.shop_export import ExportError, export_prices
from assistant.store import Store
from assistant.wording import Wording, wording

if TYPE_CHECKING:
    from assistant.report.review import Review

ACTOR = "merchant"


def report_review(arguments: argparse.Namespace) -> int:
    """Show what a workbook's decisions change, and record them once that is agreed to.

    1 where some cannot be recorded. Then nothing is, unless --skip-bad-rows asks for the others.
    """
    words, store = wording(arguments.language, WORDS), _shop(arguments)
    from assistant.desk import Desk

    try:
        review = read_review(Path(arguments.file), Desk(store), arguments.language)
        agreed = _agreed(review, arguments, words)
        done = carry_out(review, store, actor=ACTOR) if agreed else None
    except ReviewError as error:
        raise InputError(str(error)) from error
    if arguments.json:
        print(json.dumps(_plain(review) | {"recorded": done is not None}, ensure_ascii=False, indent=2))
    elif done:
        counts = {"approved": done["approve"], "own": done["edit"], "rejected": done["reject"]}
        print(words("diff.done", **counts))
    return 1 if review.refused else 0


def _agreed(review: Review, arguments: argparse.Namespace, words: Wording) -> bool:
    """Say what would be done; whether it is to be."""
    if not arguments.json:
        _show(review, words)
    if not review.changes:
        return False
    said: str | None = None
    agreed = arguments.yes
    if review.refused and not arguments.skip_bad_rows:
        said, agreed = words("diff.nothing_done"), False
    elif not agreed and arguments.json:
        pass  # a program agrees with --yes
    elif not agreed and sys.stdin.isatty():
        agreed = input(words("diff.question")).strip().casefold() in words.several("answers.yes")
        said = None if agreed else words("diff.left")
    elif not agreed:
        said = words("diff.ask")
    if said is not None and not arguments.json:
        print(said, file=sys.stderr)
    return bool(agreed)


def _show(review: Review, words: Wording) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from assistant.cli_tuning_report import UNLIMITED, screen_width

    print(review.title(review.file))
    if review.changes:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for heading in words.several("diff.columns"):
            table.add_column(heading, overflow="fold")
        for it in review.changes:
            decision = words(f"diff.{it.choice}", price=it.price)
            cells = (it.row, it.product, it.now, it.suggested, decision, "; ".join(it.notes))
            table.add_row(*map(Text, cells))
        console = Console(width=screen_width() or UNLIMITED, highlight=False)
        with console.capture() as captured:
            console.print(table)
        print("\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n"))
    print(words("diff.counts", undecided=review.undecided, settled=review.settled))
    for key, lines in (("refused", review.refused), ("remarks", review.remarks)):
        if lines:
            print("\n" + words(f"diff.{key}"), *(f"  {line}" for line in lines), sep="\n")


def _plain(review: Review) -> dict[str, object]:
    changes = [
        {name: value for name, value in asdict(it).items() if name != "ruled"}
        | {"own_price": it.ruled.price, "reason": it.ruled.reason}
        for it in review.changes
    ]
    return asdict(review) | {"changes": changes}


def report_export(arguments: argparse.Namespace) -> int:
    """Write the approved prices in the import layout of a shop."""
    store = _shop(arguments)
    try:
        written = export_prices(
            store,
            arguments.shop,
            Path(arguments.out),
            on=arguments.on or dt.date.today(),
            outlet=arguments.store,
            catalogue=Path(arguments.catalogue) if arguments.catalogue else None,
            language=arguments.language,
        )
    except ExportError as error:
        raise InputError(str(error)) from error
    if arguments.json:
        print(json.dumps(asdict(written) | {"file": arguments.out}, ensure_ascii=False, indent=2))
    else:
        print(written.said)
        print(*written.left_out, sep="\n", file=sys.stderr, end="\n" if written.left_out else "")
    return 0


def _shop(arguments: argparse.Namespace) -> Store:
    """The shop that is there. Raises `InputError` where there is none."""
    store = Store.existing(home=arguments.data_dir)
    if store is None or not store.products():
        raise InputError(
            "There is no shop here. Name the folder of the shop that the report was made from with "
            "--data-dir (the report's command says it), or set PRICING_ASSISTANT_HOME."
        )
    return store
