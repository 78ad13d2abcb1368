"""A chat model in this process: a Hugging Face decoder from a folder, or by its name on the hub.

`langchain-huggingface` would be the library for this, but its local pipelines know no tools:
`ChatHuggingFace` 1.2.3 leaves them out of the prompt and takes no `ToolMessage`; nor does it resolve beside
huggingface-hub 2. So what is ours is thin: the tokenizer's own chat template writes the prompt, transformers
generates and parts the text into fields (`ResponseParser`), LangChain reads the calls.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.exceptions import ContextOverflowError
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from assistant.embedded.model import tool_chosen

# How an answer is written where the tokenizer does not say it itself (`response_template`): calls of Qwen and
# Hermes, JSON between tags, and those of Qwen3-Coder and 3.5, tags throughout. JSON is left as text, since a
# model that writes it badly is to hear of it; Llama's calls, JSON without tags, are found in the content.
_CALL = {"type": "function", "function": {"name": "{name}", "arguments": "{content}"}}
ANSWERS: dict[str, Any] = {
    "start_anchor": "\0",
    "fields": {
        "reasoning_content": {"open": "<think>", "close": "</think>"},
        "tool_calls": {"open_pattern": r"\s*<tool_call>", "close": "</tool_call>", "repeats": True},
        "tagged_calls": {
            "open_pattern": r"\s*<tool_call>\s*<function=(?P<name>[^>\n]+)>",
            "close_pattern": r"</function>\s*</tool_call>",
            "repeats": True,
            "content": "xml-inline",
            "content_args": {"tag_pattern": r"<parameter=(?P<key>[^>\n]+)>\s*(?P<value>.*?)\s*</parameter>"},
            "transform": _CALL,
        },
        "content": {},
    },
}
_BARE_CALL = re.compile(r'\s*\[?\s*\{\s*"name"\s*:')
_NAME = re.compile(r'"name"\s*:\s*"([^"]*)"')
_ANY, _ARGUMENT = "zzname", "zzargument"
"""Stand-ins in a call that a template writes out, to see where its name and its arguments begin."""
_ARGUMENTS = re.compile(rf'\{{\s*"{_ARGUMENT}"|<parameter={_ARGUMENT}')


class LocalChatModel(BaseChatModel):
    """A decoder with a chat template that offers tools, run by transformers on this computer.

    Greedy: it writes what is likeliest, and what it thinks aloud is left out. What it read is kept, so that
    the next step of a conversation reads only what is new.

    Raises
    ------
    OSError, ValueError
        On construction: there is no such model, its weights cannot be read, or its template knows no tools.
    ContextOverflowError
        On a call: the conversation leaves no room for `max_tokens` in what the model can read.
    """

    model: str
    """A folder, or a name on the hub: downloaded unless it was before, which HF_HUB_OFFLINE=1 forbids."""
    max_tokens: int = 1024
    """Longest answer, or step towards one."""
    stop: list[str] | None = None

    _network: Any = PrivateAttr()
    _tokenizer: Any = PrivateAttr()
    _kept: Any = PrivateAttr(default=None)
    _busy: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def model_post_init(self, context: Any, /) -> None:
        """Load tokenizer and weights, on the GPU where there is one, in the precision they are kept in."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        path, here = self.model, looks_like_a_folder(self.model)
        if here:
            path = str(Path(self.model).expanduser())
            if not Path(path).is_dir():
                raise FileNotFoundError(f"there is no folder {path}.")
        self._tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=here)
        if "tools" not in self._template:
            raise ValueError("it has no chat template that offers tools; take a model tuned to call them.")
        self._network = AutoModelForCausalLM.from_pretrained(
            path, local_files_only=here, dtype="auto", device_map="auto"
        ).eval()
        # Some ship a penalty on repeating what the prompt holds; figures are to be copied from there.
        self._network.generation_config.update(
            do_sample=False, temperature=None, top_p=None, top_k=None, repetition_penalty=None
        )

    @property
    def model_name(self) -> str:
        """What it is called where people read it: the folder's name, or that on the hub."""
        return Path(self.model).expanduser().name if looks_like_a_folder(self.model) else self.model

    @property
    def _llm_type(self) -> str:
        return "huggingface-local"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "huggingface_local"
        params["ls_model_name"] = kwargs.get("model") or self.model_name
        return params

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools. `tool_choice`: "auto" or None; "any", "required" or True; "none"; one tool's name."""
        schemas = [convert_to_openai_tool(tool) for tool in tools]
        return super().bind(tools=schemas, tool_choice=tool_chosen(tool_choice, schemas), **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop=stop, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        tools, choice = kwargs.get("tools") or None, kwargs.get("tool_choice")
        prompt, begun = self._prompt(messages, None if choice == "none" else tools, choice)
        parser = self._tokenizer.get_response_parser(
            None if self._own_answers else ANSWERS, prefix=prompt if self._own_answers else begun, tools=tools
        )
        usage: dict[str, int] = {}
        calls: list[ToolCallChunk] = []
        held, said = "", False
        for event in _events(parser, _until(self._text(prompt, usage), stop or self.stop)):
            if event["type"] == "region_chunk" and event["field"] == "content":
                text = event["text"] if said or held else event["text"].lstrip()
                if held or (tools and not said and text[:1] in ("{", "[")):  # a call, perhaps
                    held += text
                elif text:
                    said = True
                    yield _told(text, run_manager)
            elif event["type"] == "region_close" and event["field"] in ("tool_calls", "tagged_calls"):
                calls += _calls(event["value"])
        if _BARE_CALL.match(held):
            calls += _calls(held)
        elif held:
            yield _told(held, run_manager)
        for i, call in enumerate(calls):
            call["index"] = i
        full = usage["output_tokens"] >= self.max_tokens
        last = AIMessageChunk(
            content="",
            tool_call_chunks=calls,
            response_metadata={
                "model_name": self.model_name,
                "finish_reason": "tool_calls" if calls else "length" if full else "stop",
            },
            usage_metadata=UsageMetadata(**usage, total_tokens=sum(usage.values())),  # type: ignore[typeddict-item]
            chunk_position="last",
        )
        yield ChatGenerationChunk(message=last)

    def _prompt(
        self, messages: Sequence[BaseMessage], tools: list[dict[str, Any]] | None, choice: str | None
    ) -> tuple[str, str]:
        """What the model goes on from, and what of its answer is written there already.

        Where a tool must be called, that is the beginning of the call, as the template itself writes calls.
        """
        said = [_for_template(message) for message in messages]
        prompt = self._rendered(said, tools, add_generation_prompt=True)
        if tools is None or choice is None:
            return prompt, "<think>" if prompt.rstrip().endswith("<think>") else ""
        name = _ANY if choice == "any" else choice
        call = {"name": name, "arguments": {_ARGUMENT: ""}}
        written = self._rendered([*said, _assistant("", [("000000000", call)])], tools)
        found = list((re.compile(_ANY) if choice == "any" else _ARGUMENTS).finditer(written))
        if not found:
            raise ValueError(f"{self.model_name} cannot be made to call a tool: its template shows no calls.")
        written = written[: found[-1].start()]
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(prompt, written, strict=False))
        shared = re.sub(r"<\w*$", "", "".join(letter for letter, _ in alike))  # no tag is half of both
        return written, written[len(shared) :]

    def _rendered(
        self, said: list[dict[str, Any]], tools: list[dict[str, Any]] | None, **settings: Any
    ) -> str:
        # Models that can do without thinking aloud answer sooner, and have nothing here to think out.
        text: str = self._tokenizer.apply_chat_template(
            said, tools=tools, tokenize=False, enable_thinking=False, **settings
        )
        return text

    def _text(self, prompt: str, usage: dict[str, int]) -> Iterator[str]:
        """The text as it is generated; stopped where its reader stops. `usage` is filled in at the end."""
        from transformers import StoppingCriteriaList, TextIteratorStreamer

        given = self._tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
        read = given["input_ids"].shape[1]
        self._check_room(read)
        streamer = TextIteratorStreamer(
            self._tokenizer, skip_prompt=True, skip_special_tokens=not self._own_answers
        )
        left, outcome = threading.Event(), dict[str, Any]()

        def generate() -> None:
            try:
                with self._busy:  # one answer at a time: two at once need more memory and are no sooner done
                    cache = self._begun(given["input_ids"][0].tolist())
                    outcome["tokens"] = self._network.generate(
                        **given.to(self._network.device),
                        past_key_values=cache,
                        max_new_tokens=self.max_tokens,
                        streamer=streamer,
                        stopping_criteria=StoppingCriteriaList([lambda *_, **__: left.is_set()]),
                        pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
                    )
                    self._kept = cache, outcome["tokens"][0].tolist()
            except Exception as error:  # raised again where it is waited for
                outcome["error"] = error
            finally:
                streamer.end()

        worker = threading.Thread(target=generate, daemon=True)
        worker.start()
        try:
            yield from streamer
        finally:
            left.set()
            worker.join()
            written = outcome["tokens"].shape[1] - read if "tokens" in outcome else 0
            usage |= {"input_tokens": read, "output_tokens": written}
        if "error" in outcome:
            raise outcome["error"]

    def _begun(self, tokens: list[int]) -> Any:
        """Keys and values of what was read last time, as far as these tokens begin alike.

        None after an error, and where the network does not keep the state of every token.
        """
        from transformers import DynamicCache
        from transformers.cache_utils import DynamicLayer

        (cache, before), self._kept = self._kept or (None, []), None
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(tokens, before, strict=False)))
        if cache is None or not all(type(layer) is DynamicLayer for layer in cache.layers):
            return DynamicCache(config=self._network.config.get_text_config())
        held = cache.get_seq_length()
        # At least the last token is read anew: the answer is drawn from what follows it.
        cache.crop(min(alike, held, len(tokens) - 1) - held)
        return cache

    def _check_room(self, read: int) -> None:
        most = getattr(self._network.config.get_text_config(), "max_position_embeddings", None)
        if most is not None and read + self.max_tokens > most:
            raise ContextOverflowError(
                f"The conversation and the tools are {read:,} tokens long; {self.model_name} reads {most:,}, "
                f"of which {self.max_tokens:,} are kept for the answer. Start a new conversation."
            )

    @property
    def _template(self) -> str:
        """The chat template that is used with tools; empty where the tokenizer has none."""
        if not self._tokenizer.chat_template:
            return ""
        template: str = self._tokenizer.get_chat_template(tools=[{}])
        return template

    @property
    def _own_answers(self) -> bool:
        """Whether the tokenizer says how answers are written."""
        return getattr(self._tokenizer, "response_template", None) is not None


