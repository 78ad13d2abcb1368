"""Fine-tuning on the shop's sales: whether there is enough to learn from, and begun from the chat."""

from __future__ import annotations

from langchain_core.tools import tool

from assistant.desk import Desk, DeskError
from assistant.shop_facts import readiness_facts
from assistant.tools.beside import Beside
from assistant.tools.result import Report, Result, Runtime, Turn, run, values_of
from assistant.tools.writing import Staged, Write, carry_out, words_of
from assistant.wording import Language

_TUNING = Beside(runner_of=lambda turn: turn.tuning, word="tuning", entry="fine_tuning")


@tool(response_format="content_and_artifact")
def fine_tuning_readiness(runtime: Runtime) -> Result:
    """Whether this shop's sales are enough to fine-tune the pricing model on, counted against what it needs.

    Needed are `products_needed` products with `periods_needed` of sales each whose price changed
    `moves_needed` times or more. Enough to start is no promise that it helps: it prices only if it forecasts
    the last quarter better. Without fine-tuning the base model reads each product's history as it is.
    `refused`: why it cannot start (few_products, short_series, few_tested, prices_still, nothing_sold,
    prices_jump).
    Example: {"status": "ok", "language": "en", "enough": true, "refused": null, "adapter": null, "facts":
    {"products": "21", "long_enough": "20", "moved": "19", "products_needed": "5", "moves_needed": "4",
    "periods_needed": "30 weeks"}}
    """

    def report(desk: Desk, language: Language) -> Report:
        found = desk.records.readiness()
        facts = readiness_facts(found, language)
        payload = {
            "status": "ok",
            "enough": found.enough,
            "refused": found.refused,
            "adapter": desk.adapter,
            "facts": values_of(facts),
        }
        return Report(payload, facts, names=[desk.adapter] if desk.adapter else [])

    return run(runtime, report)


@tool(response_format="content_and_artifact")
def start_fine_tuning(runtime: Runtime) -> Result:
    """Start to fine-tune the pricing model on this shop's sales; it prices by it only if it proves better.

    The merchant is asked before it starts: call this at once, do not ask first. Say what `done` says.
    Example: {"status": "ok", "language": "en", "done": "Fine-tuning has started.", "rows": [], "notes": []}
    """
    return carry_out(runtime, "start_fine_tuning", stage_fine_tuning)


def stage_fine_tuning(turn: Turn) -> Staged:
    """A run of fine-tuning. Raises `DeskError` where this program has none to start, or runs one."""
    _TUNING.ready(turn)
    if not turn.desk.store.products():
        raise DeskError("empty_shop")
    words = words_of(turn)
    return Staged(
        summary=words("summary.fine_tuning"),
        done=words("done.fine_tuning"),
        commit=dict,
        then=lambda: _TUNING.begin(turn, turn.language),
        notes=[words("notes.fine_tuning")],
    )


START_FINE_TUNING = Write(start_fine_tuning, stage_fine_tuning, _TUNING.take_back)
