"""The chat model that needs no key and no network: it calls the tools and words their results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import ToolCall, ToolCallChunk, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from assistant.embedded.conversation import NUMBER_CHECK, Call
from assistant.embedded.dialogue import next_step
from assistant.embedded.other_tools import OWN, arguments_for, named_tool
from assistant.embedded.sentences import sentences
from assistant.embedded.understanding import language_of
from assistant.embedded.wording import render

_WORD = re.compile(r"\s*\S+\s*?|\s+")


class EmbeddedChatModel(BaseChatModel):
    """A deterministic chat model for questions about prices, in every language that has a lexicon.

    It knows the tools of the assistant. A tool that it does not know is called where the message names
    it or `tool_choice` insists, with arguments found in the message by type.
    """

    model: str = "embedded"
    stop: list[str] | None = None

    @property
    def _llm_type(self) -> str:
        return "pricing-assistant-embedded"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "pricing_assistant"
        return params

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools. `tool_choice`: "auto" or None; "any", "required" or True; or one tool's name."""
        schemas = [convert_to_openai_tool(tool) for tool in tools]
        return super().bind(tools=schemas, tool_choice=_chosen(tool_choice, schemas), **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text, calls = self._answer(messages, kwargs.get("tools") or [], kwargs.get("tool_choice"))
        message = AIMessage(
            content=_stopped(text, stop or self.stop),
            tool_calls=calls,
            response_metadata={"model_name": self.model},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        message = self._generate(messages, stop=stop, **kwargs).generations[0].message
        assert isinstance(message, AIMessage)
        words = _WORD.findall(str(message.content)) or [""]
        for i, word in enumerate(words):
            last = i == len(words) - 1
            chunk = AIMessageChunk(
                content=word,
                tool_call_chunks=[_chunk(call, n) for n, call in enumerate(message.tool_calls)]
                if last
                else [],
                response_metadata=message.response_metadata if last else {},
                chunk_position="last" if last else None,
            )
            generation = ChatGenerationChunk(message=chunk)
            if run_manager:
                run_manager.on_llm_new_token(word, chunk=generation)
            yield generation

    def _answer(
        self, messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]], choice: str | None
    ) -> tuple[str, list[ToolCall]]:
        """Either words or tool calls."""
        said = next(
            (
                str(m.text)
                for m in reversed(messages)
                if isinstance(m, HumanMessage) and m.name != NUMBER_CHECK
            ),
            "",
        )
        offered = {str(tool["function"]["name"]): tool for tool in tools}
        last = messages[-1] if messages else None
        if isinstance(last, ToolMessage) and last.name not in OWN:
            return str(last.text) or sentences(language_of(said, "en")).say("chat.thanks"), []
        insisted = choice if choice in offered else None
        if choice == "any" and not OWN & set(offered):
            insisted = next(iter(offered))
        foreign = offered[insisted] if insisted and insisted not in OWN else named_tool(said, tools)
        if foreign is not None and choice != "none":
            return "", [
                _tool_call(str(foreign["function"]["name"]), arguments_for(foreign, said), len(messages), 0)
            ]
        step = next_step(messages)
        calls = [call for call in step if isinstance(call, Call)]
        if calls and all(call.tool in offered for call in calls) and choice != "none":
            return "", [_tool_call(call.tool, call.args, len(messages), n) for n, call in enumerate(calls)]
        if insisted or choice == "any":
            return "", [_insisted(insisted, offered, said, len(messages))]
        if calls:
            return sentences(language_of(said, "en")).say("chat.no_tools"), []
        return render([reply for reply in step if not isinstance(reply, Call)]), []


def _insisted(name: str | None, offered: dict[str, dict[str, Any]], said: str, turn: int) -> ToolCall:
    """The call a caller insists on where the conversation needs none: a search where any will do."""
    name = name or ("find_products" if "find_products" in offered else next(iter(offered)))
    return _tool_call(name, arguments_for(offered[name], said), turn, 0)


def _tool_call(name: str, args: dict[str, Any], turn: int, n: int) -> ToolCall:
    return ToolCall(name=name, args=args, id=f"call_{turn}_{n}", type="tool_call")


def _chunk(call: ToolCall, n: int) -> ToolCallChunk:
    args = json.dumps(call["args"], ensure_ascii=False)
    return tool_call_chunk(name=call["name"], args=args, id=call["id"], index=n)


def _chosen(choice: str | dict[str, Any] | bool | None, schemas: Sequence[dict[str, Any]]) -> str | None:
    """The tool choice as "any", "none", a tool's name, or None for free."""
    if isinstance(choice, dict):
        choice = str(choice.get("function", choice).get("name"))
    if choice in (None, False, "auto"):
        return None
    if choice in (True, "any", "required"):
        return "any"
    names = [schema["function"]["name"] for schema in schemas]
    if choice not in (*names, "none"):
        raise ValueError(f"`tool_choice` must be 'auto', 'any', 'none' or one of {names}, got {choice!r}.")
    return str(choice)


def _stopped(text: str, stop: list[str] | None) -> str:
    """The text up to the first stop sequence."""
    return text[: min((at for sequence in stop or () if (at := text.find(sequence)) >= 0), default=len(text))]
