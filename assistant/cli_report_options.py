"""What the commands about reports are told: `report`, `report-review`, `report-export`."""

from __future__ import annotations

import argparse
from datetime import date

from assistant.cli_rules import add_rules


def add_report_options(report: argparse.ArgumentParser) -> None:
    """Where a report goes, what is in it, who prices it, and its rules."""
    report.add_argument(
        "--out", metavar="DIR", required=True, help="the reports' folder: each gets one named by its date"
    )
    report.add_argument(
        "--language",
        dest="languages",
        choices=("en", "zh"),
        nargs="+",
        default=["en"],
        help="languages of the report (default: en)",
    )
    report.add_argument(
        "--formats",
        choices=("html", "xlsx", "csv", "pdf", "json"),
        nargs="+",
        default=["html", "xlsx", "csv", "pdf", "json"],
        help="default: all",
    )
    report.add_argument(
        "--pages", type=_whole, default=50, metavar="N", help="product pages of the PDF (default: 50)"
    )
    report.add_argument("--objective", choices=("profit", "revenue"), default="profit")
    report.add_argument(
        "--reference", choices=("eu", "china"), help="check by this law what cuts may be announced as"
    )
    report.add_argument(
        "--since-last", action="store_true", help="act only on what changed since the last report"
    )
    report.add_argument("--adapter", metavar="DIR", help="a store's adapter (default: the shop's)")
    report.add_argument("--engine", choices=("local", "ray"), default="local", help="what prices the batches")
    report.add_argument(
        "--workers", type=_whole, metavar="N", help="with ray: its processes (default: one a core)"
    )
    output = report.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print what was made as JSON")
    output.add_argument("--events", action="store_true", help="print progress and the end as JSON lines")
    add_rules(report)


def add_review_options(review: argparse.ArgumentParser) -> None:
    """The workbook, and whether its decisions are recorded unasked."""
    review.add_argument("file", metavar="FILE", help="the report.xlsx that was filled in")
    review.add_argument("--yes", action="store_true", help="record the decisions without asking")
    review.add_argument(
        "--skip-bad-rows", action="store_true", help="record the others where some rows cannot be"
    )


def add_export_options(export: argparse.ArgumentParser) -> None:
    """For which shop, which prices, and where they go."""
    export.add_argument("--for", dest="shop", required=True, choices=("shopify", "woocommerce", "amazon"))
    export.add_argument("--out", metavar="FILE", required=True, help="the file to write")
    export.add_argument("--store", metavar="NAME", help="only this store, where there are several")
    export.add_argument(
        "--on", metavar="DATE", type=_date, help="prices in force on this day (default: today)"
    )
    export.add_argument(
        "--catalogue", metavar="FILE", help="Shopify's own export of the products, which its layout needs"
    )


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-11-30") from None
