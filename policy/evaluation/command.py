"""Command `pricing-assistant evaluate`: runs suites, writes results, README tables and figures."""

from __future__ import annotations

import argparse
import subprocess
from importlib.util import find_spec
from pathlib import Path

from policy.evaluation.suites import (
    DEFAULT,
    DRAWN,
    EXTRA,
    NEEDS,
    QUICK_MARKETS,
    QUICK_SERIES,
    REAL,
    SUITES,
    Run,
)
from policy.evaluation.tables import has_markers, markers, write_readme


def main(argv: list[str] | None = None) -> int:
    """Run the suites asked for and return the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    # `--suite forecast DIR` reads as one list: what is no suite's name is a path, if paths are wanted.
    names = list(dict.fromkeys(word for word in args.suite if word in SUITES))
    paths = [Path(word) for word in (*args.paths, *args.suite) if word not in SUITES]
    real = [name for name in names if name in REAL]
    if paths and not real:
        parser.error(
            f"argument --suite: invalid choice: {str(paths[0])!r} (choose from {', '.join(SUITES)}; "
            f"folders of sales go with {' and '.join(REAL)})"
        )
    if real and not paths:
        parser.error(f"--suite {real[0]} needs at least one folder with tidy.csv.gz, or such a file")
    for option in ("readme", "figures"):
        if getattr(args, option) and not args.out:
            parser.error(f"--{option} needs --out: it is made from the files there")
    if args.out and args.out.is_file():
        parser.error(f"--out {args.out} is a file; name a folder, which gets one CSV a suite")
    if args.readme and (args.quick or args.weights):
        parser.error("--readme shows full runs of the embedded base: leave out --quick and --weights")
    if args.figures and find_spec("matplotlib") is None:
        parser.error(f"--figures needs matplotlib; {EXTRA} adds it")
    for name in names:
        module, package = NEEDS.get(name, (None, None))
        if module and find_spec(module) is None:
            parser.error(f"--suite {name} needs {package}; {EXTRA} adds it")
    if args.readme and (lacking := _without_markers(args.readme, names)):
        pages = " and ".join(map(str, args.readme))
        parser.error(f"{pages} lacks {' and '.join(markers(lacking[0]))}, where the table belongs")

    from policy.model.loading import load_model

    run = Run(
        weights=args.weights,
        model_hash=load_model(args.weights).digest[:12],
        commit=current_commit(),
        quick=args.quick,
        out=args.out,
        paths=tuple(paths),
        series=args.series,
        runs=args.runs,
        backbone=args.backbone,
    )
    for name in names:
        run.write(name, SUITES[name](run))
        if args.readme:
            for page in args.readme:
                if has_markers(page.read_text(), name):
                    write_readme(page, args.out / f"{name}.csv")
                    print(f"Renewed the table of {name} in {page}.")
        if args.figures and name in DRAWN:
            from policy.evaluation.figures import draw_figures

            for file in draw_figures(args.out, name, args.figures):
                print(f"Drew {file}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pricing-assistant evaluate",
        description="Compare the policy with its baselines: in simulated markets, where profit is known, "
        "and as forecasts of real sales.",
        epilog="Examples:\n"
        "  pricing-assistant evaluate --quick\n"
        "  pricing-assistant evaluate --suite forecast data/tuna data/cheese --out results\n"
        "  pricing-assistant evaluate --suite assistant --help     the answers in words",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="with forecast and prior: folders with tidy.csv.gz, or such files",
    )
    parser.add_argument(
        "--suite",
        nargs="+",
        metavar="NAME",
        default=list(DEFAULT),
        help=f"of {', '.join(SUITES)} (default: {' '.join(DEFAULT)})",
    )
    parser.add_argument("--weights", metavar="DIR", help="folder of a model (default: the embedded base)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"a first look: {QUICK_MARKETS} markets a setting, {QUICK_SERIES} series a set",
    )
    parser.add_argument(
        "--series", type=_count, metavar="N", default=150, help="most series a set of sales (default: 150)"
    )
    parser.add_argument(
        "--runs",
        type=Path,
        metavar="DIR",
        default=Run.runs,
        help="with ablation and adapted: where their runs are kept, and go on from (default: %(default)s)",
    )
    parser.add_argument(
        "--backbone",
        type=Path,
        metavar="DIR",
        help="with ablation: folder of a language-pretrained decoder to compare with",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write one CSV a suite into this folder")
    parser.add_argument(
        "--readme",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="with --out: renew the suites' tables on these pages",
    )
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="DIR",
        help="with --out: draw regret and profit captured into this folder",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _without_markers(pages: list[Path], suites: list[str]) -> list[str]:
    """Suites whose table has no place on any of the pages."""
    texts = [page.read_text() for page in pages]
    return [name for name in suites if not any(has_markers(text, name) for text in texts)]


def current_commit() -> str:
    """Short hash of the checked-out commit, `-dirty` where the tree differs; `unknown` outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
