"""The agent's graph: a chat model and tools in turn, within limits, writes confirmed, answers checked."""

from __future__ import annotations

import json
import logging
from typing import Any, cast

from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelCallLimitMiddleware,
    ModelRequest,
    ToolCallLimitMiddleware,
    ToolErrorMiddleware,
    dynamic_prompt,
)
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph

import prompts
from assistant.confirmation import confirmation
from assistant.facts import labels
from assistant.models import is_embedded, name_of, stays_here
from assistant.number_check import NumberCheck
from assistant.outside import Outside
from assistant.tools import TOOLS, Turn

MODEL_CALLS, TOOL_CALLS = 10, 16
"""Most calls in one turn; a question that needs more is not going to be answered."""


def graph(model: BaseChatModel, checkpoints: BaseCheckpointSaver) -> CompiledStateGraph[Any, Turn, Any, Any]:
    """The agent: model and tools in turn, within limits, every write confirmed and every answer checked."""
    # `Any`: the limits declare state of their own, which the types of `create_agent` cannot join.
    middleware: list[AgentMiddleware[Any, Turn, Any]] = [
        _system_prompt,
        ModelCallLimitMiddleware(run_limit=MODEL_CALLS, exit_behavior="end"),
        ToolCallLimitMiddleware(run_limit=TOOL_CALLS, exit_behavior="continue"),
        confirmation(),
        ToolErrorMiddleware(_tool_failed),
        NumberCheck(name_of(model)),
        *([] if is_embedded(model) else [Outside()]),
    ]
    return create_agent(
        model, tools=list(TOOLS), middleware=middleware, context_schema=Turn, checkpointer=checkpoints
    )


def _tool_failed(error: Exception, request: ToolCallRequest) -> str:
    """What the model hears of a tool that broke where no tool's own words say it."""
    logging.getLogger(__name__).error("The tool %s failed", request.tool_call["name"], exc_info=error)
    turn = cast(Turn, request.runtime.context)
    message = str(labels(turn.language)["errors"]["policy_failed"]).format(error=type(error).__name__)
    payload = {"status": "error", "language": turn.language, "code": "tool_failed", "message": message}
    return json.dumps(payload, ensure_ascii=False)


@dynamic_prompt
def _system_prompt(request: ModelRequest[Turn]) -> str:
    context = request.runtime.context
    today, period = context.desk.records.clock
    where = labels(context.language)["answer"]["stays_here" if stays_here(request.model) else "goes_outside"]
    return prompts.fill(
        context.language, "system.txt", today=today.isoformat(), period=period, where=str(where)
    )
