"""What each command of `pricing-assistant` does, once its arguments are read."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from uuid import uuid4

from assistant.adapters import adapter_words, priced_by
from assistant.cli_rules import rules_for
from prompts import substitute

if TYPE_CHECKING:
    import pandas as pd

    from assistant.agent import Answer, Assistant
    from assistant.store import ImportResult, Store
    from assistant.store.importing import Imported
    from assistant.wording import Language, Wording


MANY = 500
"""Products that take several seconds to price, so that even a log should say what is going on."""


class InputError(ValueError):
    """What was typed cannot be done; the message says what to do instead."""


def app(arguments: argparse.Namespace) -> int:
    """Serve the app until interrupted."""
    import app as application

    folders = [Path(folder) for folder in arguments.import_from]
    if missing := [str(folder) for folder in folders if not folder.is_dir()]:
        raise InputError(f"There is no folder {missing[0]}. Name one that is there with --import-from.")
    if folders and arguments.host not in application.LOOPBACK:
        raise InputError(
            f"At {arguments.host} other machines may reach the app, and whoever opens it could read files in "
            f"{folders[0]}. Leave out --import-from or --host; `pricing-assistant import FILE` imports too."
        )
    application.main(
        host=arguments.host,
        port=arguments.port,
        data_dir=arguments.data_dir,
        open_browser=arguments.open,
        folders=folders,
    )
    return 0


def ask(arguments: argparse.Namespace) -> int:
    """One question, one answer; 1 where the language model gave none."""
    assistant, thread = _assistant(arguments), f"ask-{uuid4()}"
    answer = assistant.ask(arguments.question, thread=thread)
    assistant.forget(thread)  # nobody can go on with it, so that nothing of it is left waiting
    if arguments.json:
        print(json.dumps(answer.to_dict(), ensure_ascii=False, indent=2))
    else:
        _say(answer.text)
        if answer.pending:
            _say(_changes_words(answer)("ask.once"))
    return 1 if answer.failed else 0


def chat(arguments: argparse.Namespace) -> int:
    """A conversation: from a person at the terminal, or line by line from a pipe."""
    assistant, thread = _assistant(arguments), f"chat-{uuid4()}"
    at_terminal = sys.stdin.isatty()
    if at_terminal:
        import readline  # noqa: F401  # arrow keys and history in `input`

        print("Ask about prices, in English or Chinese. /quit ends the conversation.")
    prompt = "> "
    while True:
        try:
            question = input(prompt if at_terminal else "").strip()
        except EOFError:
            return 0
        if question in ("/quit", "/exit"):
            return 0
        if question:
            answer = assistant.ask(question, thread=thread)
            _say(answer.text)
            print(flush=True)
            prompt = _changes_words(answer)("ask.prompt") if answer.pending else "> "


def _changes_words(answer: Answer) -> Wording:
    from assistant.tools.writing import WORDS
    from assistant.wording import wording

    return wording(answer.language, WORDS)


def recommend(arguments: argparse.Namespace) -> int:
    """Price every product of a file; the report of what was understood goes to stderr."""
    imported = read_file(arguments)
    print(imported.report.to_text(arguments.language), end="\n\n", file=sys.stderr)
    rules = rules_for(arguments, imported.frame)
    history = selection(imported.frame, skus=arguments.product, store=arguments.store)
    asked = set(history["sku"])
    if isinstance(rules, dict):
        from policy.decision.ties import related

        # What is asked about is priced with all that it is priced together with.
        together = related(rules, asked)
        outlet = selection(imported.frame, skus=None, store=arguments.store)
        history = outlet[outlet["sku"].isin(together)]
        rules = {sku: rules[sku] for sku in set(history["sku"])}

    from assistant.cli_tables import pricing_begins, recommendation_table
    from policy import PricingPipeline

    products = len(history[[c for c in ("store", "sku") if c in history]].drop_duplicates())
    if sys.stderr.isatty() or products >= MANY:
        print(pricing_begins(products, arguments.language), file=sys.stderr, flush=True)

    pipeline = PricingPipeline.from_pretrained(adapter=arguments.adapter)
    recommendations = pipeline.recommend(history, objective=arguments.objective, rules=rules)
    if isinstance(rules, dict):
        recommendations = [record for record in recommendations if record.sku in asked]
    if arguments.json:
        print(json.dumps([r.to_dict() for r in recommendations], ensure_ascii=False, indent=2))
        return 0

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(recommendation_table(recommendations, arguments.language, width=width))
    if arguments.adapter:
        print(priced_by(arguments.adapter, arguments.language))
    return 0


def backtest(arguments: argparse.Namespace) -> int:
    """How the policy would have done on a file's past; progress and what was understood go to stderr."""
    from assistant.backtest_text import backtest_text, backtest_words, draw

    imported = read_file(arguments)
    print(imported.report.to_text(arguments.language), end="\n\n", file=sys.stderr)

    from policy.evaluation.backtest.report import backtest as run
    from policy.evaluation.backtest.report import write_report
    from policy.model.loading import load_model

    words = backtest_words(arguments.language)
    if arguments.out:
        _make_folder(arguments.out, arguments.language)  # before a minute's work, not after it
    if arguments.adapter:
        print(priced_by(arguments.adapter, arguments.language), file=sys.stderr)
    model = load_model(adapter=arguments.adapter)
    with _in_language(arguments.language):
        report = run(
            model,
            imported.frame,
            imported.report.history.period,
            file=imported.report.file,
            adapter=arguments.adapter,
            objective=arguments.objective,
            started=lambda part: print(words["progress"][part], file=sys.stderr, flush=True),
        )
    if arguments.json:
        print(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(backtest_text(report, arguments.language, width=width))
    if arguments.out:
        folder = Path(arguments.out)
        print("\n" + draw(report, folder, write_report(report, folder), arguments.language), file=sys.stderr)
    return 0


def _make_folder(folder: str, language: Language) -> None:
    """The folder for results, made where there is none. Raises `InputError` where it cannot be written to."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        said = adapter_words(language)["errors"]["no_place"]
        raise InputError(substitute(said, folder=folder, reason=error.strerror or str(error))) from error


def import_file(arguments: argparse.Namespace) -> int:
    """Load a file into the shop, all of it or nothing."""
    from assistant.store import Store

    store, result = load_file(arguments, lambda: Store.open(home=arguments.data_dir), sys.stdout)
    from assistant.cli_tables import import_summary

    print("\n" + import_summary(result, store.place, arguments.language))
    return 0


def load_file(
    arguments: argparse.Namespace, opened: Callable[[], Store], out: TextIO
) -> tuple[Store, ImportResult]:
    """Bring a shop up to date with a file, in parts where it is large, and tell what was understood of it.

    Raises `InputError` in the language asked for; nothing is loaded then, and where the file holds no sales
    at all the shop is not even opened.
    """
    from assistant.store.importing import read_parts

    opened = cache(opened)  # once, whether reading the file or taking it in needs it first
    with _in_language(arguments.language):
        parts = read_parts(
            arguments.file,
            period=arguments.period,
            gaps=arguments.gaps,
            skip_bad_rows=arguments.skip_bad_rows,
            sales_end=lambda: opened().sales_end(),
        )
        first = next(parts)
        store = opened()
        report, result = store.import_parts(chain([first], parts))
    print(report.to_text(arguments.language), file=out, flush=True)
    return store, result


def demo(arguments: argparse.Namespace) -> int:
    """Create the demo shop where there is none; with --reset, create it anew."""
    from assistant.store import Store
    from assistant.store.demo import ACTOR, create_demo

    store = Store.open(home=arguments.data_dir)
    products = store.products()
    if products and arguments.reset:
        if any(entry.actor != ACTOR for entry in store.audit(limit=sys.maxsize) if entry.action == "import"):
            raise InputError(
                f"The shop in {store.place} holds imported sales, which --reset would delete. "
                "Name another folder with --data-dir for the demo shop."
            )
        store = _emptied(store)
    elif products:
        print(f"There is a shop of {len(products)} products in {store.place} already; nothing was changed.")
        return 0
    result = create_demo(store)
    print(f"Created the demo shop of {result.products} products in {store.place}.")
    return 0


def _emptied(store: Store) -> Store:
    """The same store with nothing in it. Raises `InputError` for a database that is not a local file."""
    from assistant.store import Store

    file = Path(store.place)
    if not file.is_file():
        raise InputError(
            f"--reset deletes a local file only; empty {store.place} yourself, or use --data-dir."
        )
    store.close()
    shutil.rmtree(store.adapters, ignore_errors=True)  # fitted to the sales that go
    for part in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        part.unlink(missing_ok=True)
    return Store.open(home=file.parent)


def adapters(arguments: argparse.Namespace) -> int:
    """Look at the shop's adapters or change which one prices."""
    from assistant import cli_adapters

    return cli_adapters.adapters(arguments)


def _assistant(arguments: argparse.Namespace) -> Assistant:
    """The assistant over this data directory's shop. Raises `InputError` where there is no shop yet."""
    from assistant.store import Store

    store = Store.open(home=arguments.data_dir)
    if not store.products():
        raise InputError(
            "There is no shop yet. Run `pricing-assistant demo` for one to try, "
            "or `pricing-assistant import FILE` for your own sales."
        )
    from assistant.agent import Assistant
    from assistant.models import ModelUnavailable

    try:
        # Who types here sits at this computer: the files are theirs to read.
        return Assistant(store, folders=(Path.cwd(), Path.home()))
    except ModelUnavailable as error:
        raise InputError(str(error)) from error


def _say(markdown: str) -> None:
    """An answer, set in type on a screen and as it is in a file or pipe."""
    if not sys.stdout.isatty():
        print(markdown)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(markdown))


