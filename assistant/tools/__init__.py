"""The agent's tools: typed arguments in, JSON of formatted facts out; no model formats or computes.

A tool is a function in one of these modules whose docstring the model reads; it hands `run` a function of the
desk and the language that returns a `Report`. It is offered to the model by its place in `TOOLS`.
"""

from langchain_core.tools import BaseTool

from assistant.tools.finding import find_products
from assistant.tools.overview import catalogue_overview
from assistant.tools.pricing import explain, recommend, what_if
from assistant.tools.result import Report, Result, Runtime, Turn

TOOLS: tuple[BaseTool, ...] = (find_products, recommend, explain, what_if, catalogue_overview)
"""In the order in which the model sees them."""

__all__ = ["TOOLS", "Report", "Result", "Runtime", "Turn"]
