"""A language model from a folder: loaded, asked, and read in the forms that models write calls in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.exceptions import ContextOverflowError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_tests.unit_tests import ChatModelUnitTests
from scripts import written
from small_decoder import save_decoder
from small_shop import ThumbPolicy

from assistant.agent import Answer, Assistant
from assistant.local_model import LocalChatModel
from assistant.models import ModelUnavailable, chosen_model, name_of, stays_here
from assistant.store import Store
from assistant.tools import TOOLS

QUESTION = "What should I charge for the lavender candle?"
GOOD = "Cut the price from $18.00 to $16.20 (-10%)."
MINE = "I'm ann@shop.example, call +1 (555) 123-4567"


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _calls(name: str, **arguments: Any) -> dict[str, Any]:
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


def _tool(name: str) -> dict[str, Any]:
    return {"role": "tool", "name": name, "content": ""}


def _says(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


RECOMMEND = _calls("recommend", skus=["CAN-LAV-200"])
DIALOGUES = [
    [
        _user(QUESTION),
        _calls("find_products", query="lavender candle"),
        _tool("find_products"),
        RECOMMEND,
        _tool("recommend"),
        _says(GOOD),
    ],
    [_user("薰衣草香薰蜡烛卖多少钱？"), RECOMMEND, _tool("recommend"), _says("建议从$18.00降到$16.20。")],
    [
        _user("What does my cheapest mug cost?"),
        _calls("find_products", query="mug"),
        _tool("find_products"),
        _says("Your cheapest mug costs $3.33."),  # no tool said so
    ],
    [_user(MINE), _says("Which product is it about? One two three four five six seven.")],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_decoder(tmp_path_factory.mktemp("models") / "small-decoder", DIALOGUES)


@pytest.fixture(scope="module")
def model(folder: Path) -> LocalChatModel:
    return LocalChatModel(model=str(folder))


@pytest.fixture
def over(store: Store) -> Iterator[Callable[[BaseChatModel], Assistant]]:
    opened: list[Assistant] = []

    def start(model: BaseChatModel) -> Assistant:
        policy: Any = ThumbPolicy()
        opened.append(Assistant(store, model=model, pipeline=policy))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


class TestStandardUnit(ChatModelUnitTests):
    @pytest.fixture(autouse=True)
    def _folder(self, folder: Path) -> None:
        self.folder = folder

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return LocalChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": str(self.folder)}


# In the assistant


def test_a_folder_answers_through_the_same_tools(
    over: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRICING_ASSISTANT_MODEL", f"huggingface:{folder}")
    answer: Answer = over(chosen_model()).ask(QUESTION)
    assert (answer.text, answer.failed, answer.dropped) == (GOOD, None, [])
    assert [(it.name, it.arguments) for it in answer.tool_calls] == [
        ("find_products", {"query": "lavender candle"}),
        ("recommend", {"skus": ["CAN-LAV-200"]}),
    ]


def test_it_answers_in_chinese(over: Any, model: LocalChatModel) -> None:
    answer = over(model).ask("薰衣草香薰蜡烛卖多少钱？")
    assert (answer.text, answer.language, answer.failed) == ("建议从$18.00降到$16.20。", "zh", None)


def test_a_figure_that_no_tool_gave_does_not_reach_the_merchant(over: Any, model: LocalChatModel) -> None:
    answer = over(model).ask("What does my cheapest mug cost?")
    assert "3.33" not in answer.text


def test_a_model_that_babbles_is_said_and_the_question_answered(over: Any, tmp_path: Path) -> None:
    babbler = LocalChatModel(
        model=str(save_decoder(tmp_path / "babbler", DIALOGUES, learn=False)), max_tokens=40
    )
    answer = over(babbler).ask(QUESTION)
    assert "$16.20" in answer.text
    assert "babbler gave no answer (unfinished answer)" in answer.text and answer.failed is not None


def test_a_conversation_that_is_too_long_is_said_and_the_question_answered(over: Any, tmp_path: Path) -> None:
    path = save_decoder(tmp_path / "short", DIALOGUES, learn=False, context=64)
    short = LocalChatModel(model=str(path), max_tokens=60)
    with pytest.raises(ContextOverflowError, match="reads 64, of which 60 are kept"):
        short.invoke(QUESTION)
    answer = over(short).ask(QUESTION)
    assert "$16.20" in answer.text and "longer than the language model short can read" in answer.text


def test_weights_that_fail_are_said_and_the_question_answered(
    over: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("out of memory")

    broken = LocalChatModel(model=str(folder))
    monkeypatch.setattr(broken._network, "generate", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        broken.invoke(QUESTION)
    answer = over(broken).ask(QUESTION)
    assert "$16.20" in answer.text and "built-in assistant answered" in answer.text


def test_what_it_reads_stays_here_unmasked_and_fenced(
    over: Any, folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LocalChatModel(model=str(folder))
    assert stays_here(model) and name_of(model) == "small-decoder"
    shown: list[list[dict[str, Any]]] = []
    render = model._tokenizer.apply_chat_template

    def spy(said: list[dict[str, Any]], **settings: Any) -> str:
        shown.append(said)
        return str(render(said, **settings))

    monkeypatch.setattr(model._tokenizer, "apply_chat_template", spy)
    one = over(model)
    one.ask(MINE)
    one.ask(QUESTION, thread="another")
    assert shown[0][-1]["content"] == MINE
    assert "does not leave it" in shown[0][0]["content"]
    results = [it["content"] for it in shown[-1] if it["role"] == "tool"]
    assert results and all(it.startswith("<shop_data>{") for it in results)
    assert written(store) == []


# Alone


def test_it_streams_as_it_writes(model: LocalChatModel) -> None:
    chunks = list(model.stream(MINE))
    assert "".join(str(it.content) for it in chunks) == DIALOGUES[3][1]["content"]
    assert len([it for it in chunks if it.content]) > 5
    whole = model.invoke(MINE)
    assert whole.response_metadata["finish_reason"] == "stop"
    assert whole.usage_metadata and whole.usage_metadata["output_tokens"] > 5


def test_a_stream_left_early_ends_the_writing(model: LocalChatModel) -> None:
    stream = model.stream(MINE)
    next(stream)
    stream.close()
    assert not model._busy.locked()
    assert model.invoke(MINE).text == DIALOGUES[3][1]["content"]


@pytest.mark.parametrize(
    ("stop", "left"),
    [
        (["? One"], "Which product is it about"),
        (["four", "two"], "Which product is it about? One "),
        (["absent"], DIALOGUES[3][1]["content"]),
    ],
)
def test_it_stops_where_it_is_told_to(model: LocalChatModel, stop: list[str], left: str) -> None:
    assert model.invoke(MINE, stop=stop).text == left
    streamed = "".join(str(it.content) for it in model.stream(MINE, stop=stop))
    assert streamed == left
    assert model.model_copy(update={"stop": stop}).invoke(MINE).text == left


def test_an_answer_cut_off_says_so(folder: Path) -> None:
    short = LocalChatModel(model=str(folder), max_tokens=3)
    assert short.invoke(MINE).response_metadata["finish_reason"] == "length"


def test_a_tool_that_must_be_called_is(model: LocalChatModel) -> None:
    for name in ("recommend", "forecast"):
        answer = model.bind_tools(TOOLS, tool_choice=name).invoke(QUESTION)
        made = [*answer.tool_calls, *answer.invalid_tool_calls]
        assert [it["name"] for it in made] == [name] and not answer.text
    any_one = model.bind_tools(TOOLS, tool_choice="any").invoke(QUESTION)
    assert any_one.tool_calls[0]["name"] == "find_products"
    with pytest.raises(ValueError, match="tool_choice"):
        model.bind_tools(TOOLS, tool_choice="no_such_tool")


# The forms that calls are written in

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


@pytest.fixture
def writes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AIMessage]:
    """What is made of a text that the network writes three letters at a time; `prompt`: what it went on from."""
    model = LocalChatModel(model=str(folder))

    def run(
        text: str, *, template: str = HERMES, choice: str | None = None, tools: Sequence[Any] = TOOLS
    ) -> AIMessage:
        model._tokenizer.chat_template = template

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


# The settings


@pytest.mark.parametrize("case", ["absent", "empty", "no template", "no weights", "not on the hub"])
def test_a_folder_that_holds_no_chat_model_says_what_to_do(
    case: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, name = tmp_path / "model", str(tmp_path / "model")
    why = "Write it as huggingface:/path/to/folder"
    if case == "absent":
        why = "there is no folder"
    elif case == "not on the hub":
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        name = "nobody/no-such-model"
    else:
        path.mkdir()
        if case != "empty":
            for file in folder.iterdir():
                if case != "no weights" or file.suffix != ".safetensors":
                    (path / file.name).write_bytes(file.read_bytes())
        if case == "no template":
            (path / "chat_template.jinja").unlink()
            why = "no chat template that offers tools"
    monkeypatch.setenv("PRICING_ASSISTANT_MODEL", f"huggingface:{name}")
    with pytest.raises(ModelUnavailable, match=why) as error:
        chosen_model()
    assert "pydantic" not in str(error.value)
