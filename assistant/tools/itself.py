"""What the assistant is: which model words its answers, where text and data are, which policy prices."""

from __future__ import annotations

from langchain_core.tools import tool

from assistant.desk import Desk
from assistant.facts import INTERVAL_LEVEL, Sheet
from assistant.tools.result import Report, Result, Runtime, run, values_of
from assistant.wording import Language


@tool(response_format="content_and_artifact")
def about_assistant(runtime: Runtime) -> Result:
    """Privacy and set-up as they are now: which chat model words the answers, whether messages and results
    leave this computer and to where, where the shop's data is kept, which model and adapter price.

    `interval` is the share of outcomes that every range in an answer should hold.
    Numbers never come from the chat model: the pricing model calculates them from this shop's own sales.
    Example: {"status": "ok", "language": "en", "chat_model": "embedded", "built_in": true, "endpoint": null,
    "leaves_computer": false, "data_at": "/home/me/.local/share/pricing-assistant/shop.sqlite",
    "pricing_model": "1f0c...", "adapter": null, "facts": {"interval":
    "80%"}}
    """
    where = runtime.context.where

    def report(desk: Desk, language: Language) -> Report:
        known = {
            "chat_model": where.model if where else None,
            "built_in": where.built_in if where else None,
            "endpoint": where.endpoint if where else None,
            "leaves_computer": where.leaves_computer if where else None,
            "data_at": desk.store.place,
            "pricing_model": desk.pipeline.model_hash,
            "adapter": desk.adapter,
        }
        sheet = Sheet("assistant", language)
        sheet.percent("interval", INTERVAL_LEVEL)
        names = [str(value) for value in known.values() if isinstance(value, str)]
        return Report({"status": "ok", **known, "facts": values_of(sheet.facts)}, sheet.facts, names=names)

    return run(runtime, report)
