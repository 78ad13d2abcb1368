"""`pricing-assistant fine-tune`: learn from a store's own sales, with progress, and say what came of it."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from assistant.adapters import adapter_error_text
from assistant.cli_adapters import audit, shelf_of, where
from assistant.cli_commands import InputError, read_file, selection
from assistant.cli_stopping import INTERRUPTED, stopping
from assistant.cli_tuning_report import report_text, screen_width
from assistant.facts import percent
from assistant.store.importing import error_text
from assistant.tuning_report import WORDS, Report, stage_text, time_left
from assistant.wording import Language, Wording, wording
from policy.history import HistoryError
from policy.model.adapter_files import AdapterError
from policy.model.shelf import Shelf

if TYPE_CHECKING:
    from policy.learning.store.progress import Progress

Notify = Callable[["Progress"], None]


def fine_tune(arguments: argparse.Namespace) -> int:
    """Adapt the policy to a file's sales; 130 where it was stopped, with its checkpoint written."""
    imported = read_file(arguments)
    print(imported.report.to_text(arguments.language), end="\n\n", file=sys.stderr)
    history = selection(imported.frame, skus=None, store=arguments.store)
    if not arguments.out and (arguments.backbone or arguments.store):
        raise InputError(wording(arguments.language, WORDS)("ended.needs_out"))
    shelf = shelf_of(arguments)

    from policy import PricingPipeline
    from policy.learning.store.backbone import BackboneError
    from policy.learning.store.progress import FineTuningStopped

    options: dict[str, Any] = {} if arguments.backbone is None else {"backbone": arguments.backbone}
    once_more = wording(arguments.language, WORDS)("ended.again_to_quit")
    with stopping(once_more, signal.SIGINT) as stop, _shown(arguments) as notify:
        try:
            PricingPipeline.from_pretrained().fine_tune(
                history,
                output=str(shelf.root),
                seed=arguments.seed,
                progress=_saying_where_it_goes_on(notify, arguments.language),
                stop=stop,
                **options,
            )
        except FineTuningStopped:
            stopped = True
        except HistoryError as error:
            raise InputError(error_text(error, arguments.language)) from error
        except AdapterError as error:
            raise InputError(adapter_error_text(error, arguments.language, where=where(arguments))) from error
        except BackboneError as error:
            raise InputError(str(error)) from error
        else:
            stopped = False
    if stopped:
        print(wording(arguments.language, WORDS)("ended.stopped_command"), file=sys.stderr)
        return INTERRUPTED

    report: Report = shelf.versions()[-1].report
    if report["promoted"] and not arguments.out:
        audit(arguments, "promoted", {"version": report["version"], "adapter": report["adapter"]})
    if arguments.json:
        _print_event("report", report)
    else:
        print(report_text(report, arguments.language, width=screen_width()))
        print(_next(arguments, shelf, promoted=report["promoted"]))
    return 0


def _next(arguments: argparse.Namespace, shelf: Shelf, *, promoted: bool) -> str:
    """What to do now."""
    words = wording(arguments.language, WORDS)
    if not promoted:
        return words("report.next_kept")
    return words(
        "report.next_promoted_command",
        file=shlex.quote(arguments.file),
        shelf=shlex.quote(str(shelf.root)),
        where=where(arguments),
    )


@contextmanager
def _shown(arguments: argparse.Namespace) -> Iterator[Notify]:
    """Progress as JSON lines on stdout, or as a bar on stderr where that is a screen."""
    if arguments.json:
        yield lambda progress: _print_event(
            "progress",
            {"stage": progress.stage, "done": progress.done, "seconds_left": progress.seconds_left},
        )
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    words = wording(arguments.language, WORDS)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    console = Console(stderr=True)
    if not console.is_terminal:  # a line a stage, for a log
        yield _told_once_a_stage(words)
        return
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task(stage_text(None, words), total=1.0, left="")

        def notify(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.done,
                description=stage_text(progress.stage, words),
                left=time_left(progress.seconds_left, words),
            )

        yield notify


def _told_once_a_stage(words: Wording) -> Notify:
    said: set[str] = set()

    def notify(progress: Progress) -> None:
        if progress.stage not in said:
            said.add(progress.stage)
            print(f"{progress.done:4.0%}  {stage_text(progress.stage, words)}", file=sys.stderr, flush=True)

    return notify


def _saying_where_it_goes_on(notify: Notify, language: Language) -> Notify:
    """Tell people, once, of a checkpoint that the run goes on from; else as `notify`."""
    said = False

    def saying(progress: Progress) -> None:
        nonlocal said
        if progress.resumed and not said:
            said = True
            line = wording(language, WORDS)("progress.resumed", percent=percent(progress.done, language))
            print(line, file=sys.stderr, flush=True)
        notify(progress)

    return saying


def _print_event(name: str, values: Report) -> None:
    print(json.dumps({"event": name, **values}, ensure_ascii=False), flush=True)
