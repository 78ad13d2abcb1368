"""A language model from a folder, in the assistant and alone: loaded, asked, stopped, refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.exceptions import ContextOverflowError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
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


def test_a_tokenizer_that_says_how_answers_are_written_is_believed(
    model: LocalChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = {"open": "<tool_call>", "close": "</tool_call>", "repeats": True, "content": "json"}
    fields = {
        "tool_calls": call | {"transform": {"type": "function", "function": "{content}"}},
        "content": {"close": "<|im_end|>"},
    }
    told = {"start_anchor": "<|im_start|>assistant\n", "fields": fields}
    monkeypatch.setattr(model._tokenizer, "response_template", told, raising=False)
    answer = model.bind_tools(TOOLS).invoke(QUESTION)
    assert [(it["name"], it["args"]) for it in answer.tool_calls] == [
        ("find_products", {"query": "lavender candle"})
    ]
    assert model.invoke(MINE).text == DIALOGUES[3][1]["content"]


@pytest.mark.parametrize("kind", ["sliding", "hybrid"])
def test_a_network_that_forgets_reads_all_anew(tmp_path: Path, kind: str) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    path = save_decoder(tmp_path / kind, DIALOGUES, learn=False)
    small: dict[str, Any] = {
        "vocab_size": AutoConfig.from_pretrained(path).vocab_size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
    }
    config = (
        AutoConfig.for_model("mistral", **small, sliding_window=8)
        if kind == "sliding"
        else AutoConfig.for_model(
            "qwen3_next",
            **small,
            layer_types=["linear_attention", "full_attention"],
            num_experts=2,
            num_experts_per_tok=1,
            moe_intermediate_size=16,
            shared_expert_intermediate_size=16,
        )
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(path)
    fresh, warm = (LocalChatModel(model=str(path), max_tokens=12) for _ in range(2))
    warm.invoke(QUESTION)
    assert warm.invoke(MINE).text == fresh.invoke(MINE).text


def test_a_conversation_reads_only_what_is_new(folder: Path) -> None:
    fresh, warm = LocalChatModel(model=str(folder)), LocalChatModel(model=str(folder))
    read: list[int] = []
    warm._network.model.layers[0].register_forward_pre_hook(lambda _, given: read.append(given[0].shape[1]))
    said: list[Any] = [HumanMessage(MINE)]
    said.append(warm.invoke(said))
    first = read[0]
    read.clear()
    said.append(HumanMessage(QUESTION))
    answer = warm.invoke(said)
    assert answer.usage_metadata and answer.usage_metadata["input_tokens"] > first
    assert read[0] < answer.usage_metadata["input_tokens"] - first
    assert answer.text == fresh.invoke(said).text
    read.clear()
    assert warm.invoke(said).text == answer.text  # all of it known: one token is read again
    assert read[0] == 1
    assert warm.invoke(MINE).text == DIALOGUES[3][1]["content"]  # another conversation


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