def read_file(arguments: argparse.Namespace) -> Imported:
    """The file's sales. Raises `InputError` in the language asked for."""
    from assistant.store.importing import read_history

    with _in_language(arguments.language):
        return read_history(
            arguments.file,
            period=arguments.period,
            gaps=arguments.gaps,
            skip_bad_rows=arguments.skip_bad_rows,
        )


@contextmanager
def _in_language(language: Language) -> Iterator[None]:
    """Turns what is wrong with sales into an `InputError` in the language asked for."""
    from assistant.store.importing import error_text
    from policy.history import HistoryError

    try:
        yield
    except HistoryError as error:
        raise InputError(error_text(error, language)) from error


def selection(history: pd.DataFrame, *, skus: list[str] | None, store: str | None) -> pd.DataFrame:
    """The rows asked for. Raises `InputError` naming what the file does not hold."""
    for column, wanted in {"sku": skus, "store": None if store is None else [store]}.items():
        if wanted is None:
            continue
        held = set(history[column]) if column in history else set()
        if unknown := [value for value in wanted if value not in held]:
            some = ", ".join(map(str, sorted(held)[:5])) or "none"
            raise InputError(
                f"The file has no {column} {', '.join(map(repr, unknown))}. "
                f"It has {len(held)}: {some}{', ...' if len(held) > 5 else ''}."
            )
        history = history[history[column].isin(wanted)]
    return history
