"""The price report of the whole shop, begun from the chat."""

from __future__ import annotations

from typing import Annotated

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import DeskError
from assistant.facts import counts_facts
from assistant.report.progress import Format
from assistant.tools.beside import Beside
from assistant.tools.result import Result, Runtime, Turn
from assistant.tools.writing import Staged, Write, carry_out, words_of
from assistant.wording import LANGUAGES, Language

_REPORTS = Beside(runner_of=lambda turn: turn.reporting, word="report", entry="report")


@tool(response_format="content_and_artifact")
def start_report(
    runtime: Runtime,
    format: Annotated[Format | None, Field(description="The file that is asked for, if one is.")] = None,
    language: Annotated[
        Language | None, Field(description="Of the report, where another than the conversation's is asked.")
    ] = None,
) -> Result:
    """Make the price report of the whole shop: every suggestion with its reasons, as HTML, Excel (xlsx), CSV,
    PDF and JSON.

    For a report, a file, an export or a download of the suggestions; for a few sentences in the chat use
    catalogue_overview. The merchant is asked before it starts: call this at once, do not ask first. It
    changes no price, and sends nothing by e-mail. Say what `done` says.
    Example: {"status": "ok", "language": "en", "done": "The report is being made.", "rows": [], "notes": []}
    """
    return carry_out(runtime, "start_report", stage_report, format=format, language=language)


def stage_report(turn: Turn, *, format: Format | None = None, language: Language | None = None) -> Staged:
    """A report of the shop. Raises `DeskError` where this program has no place to make one, or makes one."""
    _REPORTS.ready(turn)
    words, products = words_of(turn), len(turn.desk.store.products())
    if not products:
        raise DeskError("empty_shop")
    written = language or turn.language
    named = words(f"formats.{format}") if format else words("formats.every")
    facts = counts_facts("report", {"products": products}, turn.language)
    values = {"format": named, "language": LANGUAGES[written], "products": facts[0].value}
    return Staged(
        summary=words("summary.report", **values),
        done=words("done.report", **values),
        commit=dict,
        then=lambda: _REPORTS.begin(turn, written),
        notes=[words("notes.report")],
        facts=facts,
    )


START_REPORT = Write(start_report, stage_report, _REPORTS.take_back)