def looks_like_a_folder(name: str) -> bool:
    """Whether a model is named by a path; names on the hub are `owner/name`."""
    return name.startswith(("/", ".", "~")) or Path(name).is_absolute() or Path(name).is_dir()


def _for_template(message: BaseMessage) -> dict[str, Any]:
    """A message as chat templates read it."""
    if isinstance(message, AIMessage):
        made = [*message.tool_calls, *message.invalid_tool_calls]
        calls = [(it["id"], {"name": it["name"], "arguments": it["args"]}) for it in made]
        return _assistant(str(message.text), calls)
    if isinstance(message, ToolMessage):
        found = {"role": "tool", "tool_call_id": message.tool_call_id, "content": str(message.text)}
        return found | ({"name": message.name} if message.name else {})
    return {"role": "user" if isinstance(message, HumanMessage) else "system", "content": str(message.text)}


def _assistant(text: str, calls: Sequence[tuple[str | None, dict[str, Any]]]) -> dict[str, Any]:
    made = [{"type": "function", "id": id, "function": call} for id, call in calls]
    return {"role": "assistant", "content": text} | ({"tool_calls": made} if made else {})


def _events(parser: Any, pieces: Iterator[str]) -> Iterator[dict[str, Any]]:
    yield from parser.initial_events
    for piece in pieces:
        yield from parser.feed(piece)
    yield from parser.finalize()[1]


