"""The command line, `pricing-assistant`. Heavy imports wait inside the commands: `--help` is instant."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import takewhile

from assistant.cli_report_options import add_export_options, add_report_options, add_review_options
from assistant.cli_rules import add_rules

PROGRAM = "pricing-assistant"

PASSED_ON = {
    "pretrain": ("policy.learning.command", "train the policy on simulated markets"),
    "evaluate": ("policy.evaluation.command", "run the published comparisons and write their tables"),
}
"""Commands with a parser of their own: module with `main(argv)`, and what the command does."""

OWN_SUITES = {
    "assistant": "assistant.evaluation.command",
    "report": "assistant.evaluation.report_speed",
}
"""Suites of `evaluate` about what `policy` knows nothing of, and their modules."""

ADAPTER_ACTIONS: dict[str, tuple[str, str | None, str]] = {
    "list": ("list the adapters, and what lies there broken or unfinished", None, "list"),
    "show": ("show one adapter's report (default: the one that prices)", "?", "show 0002"),
    "promote": ("let an adapter price from now on", "one", "promote 0002"),
    "rollback": ("return to what priced before", None, "rollback"),
    "delete": ("delete an adapter that does not price", "one", "delete 0001"),
}
"""What `adapters` does: summary, whether it takes a version (`?` if it may), example."""

INTERRUPTED = 130
BROKEN_PIPE = 141
INTERNAL_ERROR = 70


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 done; 1 bad input, said in one message; 2 wrong usage; 70 a fault of ours; 130 interrupted; 141 the
    reader of our output went away. PRICING_ASSISTANT_DEBUG=1 shows the traceback of 1 and 70.
    """
    # Threads that wait for each other must not burn the cores that another program needs: with them, a second
    # busy program makes the first a hundred times slower. Read by OpenMP when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()  # here, where a reader that went away can still be handled
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes once more at exit, which would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        if os.environ.get("PRICING_ASSISTANT_DEBUG") == "1":
            raise
        if _is_bad_input(error):
            print(f"{PROGRAM}: {_message(error)}", file=sys.stderr)
            return 1
        print(
            f"{PROGRAM}: this is a fault in the program ({type(error).__name__}: {error}).\n"
            "Set PRICING_ASSISTANT_DEBUG=1 and run it again to see where.",
            file=sys.stderr,
        )
        return INTERNAL_ERROR


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in PASSED_ON:
        module, _ = PASSED_ON[arguments[0]]
        words = " ".join(arguments).replace("=", " ").split()
        if words[0] == "evaluate" and "--suite" in words:
            named = list(takewhile(lambda it: not it.startswith("-"), words[words.index("--suite") + 1 :]))
            module = next((own for suite, own in OWN_SUITES.items() if suite in named), module)
        return int(import_module(module).main(arguments[1:]) or 0)
    parsed = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = getattr(import_module(parsed.module), parsed.command)
    return command(parsed)


def _is_bad_input(error: Exception) -> bool:
    """Whether the input or the surroundings are at fault, in which case the message tells what to do."""
    from assistant.cli_commands import InputError
    from assistant.store import StoreError
    from policy.history import HistoryError
    from policy.model.adapter_files import AdapterError

    return isinstance(error, InputError | HistoryError | AdapterError | StoreError | OSError)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return str(error)


