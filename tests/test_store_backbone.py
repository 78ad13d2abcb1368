"""Any Hugging Face decoder becomes a store's policy: taught on simulated markets, then fitted by LoRA."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from short_runs import SHORTEST
from stores import sales
from transformers import GPT2Config, GPT2Model, LlamaConfig, LlamaModel, Qwen3Config, Qwen3Model

from policy.learning.store import run
from policy.learning.store.progress import FineTuningStopped, Progress
from policy.model.adapter_files import AdapterError
from policy.model.loading import load_model
from policy.model.shelf import Shelf
from policy.pipeline import PricingPipeline

SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 40}
SHAPE |= {"intermediate_size": 48, "max_position_embeddings": 256}


def saved(kind: str, folder: Path) -> str:
    """A tiny decoder with random weights, as the hub would hold it."""
    torch.manual_seed(3)
    if kind == "gpt2":
        model = GPT2Model(GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=40, n_positions=256))
    elif kind == "llama":
        model = LlamaModel(LlamaConfig(num_key_value_heads=2, **SHAPE))
    else:
        model = Qwen3Model(Qwen3Config(num_key_value_heads=2, head_dim=16, **SHAPE))
    model.save_pretrained(folder / kind)
    return str(folder / kind)


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes of a real run in seconds; every part still runs."""
    monkeypatch.setattr(run, "FineTuneSettings", lambda seed: SHORTEST)
    monkeypatch.setattr(run, "STEPS", 2)


@pytest.mark.slow
@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
def test_a_decoder_is_fitted_to_a_store_and_prices_it(kind: str, tmp_path: Path) -> None:
    history, shelf, told = sales(products=5, weeks=40), tmp_path / "shelf", []
    pipeline = PricingPipeline.from_pretrained()
    adapted = pipeline.fine_tune(history, output=shelf, backbone=saved(kind, tmp_path), progress=told.append)
    version = Shelf(shelf).versions()[0]
    assert version.base != load_model().digest, "it goes on the base of its own"
    assert version.base == load_model(str(shelf / "base" / "model")).digest
    assert next(it.stage for it in told) == "teach" and told[-1].done == 1.0
    Shelf(shelf).promote(version.name)
    # Found with its own base by the folder alone, and as `fine_tune` returned it.
    again = PricingPipeline.from_pretrained(adapter=shelf)
    ours, theirs = (p.recommend(history)[0] for p in (adapted, again))
    assert ours == theirs and ours.adapter_hash == version.digest[:16]
    assert ours.model_hash != pipeline.model_hash


@pytest.mark.slow
@pytest.mark.usefixtures("_short")
def test_teaching_a_backbone_stops_and_goes_on(tmp_path: Path) -> None:
    history, shelf = sales(products=5, weeks=40), tmp_path / "shelf"
    backbone = saved("llama", tmp_path)
    pipeline = PricingPipeline.from_pretrained()
    with pytest.raises(FineTuningStopped):
        pipeline.fine_tune(history, output=shelf, backbone=backbone, stop=lambda: True)
    assert (shelf / "base" / "checkpoint.pt").exists() and not (shelf / "base" / "model").exists()
    told: list[Progress] = []
    pipeline.fine_tune(history, output=shelf, backbone=backbone, progress=told.append)
    assert sum(it.stage == "teach" for it in told) == 1, "one of two steps was left"
    assert told[0].resumed
    other = saved("qwen3", tmp_path)
    with pytest.raises(AdapterError, match="holds a base on"):
        pipeline.fine_tune(history, output=shelf, backbone=other)


@pytest.mark.slow
@pytest.mark.usefixtures("_short")
def test_a_base_that_was_begun_is_gone_on_with_or_refused(tmp_path: Path) -> None:
    history, shelf = sales(products=5, weeks=40), tmp_path / "shelf"
    backbone = saved("llama", tmp_path)
    pipeline = PricingPipeline.from_pretrained()
    with pytest.raises(FineTuningStopped):
        pipeline.fine_tune(history, output=shelf, backbone=backbone, stop=lambda: True)
    with pytest.raises(AdapterError, match="holds a base on"):
        pipeline.fine_tune(history, output=shelf, backbone=saved("qwen3", tmp_path))
    told: list[Progress] = []
    pipeline.fine_tune(history, output=shelf, backbone=backbone, seed=2, progress=told.append)
    assert told[0].resumed, "another seed of the adapter is none of the base's business"


@pytest.mark.slow
@pytest.mark.usefixtures("_short")
def test_a_policy_of_ours_is_taken_as_it_is(tmp_path: Path) -> None:
    from policy.model.loading import EMBEDDED

    shelf = tmp_path / "shelf"
    pipeline = PricingPipeline.from_pretrained()
    adapted = pipeline.fine_tune(sales(products=5, weeks=40), output=shelf, backbone=str(EMBEDDED))
    assert not (shelf / "base").exists()
    assert adapted.model_hash == pipeline.model_hash
    assert Shelf(shelf).versions()[0].base == load_model().digest
