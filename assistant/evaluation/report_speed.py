"""Command `pricing-assistant evaluate --suite report`: what a report of so many products costs.

Each size is a command of its own, from a CSV of simulated sales to the printed report, with its time by stage
and the memory of its main process, of the largest of those that price beside it, and of all together.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from policy.evaluation.command import current_commit
from policy.evaluation.tables import (
    REPORT_STAGES,
    has_markers,
    markers,
    plain_table,
    write_readme,
    write_rows,
)

SUITE = "report"
SIZES = (100, 1_000, 10_000)
"""Products. 100,000 takes most of an hour on two cores and is measured where it is asked for."""
PIECE = 10_000
"""Products that are simulated at once."""
SEED = 20_031
SAMPLED = 0.2
"""Seconds between looks at the memory."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every size, print, and write what was asked for; returns the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.readme and not args.out:
        parser.error("--readme needs --out: it is made from the file there")
    for page in args.readme or ():
        if not has_markers(page.read_text(encoding="utf-8"), SUITE):
            parser.error(f"{page} lacks {' and '.join(markers(SUITE))}, where the table belongs")
    rows = [measured(products, args.periods, note=args.note) for products in sorted(args.products)]
    print(plain_table(rows))
    if args.out:
        write_rows(args.out / f"{SUITE}.csv", rows)
        print(f"Wrote {args.out / SUITE}.csv.")
    for page in args.readme or ():
        write_readme(page, args.out / f"{SUITE}.csv")
        print(f"Renewed the table of {SUITE} in {page}.")
    return 0


def measured(products: int, periods: int, *, note: str = "") -> dict[str, str]:
    """One line of the results: a report of simulated sales, made and thrown away."""
    from policy.evaluation.speed import processor

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sales.csv"
        write_sales(file, products, periods)
        command = [sys.executable, "-m", "assistant.cli", "report", str(file), "--out", folder, "--json"]
        before, began = os.times(), time.monotonic()
        with (Path(folder) / "said.json").open("w+", encoding="utf-8") as said:
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL)
            main, worker, together = _peak_memory(process)
            spent, after = time.monotonic() - began, os.times()
            if process.returncode != 0:
                raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}.")
            said.seek(0)
            made: dict[str, Any] = json.load(said)
    cpu = sum(getattr(after, it) - getattr(before, it) for it in ("children_user", "children_system"))
    row = {
        "products": str(products),
        "periods": str(periods),
        **{f"{stage}_seconds": f"{made['seconds'][stage]:.1f}" for stage in REPORT_STAGES},
        "seconds": f"{spent:.1f}",
        "cpu_seconds": f"{cpu:.1f}",
        "main_mib": f"{main / 2**20:.0f}",
        "worker_mib": f"{worker / 2**20:.0f}",
        "peak_mib": f"{together / 2**20:.0f}",
        "cores": str(os.cpu_count()),
        "processor": processor(),
        "note": note,
        "seed": str(SEED),
        "commit": current_commit(),
    }
    print("  {products:>7s} products: {seconds} s, {peak_mib} MiB".format(**row), flush=True)
    return row


def write_sales(file: Path, products: int, periods: int) -> None:
    """Simulated weekly sales as a merchant's CSV, prices in whole cents; the first products of a larger file
    are those of a smaller one."""
    from policy.evaluation.speed import Load, sales_table

    for first in range(0, products, PIECE):
        count = min(PIECE, products - first)
        history, _ = sales_table(Load(products=count, periods=periods, seed=SEED + first))
        number = history["sku"].str[1:].astype(int) + first
        history["sku"] = "P" + number.astype(str).str.zfill(7)
        history["category"] = "C" + (number % 40).astype(str)
        history["currency"] = "USD"
        history = history.round(dict.fromkeys(("price", "cost", "competitor_price", "promo"), 2))
        history.to_csv(file, index=False, mode="a" if first else "w", header=first == 0)


def _peak_memory(process: subprocess.Popen[bytes]) -> tuple[int, int, int]:
    """Bytes that a process, the largest of its children (0 without any) and all together held at most.

    By what the system says of each every `SAMPLED` seconds; in the sum, pages that they share count once
    each. Waits for the end.
    """
    import psutil

    main = worker = together = 0
    parent = psutil.Process(process.pid)
    while process.poll() is None:
        held = []
        try:
            for one in (parent, *parent.children(recursive=True)):
                held.append(one.memory_info().rss)
        except psutil.NoSuchProcess:  # it ended while we looked
            pass
        if held:
            main, worker = max(main, held[0]), max([worker, *held[1:]])
            together = max(together, sum(held))
        time.sleep(SAMPLED)
    return main, worker, together


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pricing-assistant evaluate",
        description="Measure what reports of growing catalogues cost: time by stage, processor, memory.",
        epilog="Example:\n  pricing-assistant evaluate --suite report --products 100 1000 --out results",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--suite", nargs=1, choices=[SUITE], metavar=SUITE, help="this suite runs alone")
    parser.add_argument(
        "--products",
        nargs="+",
        type=_count,
        metavar="N",
        default=list(SIZES),
        help=f"sizes (default: {' '.join(map(str, SIZES))}; 100000 takes most of an hour)",
    )
    parser.add_argument("--periods", type=_count, metavar="N", default=104, help="weeks (default: 104)")
    parser.add_argument("--note", default="", help="kept with the results, such as what else ran beside")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write report.csv into this folder")
    parser.add_argument(
        "--readme", type=Path, nargs="+", metavar="FILE", help="with --out: renew the table on these pages"
    )
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)