def parser() -> argparse.ArgumentParser:
    """Everything that can be typed."""
    top = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Prices from your sales history, with the reasons and the uncertainty.",
        epilog=f"Start with a demo shop:\n  {PROGRAM} demo && {PROGRAM} app\n"
        f"or with your own sales:\n  {PROGRAM} recommend sales.csv",
        formatter_class=_Help,
    )
    top.add_argument("--version", action=_Version, help="print the version and exit")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    app = _add(commands, "app", "start the app and print its address", "app --open")
    app.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    app.add_argument("--port", type=_port, help="port to listen on (default: the first free from 7860)")
    app.add_argument("--open", action="store_true", help="open it in the browser")
    app.add_argument(
        "--import-from",
        action="append",
        default=[],
        metavar="DIR",
        help="the chat may import files in this folder by their path (repeatable; this machine only)",
    )
    _add_data_dir(app)

    chat = _add(commands, "chat", "talk about prices in the terminal", "chat")
    _add_data_dir(chat)

    ask = _add(commands, "ask", "ask one question", 'ask "what should I charge for the lavender candle?"')
    ask.add_argument("question", help="the question, in English or Chinese")
    ask.add_argument("--json", action="store_true", help="print the answer with its facts as JSON")
    _add_data_dir(ask)

    recommend = _add(
        commands,
        "recommend",
        "recommend a price for every product of a file",
        "recommend sales.csv --max-change 15% --min-margin 25% --price-ending 0.99",
    )
    _add_file(recommend)
    recommend.add_argument("--json", action="store_true", help="print the full records as JSON")
    recommend.add_argument("--product", action="append", metavar="SKU", help="only this product (repeatable)")
    recommend.add_argument("--store", metavar="NAME", help="only this store, where the file has several")
    recommend.add_argument(
        "--adapter", metavar="DIR", help="the adapter that fine-tune wrote for these sales"
    )
    recommend.add_argument("--objective", choices=("profit", "revenue"), default="profit")
    recommend.add_argument("--language", choices=("en", "zh"), default="en", help="language of the table")
    add_rules(recommend)

    backtest = _add(
        commands,
        "backtest",
        "how the policy would have done on the past sales of a file",
        "backtest sales.csv --out backtest",
    )
    _add_file(backtest)
    backtest.add_argument("--out", metavar="DIR", help="write figures, CSV files and report.json here")
    backtest.add_argument("--adapter", metavar="DIR", help="a store's adapter, to test instead of the base")
    backtest.add_argument("--objective", choices=("profit", "revenue"), default="profit")
    backtest.add_argument("--json", action="store_true", help="print the report as JSON")
    backtest.add_argument("--language", choices=("en", "zh"), default="en", help="language of the report")

    _add_report(commands)

    load = _add(commands, "import", "load a file of sales into the shop", "import sales.xlsx", "import_file")
    _add_file(load)
    _add_data_dir(load)
    load.add_argument("--language", choices=("en", "zh"), default="en", help="language of the report")

    tune = _add(
        commands,
        "fine-tune",
        "learn from a store's own sales, and use it only if that forecasts better",
        "fine-tune sales.csv --out adapters",
        "fine_tune",
        module="assistant.cli_learning",
    )
    _add_file(tune)
    place = tune.add_mutually_exclusive_group()
    place.add_argument("--out", metavar="DIR", help="where the adapters are kept (default: with the shop)")
    _add_data_dir(place)
    tune.add_argument("--store", metavar="NAME", help="only this store, where the file has several")
    tune.add_argument("--seed", type=int, default=1, help="the same seed gives the same adapter (default: 1)")
    tune.add_argument(
        "--backbone", metavar="PATH_OR_NAME", help="a Hugging Face decoder to adapt instead of the base"
    )
    tune.add_argument("--json", action="store_true", help="print progress and the report as JSON lines")
    tune.add_argument("--language", choices=("en", "zh"), default="en", help="language of the report")

    demo = _add(commands, "demo", "create the demo shop", "demo --reset")
    demo.add_argument("--reset", action="store_true", help="delete the demo shop and create it anew")
    _add_data_dir(demo)

    _add_adapters(commands)

    _add_review(commands)

    for name, (_, summary) in PASSED_ON.items():
        commands.add_parser(name, help=summary, add_help=False)
    return top


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of examples, and a column wide enough for every command's name."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)


