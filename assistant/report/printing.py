"""A document in the formats asked for, each by its printer."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from assistant.report.document import Document
from assistant.report.progress import Format


def print_report(document: Document, form: Format, folder: Path, *, pages: int) -> list[Path]:
    """Print one format into a folder; returns its files.

    Parameters
    ----------
    pages
        Product pages of the PDF.
    """
    path = folder / f"report.{form}"
    match form:
        case "html":
            from assistant.report.html import write_html

            write_html(document, path)
        case "xlsx":
            from assistant.report.workbook import write_workbook

            write_workbook(document, path)
        case "csv":
            from assistant.report.tables import write_csv

            path = folder / "csv"
            path.mkdir()
            write_csv(document, path)
            return sorted(path.iterdir())
        case "pdf":
            from assistant.report.pdf import write_pdf

            write_pdf(document, path, pages=pages)
        case "json":
            from assistant.report.tables import write_json

            write_json(document, path)
        case _:
            assert_never(form)
    return [path]
