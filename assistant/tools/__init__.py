"""The agent's tools: typed arguments in, JSON of formatted facts out; no model formats or computes.

A tool is a function in one of these modules whose docstring the model reads. One that reads hands `run` a
function of the desk and the language that returns a `Report`, and is offered to the model by its place in
`READS`; one that writes hands `carry_out` its stage (`writing`), and has its place in `WRITES`.
"""

from langchain_core.tools import BaseTool

from assistant.tools.approving import APPROVE, REJECT
from assistant.tools.breaking_even import break_even
from assistant.tools.clearing import clearance
from assistant.tools.comparing import compare
from assistant.tools.competing import competitors
from assistant.tools.data import data_quality
from assistant.tools.finding import find_products
from assistant.tools.forecasting import forecast
from assistant.tools.importing import IMPORT_SALES
from assistant.tools.itself import about_assistant
from assistant.tools.learning import START_FINE_TUNING, fine_tuning_readiness
from assistant.tools.measuring import unit_price
from assistant.tools.overview import catalogue_overview
from assistant.tools.pricing import explain, recommend, what_if
from assistant.tools.promoting import promotion
from assistant.tools.records import audit, track_record
from assistant.tools.referring import reference_price
from assistant.tools.reporting import START_REPORT
from assistant.tools.result import Report, Result, Runtime, Turn
from assistant.tools.rules import SET_RULES, show_rules
from assistant.tools.sensitivity import elasticity
from assistant.tools.targeting import target_price
from assistant.tools.testing_prices import price_test
from assistant.tools.undoing import UNDO
from assistant.tools.writing import Write

READS: tuple[BaseTool, ...] = (
    find_products, recommend, explain, target_price, what_if, break_even, forecast, clearance, promotion,
    price_test, reference_price, unit_price, compare, elasticity, competitors, catalogue_overview,
    data_quality, track_record, audit, show_rules, fine_tuning_readiness, about_assistant,
)  # fmt: skip
WRITES: tuple[Write, ...] = (APPROVE, REJECT, SET_RULES, UNDO, IMPORT_SALES, START_FINE_TUNING, START_REPORT)
"""Carried out only after the merchant's yes."""
TOOLS: tuple[BaseTool, ...] = (*READS, *(write.tool for write in WRITES))
"""In the order in which the model sees them."""

__all__ = ["READS", "TOOLS", "WRITES", "Report", "Result", "Runtime", "Turn", "Write"]