class _Version(argparse.Action):
    """Looks the version up only when asked: reading package metadata takes as long as all the rest."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(PROGRAM, version(PROGRAM))
        parser.exit()


_Commands = argparse._SubParsersAction  # argparse has no public name for it


def _add(
    commands: _Commands,
    name: str,
    summary: str,
    example: str,
    function: str | None = None,
    module: str = "assistant.cli_commands",
) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"Example:\n  {PROGRAM} {example}",
        formatter_class=_Help,
    )
    added.set_defaults(command=function or name, module=module)
    return added


def _add_report(commands: _Commands) -> None:
    report = _add(
        commands,
        "report",
        "price a whole shop and write the report to act on and to forward",
        "report sales.csv --out reports --formats html xlsx --since-last\n\n"
        "exit status: 0 made, 1 bad input, 2 wrong usage, 3 nothing new since the last (--since-last),\n"
        "4 another run makes a report of this shop, 130 stopped: the same command goes on where it was",
        module="assistant.cli_reports",
    )
    _add_file(report, optional=True, ask_bad_rows=False)
    report.set_defaults(skip_bad_rows=True)  # one broken row stops no report: it is listed there
    add_report_options(report)
    _add_data_dir(report, default="PRICING_ASSISTANT_HOME, else of a FILE the folder shop in --out")


def _add_adapters(commands: _Commands) -> None:
    summary = "list, promote, roll back adapters"
    group = _add(commands, "adapters", summary, "adapters rollback")
    actions = group.add_subparsers(metavar="ACTION", required=True)
    for name, (summary, version, example) in ADAPTER_ACTIONS.items():
        action = _add(actions, name, summary, f"adapters {example}", "adapters")
        action.set_defaults(action=name)
        if version is not None:
            nargs = None if version == "one" else version
            action.add_argument("version", metavar="VERSION", nargs=nargs, help="its number, e.g. 0002 or 2")
        place = action.add_mutually_exclusive_group()
        place.add_argument(
            "--out", metavar="DIR", help="the folder that fine-tune wrote (default: the shop's)"
        )
        _add_data_dir(place)
        action.add_argument("--json", action="store_true", help="print the result as JSON")
        action.add_argument("--language", choices=("en", "zh"), default="en", help="language of the output")


def _add_review(commands: _Commands) -> None:
    module = "assistant.cli_review"
    review = _add(
        commands,
        "report-review",
        "record what was decided in a report's workbook",
        "report-review report.xlsx",
        "report_review",
        module,
    )
    add_review_options(review)

    export = _add(
        commands,
        "report-export",
        "write the approved prices in the import layout of a shop",
        "report-export --for shopify --catalogue products_export.csv --out prices.csv",
        "report_export",
        module,
    )
    add_export_options(export)
    for command in (review, export):
        _add_data_dir(command)
        command.add_argument("--json", action="store_true", help="print the result as JSON")
        command.add_argument("--language", choices=("en", "zh"), default="en", help="language of the output")


def _add_data_dir(command: argparse._ActionsContainer, *, default: str = "PRICING_ASSISTANT_HOME") -> None:
    command.add_argument("--data-dir", metavar="DIR", help=f"where the shop is kept (default: {default})")


def _add_file(command: argparse.ArgumentParser, *, optional: bool = False, ask_bad_rows: bool = True) -> None:
    command.add_argument(
        "file",
        metavar="FILE",
        nargs="?" if optional else None,
        help="sales as CSV, TSV, Excel or Parquet: a row per sale, or per product and period",
    )
    command.add_argument("--period", choices=("day", "week", "month"), help="default: found from the dates")
    command.add_argument(
        "--gaps",
        choices=("zero", "unknown"),
        help="what a missing period means: nothing sold, or not recorded (default: found from the data)",
    )
    if ask_bad_rows:
        text = "set unreadable rows aside and say so"
        command.add_argument("--skip-bad-rows", action="store_true", help=text)


def _port(text: str) -> int:
    if not (text.isdigit() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port between 1 and 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
