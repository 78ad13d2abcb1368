"""The forms in which local models write calls of tools: read, and written into the prompt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from small_decoder import save_decoder

from assistant.local_model import LocalChatModel
from assistant.tools import TOOLS

HERMES = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>\n"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n</tool_call>'
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}{# tools #}"
)
THINKING = HERMES.replace("<|assistant|>{% endif", "<|assistant|><think>\n{% endif")
LLAMA = (
    "{% for m in messages %}<|{{ m.role }}|>{% if m.tool_calls %}"
    '{"name": "{{ m.tool_calls[0].function.name }}", '
    '"parameters": {{ m.tool_calls[0].function.arguments | tojson }}}'
    "{% else %}{{ m.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}{# tools #}"
)
TAGS = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>\n"
    "<function={{ c.function.name }}>\n{% for k, v in c.function.arguments.items() %}<parameter={{ k }}>\n"
    "{{ v }}\n</parameter>\n{% endfor %}</function>\n</tool_call>{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}{# tools #}"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LocalChatModel:
    folder = save_decoder(tmp_path_factory.mktemp("models") / "babbler", [], learn=False)
    return LocalChatModel(model=str(folder))


@pytest.fixture
def writes(model: LocalChatModel, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AIMessage]:
    """What is made of a text written three letters at a time; `prompt` is what it went on from."""

    def run(
        text: str, *, template: str = HERMES, choice: str | None = None, tools: Sequence[Any] = TOOLS
    ) -> AIMessage:
        monkeypatch.setattr(model._tokenizer, "chat_template", template)

        def pieces(self: LocalChatModel, prompt: str, usage: dict[str, int]) -> Iterator[str]:
            run.prompt = prompt  # type: ignore[attr-defined]
            usage |= {"input_tokens": 1, "output_tokens": 1}
            yield from (text[i : i + 3] for i in range(0, len(text), 3))

        monkeypatch.setattr(LocalChatModel, "_text", pieces)
        bound = model.bind_tools(tools, tool_choice=choice) if tools else model
        said = bound.invoke("hello")
        streamed: AIMessageChunk | None = None
        for chunk in bound.stream("hello"):
            assert isinstance(chunk, AIMessageChunk)
            streamed = chunk if streamed is None else streamed + chunk
        assert streamed is not None and streamed.content == said.content
        assert [it["args"] for it in streamed.tool_calls] == [it["args"] for it in said.tool_calls]
        assert len(streamed.invalid_tool_calls) == len(said.invalid_tool_calls)
        return said

    return run


ONE = '{"name": "recommend", "arguments": {"skus": ["CAN-LAV-200"]}}'
OTHER = '{"name": "find_products", "arguments": {"query": "mug"}}'


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"<tool_call>\n{ONE}\n</tool_call>", ["recommend"]),
        (f"Let me look.\n<tool_call>{ONE}</tool_call>\n<tool_call>\n{OTHER}\n</tool_call>",
         ["recommend", "find_products"]),
        (f"<think>\nA candle <tool_call> no.\n</think>\n\n<tool_call>{ONE}</tool_call>", ["recommend"]),
        (ONE.replace("arguments", "parameters"), ["recommend"]),
        (f"{ONE}; {OTHER}".replace("arguments", "parameters"), ["recommend", "find_products"]),
        (f"[{ONE}, {OTHER}]", ["recommend", "find_products"]),
        ('<tool_call>\n<function=recommend>\n<parameter=skus>\n["CAN-LAV-200"]\n</parameter>\n</function>\n'
         "</tool_call>", ["recommend"]),
    ],
)  # fmt: skip
def test_calls_are_read_in_every_form(writes: Any, text: str, names: list[str]) -> None:
    answer = writes(text)
    assert [it["name"] for it in answer.tool_calls] == names
    assert answer.tool_calls[0]["args"] == {"skus": ["CAN-LAV-200"]}
    assert answer.invalid_tool_calls == []
    assert answer.text.strip() in ("", "Let me look.")
    assert len({it["id"] for it in answer.tool_calls}) == len(names)
    assert answer.response_metadata["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "recommend", "arguments": {"skus": ["CAN-LAV-200"',
        "<tool_call>recommend the candle</tool_call>",
        '<tool_call>{"name": "recommend", "arguments": "CAN"}</tool_call>',
        '{"name": "recommend", "parameters": {"skus": [CAN-LAV-200]}}',
    ],
)
def test_a_call_that_cannot_be_read_is_none(writes: Any, text: str) -> None:
    answer = writes(text)
    assert answer.tool_calls == [] and len(answer.invalid_tool_calls) == 1
    assert answer.invalid_tool_calls[0]["id"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("It is <b>fine</b> & well.", "It is <b>fine</b> & well."),
        ("{braces} are text", "{braces} are text"),
        ("[1] is a note", "[1] is a note"),
        ("<think>\nhm\n</think>\n\nYes.", "Yes."),
        ("A <tool", "A <tool"),
    ],
)
def test_text_stays_text(writes: Any, text: str, left: str) -> None:
    answer = writes(text)
    assert (answer.text, answer.tool_calls, answer.invalid_tool_calls) == (left, [], [])


def test_thinking_begun_in_the_prompt_is_no_answer(writes: Any) -> None:
    assert writes("hm, well\n</think>\n\nYes.", template=THINKING).text == "Yes."


@pytest.mark.parametrize(
    ("template", "begun", "rest"),
    [
        (HERMES, '<tool_call>\n{"name": "recommend", "arguments": ', '{"skus": ["A"]}}\n</tool_call>'),
        (THINKING, '<tool_call>\n{"name": "recommend", "arguments": ', '{"skus": ["A"]}}\n</tool_call>'),
        (LLAMA, '{"name": "recommend", "parameters": ', '{"skus": ["A"]}}'),
        (TAGS, "<tool_call>\n<function=recommend>\n",
         '<parameter=skus>\n["A"]\n</parameter>\n</function>\n</tool_call>'),
    ],
)  # fmt: skip
def test_a_call_is_begun_as_the_template_writes_calls(
    writes: Any, template: str, begun: str, rest: str
) -> None:
    answer = writes(rest, template=template, choice="recommend")
    assert writes.prompt == f"<|user|>hello<|assistant|>{begun}"
    assert [(it["name"], it["args"]) for it in answer.tool_calls] == [("recommend", {"skus": ["A"]})]
    cut = begun.partition("recommend")[0]
    named = writes(begun.removeprefix(cut) + rest, template=template, choice="any")
    assert [it["name"] for it in named.tool_calls] == ["recommend"]
    assert writes.prompt == f"<|user|>hello<|assistant|>{cut}"


def test_calls_and_results_go_back_as_the_template_writes_them(model: LocalChatModel) -> None:
    call = {"name": "recommend", "args": {"skus": ["蜡"]}, "id": "1", "type": "tool_call"}
    broken = {"name": "recommend", "args": "{", "id": "2", "type": "invalid_tool_call", "error": None}
    said = [
        HumanMessage("hello"),
        AIMessage("", tool_calls=[call], invalid_tool_calls=[broken]),
        ToolMessage("no JSON", tool_call_id="2"),
    ]
    prompt, begun = model._prompt(said[:2], None, None)
    assert '{"name": "recommend", "arguments": {"skus": ["蜡"]}}' in prompt
    assert json.dumps("{") in prompt and begun == ""
