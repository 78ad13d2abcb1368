"""README tables, made from the committed results."""

from __future__ import annotations

import csv
from pathlib import Path

RESULTS = Path(__file__).parent.parent / "results"
"""Folder of committed results, one CSV per benchmark."""

START, END = "<!-- results:fresh -->", "<!-- /results:fresh -->"


def markdown_table(results: Path) -> str:
    """Profit captured by every policy, one column a suite, as Markdown."""
    with results.open(newline="") as file:
        lines = list(csv.DictReader(file))
    suites = list(dict.fromkeys(line["suite"] for line in lines))
    policies = list(dict.fromkeys(line["policy"] for line in lines))
    cell = {
        (line["suite"], line["policy"]): (
            f"{100 * float(line['profit_captured']):.1f} ± {100 * float(line['standard_error']):.1f}"
            f" ({100 * float(line['percentile_5']):.0f})"
        )
        for line in lines
    }
    head = ["policy", *suites]
    body = [[policy, *(cell[suite, policy] for suite in suites)] for policy in policies]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *body])


def write_readme(readme: Path, results: Path) -> None:
    """Replace what stands between the markers in the README by the table of these results.

    Raises
    ------
    ValueError
        The README lacks the markers.
    """
    text = readme.read_text()
    if START not in text or END not in text:
        raise ValueError(f"{readme} lacks the markers {START} and {END}; add them where the table belongs.")
    before, rest = text.split(START, 1)
    after = rest.split(END, 1)[1]
    readme.write_text(f"{before}{START}\n{markdown_table(results)}\n{END}{after}")
