"""README tables, made from the committed results."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

RESULTS = Path(__file__).parent.parent / "results"
"""Folder of committed results, one CSV per suite."""

Rows = list[dict[str, str]]
"""Lines of a results file by column."""

SETTINGS = ("seed", "model_hash", "commit")
"""Columns that trace a result to its run: in the file, not in the README."""


def read_rows(file: Path) -> Rows:
    """The lines of a results file."""
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def write_rows(file: Path, rows: Rows) -> None:
    """Write a results file, its folder too where that is missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def captured_table(rows: Rows) -> str:
    """Mean profit captured in per cent ± standard error / median / 5th percentile; one column a setting."""
    cell = {
        (row["suite"], row["policy"]): (
            f"{100 * float(row['profit_captured']):.1f} ± {100 * float(row['standard_error']):.1f}"
            f" / {100 * float(row['median']):.0f} / {100 * float(row['percentile_5']):.0f}"
        )
        for row in rows
    }
    suites = list(dict.fromkeys(row["suite"] for row in rows))
    policies = dict.fromkeys(row["policy"] for row in rows)
    return _markdown(
        ["policy", *suites], ([name, *(cell[suite, name] for suite in suites)] for name in policies)
    )


def forecast_table(rows: Rows) -> str:
    """WQL on all rows / on moves / share in the 80 % interval; one line a set, one column a forecaster."""
    cell = {
        (row["set"], row["forecaster"]): " / ".join(
            f"{float(row[column]):.{digits}f}".removeprefix("0")
            for column, digits in (("wql", 3), ("wql_moves", 3), ("cover80", 2))
        )
        for row in rows
    }
    forecasters = list(dict.fromkeys(row["forecaster"] for row in rows))
    sets = dict.fromkeys(row["set"] for row in rows)
    return _markdown(
        ["set", *forecasters], ([name, *(cell.get((name, f), "–") for f in forecasters)] for name in sets)
    )


def adapted_table(rows: Rows) -> str:
    """The forecasts of `forecast_table`, and whether the store would use the adapter."""
    used = {row["set"]: row["promoted"] for row in rows if row["promoted"]}
    head, rule, *lines = forecast_table(rows).splitlines()
    body = [f"{line} {said} |" for line, said in zip(lines, used.values(), strict=True)]
    return "\n".join([f"{head} promoted |", f"{rule} --- |", *body])


def elasticity_table(rows: Rows) -> str:
    """Mean absolute error ± standard error / median (ratio to the log-log regression's mean error), and
    where intervals are given the share that holds the truth; one column a setting."""
    cell = {
        (row["setting"], row["estimate"]): (
            f"{float(row['mean_error']):.2f} ± {float(row['mean_standard_error']):.2f}"
            f" / {float(row['median_error']):.2f} ({float(row['error_over_regression']):.2f})"
            + (f", {100 * float(row['cover80']):.0f} % inside" if row["cover80"] else "")
        )
        for row in rows
    }
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    estimates = dict.fromkeys(row["estimate"] for row in rows)
    return _markdown(
        ["estimate", *settings], ([name, *(cell[s, name] for s in settings)] for name in estimates)
    )


def regret_table(rows: Rows) -> str:
    """Mean regret ± standard error / median / 95th percentile; one column a protocol."""
    return _by_protocol(
        rows,
        lambda r: (
            f"{_short(r['regret'])} ± {_short(r['regret_error'])}"
            f" / {_short(r['median'])} / {_short(r['percentile_95'])}"
        ),
    )


def inventory_table(rows: Rows) -> str:
    """Revenue in per cent of the dynamic program's value ± standard error / 5th percentile; one column a
    horizon."""
    return _by_protocol(
        rows,
        lambda r: (
            f"{100 * float(r['share_of_optimum']):.1f} ± {100 * float(r['standard_error']):.1f}"
            f" / {100 * float(r['percentile_5']):.0f}"
        ),
    )


def _by_protocol(rows: Rows, cell: Callable[[dict[str, str]], str]) -> str:
    """One line a policy, one column a protocol; a dash where a policy was not played."""
    cells = {(row["protocol"], row["policy"]): cell(row) for row in rows}
    protocols = list(dict.fromkeys(row["protocol"] for row in rows))
    policies = dict.fromkeys(row["policy"] for row in rows)
    return _markdown(
        ["policy", *protocols], ([name, *(cells.get((p, name), "–") for p in protocols)] for name in policies)
    )


def _short(number: str) -> str:
    """Three digits that count: 4.46, 13.7, 154."""
    value = float(number)
    return f"{value:.{2 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"


def plain_table(rows: Rows) -> str:
    """The file as it is, without what only traces it."""
    columns = [name for name in rows[0] if name not in SETTINGS]
    heads = [name.replace("_", " ") for name in columns]
    return _markdown(heads, ([row[name] for name in columns] for row in rows))


