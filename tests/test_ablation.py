"""The ablation: equal compute for every size, and lines that say what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_networks import tiny_network

from policy.evaluation import ablation
from policy.evaluation.ablation import Budget, Variant, ablation_rows, held_out_loss, supervised, variants
from policy.learning.pretrain import PretrainSettings, new_model
from policy.model.loading import load_model


def steps(variant: Variant) -> int:
    return int(variant.settings.split("; ")[1].split()[0])


def test_a_network_twice_as_large_gets_half_the_steps() -> None:
    budget, plain = Budget(petaflops=0.05), PretrainSettings()
    one = supervised("size", "one", budget, replace(plain, layers=4))
    two = supervised("size", "two", budget, replace(plain, layers=8))
    # Encoder and heads do not grow with the layers, so it is a little more than half.
    assert 0.5 <= steps(two) / steps(one) < 0.56


def test_frozen_weights_cost_two_thirds(tmp_path: Path) -> None:
    tiny_network().backbone.save_pretrained(tmp_path)
    plain = PretrainSettings(backbone=str(tmp_path))
    variant = supervised("backbone", "LoRA", Budget(), plain)
    parameters = sum(p.numel() for n, p in new_model(plain).named_parameters() if "embed_tokens" not in n)
    expected = Budget().petaflops * 1e15 / (4 * parameters * ablation.PERIODS * ablation.BATCH)
    assert steps(variant) == int(expected)


def test_every_question_has_something_to_compare_with(tmp_path: Path) -> None:
    names = [v.question for v in variants(Budget(), tmp_path, backbone=None)]
    assert names.count("size") == 3
    assert names.count("RL") == 5
    assert {"mixture", "rollouts"} < set(names)


def test_the_trained_base_foretells_better_than_a_fresh_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "HELD_OUT_BATCHES", 1)
    assert held_out_loss(load_model().network) < held_out_loss(tiny_network(context=112)) - 1.0


def test_lines_say_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "HELD_OUT_BATCHES", 1)
    one = Variant("RL", "the base", lambda run: load_model().network, "none")
    monkeypatch.setattr(ablation, "variants", lambda *args, **more: iter([one]))
    (row,) = ablation_rows(Budget(markets=12), tmp_path, backbone=None, model_hash="abc", commit="def")
    assert (row["markets"], row["model_hash"], row["commit"]) == ("12", "abc", "def")
    assert 0.5 < float(row["captured_cold"]) <= 1.0
    assert 0.5 < float(row["captured_logged"]) <= 1.0
