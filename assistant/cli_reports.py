"""`pricing-assistant report`: the price report of a whole shop, once or on a schedule."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.cli_commands import InputError, load_file
from assistant.cli_rules import rule_layers
from assistant.cli_stopping import INTERRUPTED, ending, stopping
from assistant.facts import count
from assistant.report.progress import AlreadyRunning, Made, Progress, ReportError, Stopped, only_run
from assistant.store import Store
from assistant.store.database import is_shop_named
from assistant.wording import Language, wording

if TYPE_CHECKING:
    from policy.pipeline import PricingPipeline

WORDS = "report_run.toml"

NOTHING_NEW, LOCKED = 3, 4
"""Exit statuses beside 0 (made), 1 (bad input), 2 (usage) and `INTERRUPTED`, for schedulers."""

SHOP = "shop"
"""Folder, beside the reports, of the shop that a file of sales is loaded into where nothing names one."""


def report(arguments: argparse.Namespace) -> int:
    """Make a shop's report; returns the exit status, which a scheduler can act on."""
    languages: list[Language] = list(dict.fromkeys(arguments.languages))
    arguments.language = languages[0]  # of what is said here
    words = wording(arguments.language, WORDS)
    out = Path(arguments.out)
    home = _shop_of(arguments, out)
    if arguments.workers and arguments.engine != "ray":
        raise InputError("--workers counts the processes of Ray. Leave it out, or add --engine ray.")
    began = time.monotonic()
    try:
        with ExitStack() as held:
            held.enter_context(ending(signal.SIGTERM))  # as Ctrl+C: a scheduler's way to stop

            def opened() -> Store:
                store = Store.open(home=home)
                held.enter_context(only_run(store))
                return store

            seconds = {}
            if arguments.file:
                print(words("stages.import"), file=sys.stderr, flush=True)
                store, _ = load_file(arguments, opened, sys.stderr)  # opens none for a file without sales
                seconds["import"] = time.monotonic() - began
            else:
                store = opened()
            print(words("ended.shop", place=store.place), file=sys.stderr, flush=True)
            made = _made(arguments, store, out, languages)
    except Stopped:
        print(words("ended.stopped"), file=sys.stderr)
        return INTERRUPTED
    except KeyboardInterrupt:  # while the file was read, or asked twice
        print("\n" + words("ended.interrupted"), file=sys.stderr)
        return INTERRUPTED
    except AlreadyRunning as error:
        print(f"pricing-assistant: {error}", file=sys.stderr)
        return LOCKED
    except ReportError as error:
        raise InputError(str(error)) from error
    made = replace(made, seconds={**seconds, **made.seconds})
    if arguments.events:
        _tell("report", made.to_dict())
    elif arguments.json:
        print(json.dumps(made.to_dict(), ensure_ascii=False, indent=2))
    else:
        print(summary(made, arguments.language, seconds=time.monotonic() - began))
    return NOTHING_NEW if made.folder is None else 0


def _shop_of(arguments: argparse.Namespace, out: Path) -> str | None:
    """The folder of the shop that is reported on; None for the one that the surroundings name, or the
    installed one. A shop that someone named knows the last report and what was decided: a file is added to
    it, and only without one do a file's reports keep a shop of their own."""
    if arguments.data_dir:
        return str(arguments.data_dir)
    return str(out / SHOP) if arguments.file and not is_shop_named() else None


def summary(made: Made, language: Language, *, seconds: float) -> str:
    """What came of a run, for people."""
    words = wording(language, WORDS)
    numbers = {
        name: count(value, language)
        for name, value in {
            "products": made.products,
            "priced": made.products - made.abstained - made.unpriced,
            "without": made.abstained + made.unpriced,
            "unchanged": made.unchanged - made.silent,
            "silent": made.silent,
            "changed": made.products - made.unchanged - made.unpriced,
            "gone": made.gone,
            "rows": made.set_aside,
        }.items()
    }
    date = (made.last_report or "")[:10]
    if made.folder is None:
        return words("ended.nothing", date=date, **numbers)
    lines = [words("ended.made", folder=made.folder, seconds=round(seconds), **numbers)]
    lines.append(words("ended.since", date=date, **numbers) if date else words("ended.first"))
    if date and made.silent:
        lines.append(words("ended.silent", **numbers))
    if made.gone:
        lines.append(words("ended.gone", **numbers))
    if made.set_aside:
        lines.append(words("ended.set_aside", **numbers))
    if made.resumed:
        lines.append(words("ended.resumed", products=count(made.resumed, language)))
    lines += [f"  {name}" for name in made.files]
    spent = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in made.seconds.items())
    return "\n".join([*lines, words("ended.spent", stages=spent)])


def _made(arguments: argparse.Namespace, store: Store, out: Path, languages: list[Language]) -> Made:
    from assistant.report.run import make_report
    from policy import PricingPipeline

    adapter = Path(arguments.adapter) if arguments.adapter else store.adapters
    shelf = adapter if arguments.adapter or adapter.is_dir() else None
    pipeline: PricingPipeline = PricingPipeline.from_pretrained(adapter=shelf)
    if arguments.engine == "ray":
        from assistant.report.ray_engine import ray_engine

        engine = ray_engine(store, adapter=shelf, workers=arguments.workers)
    else:
        from assistant.report.workers import local_engine

        engine = local_engine(store, pipeline, adapter=shelf)
    once_more = wording(arguments.language, WORDS)("ended.again_to_quit")
    # A scheduler asks by SIGTERM.
    with stopping(once_more, signal.SIGINT, signal.SIGTERM) as stop, _shown(arguments) as notify:
        return make_report(
            store,
            out,
            pipeline=pipeline,
            languages=languages,
            formats=arguments.formats,
            pages=arguments.pages,
            objective=arguments.objective,
            layers=_layers(arguments, store),
            profile=arguments.reference,
            since_last=arguments.since_last,
            engine=engine,
            progress=notify,
            stop=stop,
        )


def _layers(arguments: argparse.Namespace, store: Store) -> dict[str, Any]:
    """The rules of this run. Raises `InputError`."""
    products = store.products()
    return rule_layers(
        arguments,
        skus={product.sku for product in products},
        categories={product.category for product in products if product.category},
    )


def _tell(event: str, values: Mapping[str, Any]) -> None:
    print(json.dumps({"event": event, **values}, ensure_ascii=False), flush=True)


@contextmanager
def _shown(arguments: argparse.Namespace) -> Iterator[Callable[[Progress], None]]:
    """Progress as JSON lines on stdout, or on stderr: a bar where that is a screen, else a line a stage."""
    if arguments.events:
        yield lambda progress: _tell("progress", asdict(progress))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    from assistant.tuning_report import WORDS as TUNING
    from assistant.tuning_report import time_left

    language: Language = arguments.language
    words = wording(language, WORDS)
    console = Console(stderr=True)
    if not console.is_terminal:
        said: set[str] = set()

        def tell(progress: Progress) -> None:
            if progress.stage not in said:
                said.add(progress.stage)
                print(words(f"stages.{progress.stage}"), file=sys.stderr, flush=True)

        yield tell
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1, left="")

        def draw(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.done,
                total=progress.total,
                description=words(f"stages.{progress.stage}"),
                left=time_left(progress.seconds_left, wording(language, TUNING)),
            )

        yield draw