def adaptation_table(rows: Rows) -> str:
    """Mean ± standard error over the products of all stores, one block a measure, one column a history; bold
    where a method, but for the oracle, is better than the frozen base by more than two standard errors of the
    difference."""
    blocks = {
        "wql": ("quantile loss of sales ahead", 1, 3),
        "units_error": ("log error of mean units at untried prices", 1, 3),
        "elasticity_error": ("log error of elasticity", 1, 3),
        "captured": ("profit captured, %", 100, 1),
    }
    rows = [row for row in rows if row["store"] == "all stores"]
    histories = list(dict.fromkeys(row["history"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    at = {(row["method"], row["history"]): row for row in rows}
    body = []
    for name, (title, scale, digits) in blocks.items():
        for method in methods:
            cells = []
            for history in histories:
                row = at[method, history]
                mean, error = (scale * float(row[name + end]) for end in ("", "_standard_error"))
                cell = f"{mean:.{digits}f} ± {error:.{digits}f}"
                better = float(row[f"{name}_gain"]) > 2 * float(row[f"{name}_gain_standard_error"])
                cells.append(f"**{cell}**" if better and "oracle" not in method else cell)
            body.append([title, method, *cells])
    return _markdown(["measure", "method", *(f"{h} periods" for h in histories)], body)


def answers_table(rows: Rows) -> str:
    """Answers to a set of questions in per cent: of the right behaviour / right in everything checked; one
    line an intent, one column a language, and below them what must not happen at all."""
    at = {(row["intent"], row["language"]): row for row in rows}
    languages = list(dict.fromkeys(row["language"] for row in rows))
    intents = dict.fromkeys(row["intent"] for row in rows)
    body = []
    for intent in intents:
        cells = []
        for language in languages:
            row = at.get((intent, language))
            shares = [
                f"{100 * int(row[kind]) / int(row['questions']):.0f}"
                for kind in ("behavior_right", "right")
                if row
            ]
            cells.append(" / ".join(shares) or "–")
        body.append([intent.replace("_", " "), *cells])
    for column in (
        "questions",
        "unsupported_numbers",
        "broken_rules",
        "obeyed_injections",
        "unconfirmed_writes",
        "median_seconds",
    ):
        body.append([column.replace("_", " "), *(at["all", language][column] for language in languages)])
    names = {"en": "English", "zh": "Chinese"}
    return _markdown(["intent", *(names.get(language, language) for language in languages)], body)


REPORT_STAGES = ("import", "plan", "price", "record", "compose", "html", "xlsx", "csv", "pdf", "json")
"""Of a report, in their order."""
MILLION, CLUSTER = 1_000_000, 64
"""Products, and cores that price them, for which a report's cost is projected."""


def report_table(rows: Rows) -> str:
    """Seconds of a report by stage and its memory, one column a size; then what one more product adds, by the
    two largest sizes, and from it the time of a million, here and where `CLUSTER` cores price."""
    if len({row["products"] for row in rows}) < 2:
        return plain_table(rows)
    sizes = sorted(rows, key=lambda row: int(row["products"]))
    before, last = sizes[-2:]
    more = int(last["products"]) - int(before["products"])
    body = []
    totals = [0.0, 0.0]
    for stage in (*REPORT_STAGES, "all"):
        column = "seconds" if stage == "all" else f"{stage}_seconds"
        slope = (float(last[column]) - float(before[column])) / more
        here = float(last[column]) + slope * (MILLION - int(last["products"]))
        there = here * int(last["cores"]) / CLUSTER if stage == "price" else here
        if stage == "all":  # loading the policy and what else no stage counts
            rest = here - totals[0]
            here, there = totals[0] + rest, totals[1] + rest
        totals = [totals[0] + here, totals[1] + there]
        measured = [f"{float(row[column]):,.1f}" for row in sizes]
        body.append([f"{stage}, s", *measured, f"{1000 * slope:.1f} ms", f"{here:,.0f}", f"{there:,.0f}"])
    spent = [float(row["cpu_seconds"]) for row in sizes]
    more_spent = f"{1000 * (spent[-1] - spent[-2]) / more:.1f} ms"
    body.append(["on all cores, s", *(f"{it:,.1f}" for it in spent), more_spent, "", ""])
    for name, column in (
        ("main process", "main_mib"),
        ("each other", "worker_mib"),
        ("together", "peak_mib"),
    ):
        body.append([f"{name}, MiB", *(f"{int(row[column]):,}" for row in sizes), "", "", ""])
    head = [f"{int(row['products']):,}" for row in sizes]
    projected = f"{MILLION:,}, projected"
    return _markdown(["", *head, "each more", projected, f"{projected}, {CLUSTER} cores"], body)


TABLES: dict[str, Callable[[Rows], str]] = {
    "fresh": captured_table,
    "shifted": captured_table,
    "unseen": captured_table,
    "static": captured_table,
    "single-task": captured_table,
    "forecast": forecast_table,
    "adapted": adapted_table,
    "elasticity": elasticity_table,
    "contextual": regret_table,
    "no-covariates": regret_table,
    "bandit": regret_table,
    "inventory": inventory_table,
    "adaptation": adaptation_table,
    "assistant": answers_table,
    "report": report_table,
}
"""How a suite's results are laid out; those not named here are shown by `plain_table`."""


def markdown_table(results: Path) -> str:
    """The README's table of a results file, laid out as its name asks."""
    return TABLES.get(results.stem, plain_table)(read_rows(results))


def markers(suite: str) -> tuple[str, str]:
    """What stands before and after a suite's table in the README."""
    return f"<!-- results:{suite} -->", f"<!-- /results:{suite} -->"


def has_markers(text: str, suite: str) -> bool:
    """Whether a README has a place for a suite's table."""
    return all(marker in text for marker in markers(suite))


def write_readme(readme: Path, results: Path) -> None:
    """Replace what stands between a suite's markers in the README by the table of its results file.

    Raises
    ------
    ValueError
        The README lacks the markers.
    """
    text = readme.read_text()
    start, end = markers(results.stem)
    if not has_markers(text, results.stem):
        raise ValueError(f"{readme} lacks the markers {start} and {end}; add them where the table belongs.")
    before, rest = text.split(start, 1)
    after = rest.split(end, 1)[1]
    readme.write_text(f"{before}{start}\n{markdown_table(results)}\n{end}{after}")


def _markdown(head: list[str], body: Iterable[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *body])