def _until(pieces: Iterator[str], stop: Sequence[str] | None) -> Iterator[str]:
    """The text up to the first stop sequence, none of it let out while it may begin one."""
    longest = max((len(sequence) for sequence in stop or ()), default=1)
    kept = ""
    for piece in pieces:
        kept += piece
        if ends := [at for sequence in stop or () if (at := kept.find(sequence)) >= 0]:
            pieces.close()  # type: ignore[attr-defined]
            yield kept[: min(ends)]
            return
        safe = len(kept) - longest + 1
        if safe > 0:
            yield kept[:safe]
            kept = kept[safe:]
    yield kept


def _told(text: str, run_manager: CallbackManagerForLLMRun | None) -> ChatGenerationChunk:
    chunk = ChatGenerationChunk(message=AIMessageChunk(content=text))
    if run_manager:
        run_manager.on_llm_new_token(text, chunk=chunk)
    return chunk


def _calls(value: Any) -> list[ToolCallChunk]:
    """The calls of one region: parsed by transformers, or text, as Llama writes several parted by `;`.

    What cannot be read becomes a call whose arguments are that text, quoted: LangChain completes broken JSON
    where it can, and a call is carried out as it was meant or not at all.
    """
    if isinstance(value, list):
        return [call for one in value for call in _calls(one)]
    if not isinstance(value, str):
        call = value.get("function", value)
        return [_chunk(str(call["name"]), json.dumps(call["arguments"], ensure_ascii=False))]
    try:
        return [
            _chunk(str(call["name"]), json.dumps(call["arguments"], ensure_ascii=False))
            for call in _read(value)
        ]
    except ValueError:
        name = _NAME.search(value)
        return [_chunk(name[1] if name else "", json.dumps(value, ensure_ascii=False))]


def _read(text: str) -> Iterator[dict[str, Any]]:
    rest = text.strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        for call in value if isinstance(value, list) else [value]:
            if not isinstance(call, dict) or not isinstance(call.get("name"), str):
                raise ValueError(f"no call: {call}")
            yield {"name": call["name"], "arguments": call.get("arguments", call.get("parameters", {}))}
        rest = rest[end:].lstrip("; \n\t")


def _chunk(name: str, args: str) -> ToolCallChunk:
    # Nine letters and figures: what Mistral's template insists on.
    return tool_call_chunk(name=name, args=args, id=uuid.uuid4().hex[:9], index=None)
