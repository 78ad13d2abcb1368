"""The policy network: causality, invariances, monotone demand, likelihood, LoRA, training that resumes."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import nbinom
from small_networks import tiny_network
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    Qwen3Config,
    Qwen3Model,
)

from policy.decision.recommend import _test_prices
from policy.learning.batches import make_batch
from policy.learning.pretrain import PretrainSettings, losses, pretrain
from policy.market import LoggingPolicies, Prior, Simulator, Trajectory, simulate_log
from policy.model.adapters import add_lora, load_adapter
from policy.model.inference import infer, infer_futures
from policy.model.likelihood import log_negative_binomial
from policy.model.panel import PATHS
from policy.model.posterior import Posterior
from policy.model.tokens import FEATURES, tokenise
from policy.model.transformer import EMBEDDED_BACKBONE, GRID, PolicyConfig, PolicyModel, curve_at

TINY = EMBEDDED_BACKBONE | {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 32,
}


@pytest.fixture
def model() -> PolicyModel:
    torch.manual_seed(0)
    return PolicyModel(PolicyConfig(backbone=TINY)).eval()


@pytest.fixture(scope="module")
def history() -> Trajectory:
    rng = np.random.default_rng(5)
    markets = Prior().sample(rng, 24, 40)
    return simulate_log(Simulator(markets, rng), LoggingPolicies(markets, rng), 40)[0]


def features(history: Trajectory) -> np.ndarray:
    return tokenise(history, start_price=history.price[:, 0]).features


def changed(history: Trajectory, start: int) -> Trajectory:
    """Other outcomes and prices from period `start` on; the calendar stays."""
    names = ("price", "units", "cost", "competitor_price", "stock", "views")
    paths = {n: getattr(history, n).copy() for n in names}
    for path in paths.values():
        path[:, start:] *= 3.7
    return replace(history, **paths)


def test_future_periods_cannot_change_past_tokens(history: Trajectory) -> None:
    # What is known beforehand of period 21 (cost, competitor, stock) enters at position 21.
    same = features(history)[:, :21] == features(changed(history, 21))[:, :21]
    assert same.all()
    assert not (features(history)[:, 22:] == features(changed(history, 21))[:, 22:]).all()


def test_future_tokens_cannot_change_past_answers(model: PolicyModel) -> None:
    x = torch.randn(3, 12, FEATURES)
    y = x.clone()
    y[:, 7:] += 1.0
    with torch.inference_mode():
        a, b = model(x), model(y)
    torch.testing.assert_close(a.log_curves[:, :7], b.log_curves[:, :7])
    assert not torch.allclose(a.log_curves[:, 7:], b.log_curves[:, 7:])


def test_currency_does_not_matter(history: Trajectory) -> None:
    yen = replace(
        history,
        price=history.price * 155.0,
        cost=history.cost * 155.0,
        competitor_price=history.competitor_price * 155.0,
    )
    np.testing.assert_allclose(features(yen), features(history), atol=2e-4)


def test_padding_and_batch_order_do_not_change_the_answer(model: PolicyModel, history: Trajectory) -> None:
    start = history.price[:, 0]
    alone, _ = infer(model, history, start_price=start)
    blank = {n: np.full((24, 9), np.nan) for n in PATHS}
    padded = Trajectory(
        period=history.period,
        day=np.concatenate([np.zeros((24, 9), dtype=np.int64), history.day], axis=1),
        **{n: np.concatenate([b, getattr(history, n)], axis=1) for n, b in blank.items()},
    )
    order = np.random.default_rng(0).permutation(24)
    both, _ = infer(model, padded.take(order), start_price=start[order])
    np.testing.assert_allclose(both.log_units, alone.log_units[order], atol=2e-4)
    np.testing.assert_allclose(both.weights, alone.weights[order], atol=2e-4)


def test_a_hidden_outcome_leaves_no_trace(history: Trajectory) -> None:
    hidden = np.zeros(history.units.shape, dtype=bool)
    hidden[:, 10] = True
    other = history.units.copy()
    other[:, 10] = 12345.0
    start = history.price[:, 0]
    a = tokenise(history, start_price=start, hidden=hidden).features
    b = tokenise(replace(history, units=other), start_price=start, hidden=hidden).features
    assert (a == b).all()


def test_demand_never_rises_with_price(model: PolicyModel) -> None:
    with torch.inference_mode():
        curves = model(torch.randn(4, 9, FEATURES) * 5).log_curves
    assert (curves.diff(dim=-1) <= 0).all()


def test_curves_are_read_exactly_at_grid_prices_and_between() -> None:
    curves = -2.0 * GRID.expand(1, 1, len(GRID))  # constant elasticity -2
    x = torch.tensor([[GRID[3].item(), 0.033, 1.9]])  # the last lies beyond the grid
    torch.testing.assert_close(curve_at(curves, x), -2.0 * x[:, None, :], atol=1e-5, rtol=1e-5)


def test_negative_binomial_is_the_textbooks() -> None:
    k, mean, dispersion = np.arange(60), 7.0, 0.4
    r = 1 / dispersion
    expected = nbinom.logpmf(k, r, r / (r + mean))
    ours = log_negative_binomial(torch.tensor(k), torch.tensor(mean).log(), torch.tensor(dispersion).log())
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-6)


def test_posterior_quantiles_are_those_of_the_mixture(model: PolicyModel, history: Trajectory) -> None:
    posterior, _ = infer(model, history, start_price=history.price[:, 0])
    price = history.price[:, -1:]
    q = posterior.quantiles(price, (0.1, 0.5, 0.9))[:, 0]
    mean = posterior.component_units(price)[:, :, 0]
    r = 1 / posterior.dispersion

    def cdf(k: np.ndarray) -> np.ndarray:
        return (posterior.weights * nbinom.cdf(k[:, None], r, r / (r + mean))).sum(axis=1)

    for column, level in enumerate((0.1, 0.5, 0.9)):
        below, at = cdf(q[:, column] - 1), cdf(q[:, column])
        assert (at >= level - 0.01).all() and (below <= level + 0.01).all()


def test_the_same_curves_in_many_periods_are_the_same_posterior(
    model: PolicyModel, history: Trajectory
) -> None:
    # What a horizon of 400 periods makes of a posterior: each curve 400 times, with a 400th of its weight.
    one, _ = infer(model, history, start_price=np.full(len(history), 10.0))
    paths = (np.tile(one.log_units, (1, 400, 1)), np.tile(one.dispersion, 400))
    many = Posterior(np.tile(one.weights, 400) / 400, *paths, one.log_price)
    price = np.exp(one.log_price)[:, None]
    assert np.array_equal(many.quantiles(price, (0.1, 0.9)), one.quantiles(price, (0.1, 0.9)))
    now, nothing = price[:, 0], np.zeros(len(history))
    situation = SimpleNamespace(current_price=now, objective_cost=nothing, stock=nothing + np.nan)
    tests = [_test_prices(p, situation, now / 2, now * 2) for p in (one, many)]  # type: ignore[arg-type]
    np.testing.assert_allclose(*tests)


def test_loss_falls_on_one_batch() -> None:
    torch.manual_seed(0)
    model = PolicyModel(PolicyConfig(backbone=TINY))
    batch = make_batch(np.random.default_rng(0), Prior(), 8, 24)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    history = []
    for _ in range(80):
        demand, price = losses(model, batch)
        optimiser.zero_grad()
        (demand + price).backward()
        optimiser.step()
        history.append((demand + price).item())
    assert history[-1] < 0.8 * history[0]


def test_an_adapter_is_put_on_and_read_without_a_warning(tmp_path: Path) -> None:
    # What libraries say of their next releases would stand between the progress lines of every run.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        add_lora(PolicyModel(PolicyConfig(backbone=TINY)), rank=4, alpha=8).save_pretrained(tmp_path)
        load_adapter(PolicyModel(PolicyConfig(backbone=TINY)), str(tmp_path))


def test_lora_trains_only_the_adapter_and_reloads_to_the_same_answers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    base = PolicyModel(PolicyConfig(backbone=TINY))
    base.save_pretrained(tmp_path / "base")
    adapted = add_lora(base, rank=4, alpha=8)
    assert all("lora_" in n for n, p in adapted.named_parameters() if p.requires_grad)
    batch = make_batch(np.random.default_rng(0), Prior(), 4, 16)
    optimiser = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        losses(adapted, batch)[0].backward()
        optimiser.step()
    adapted.save_pretrained(str(tmp_path / "adapter"))
    plain = PolicyModel.from_pretrained(tmp_path / "base").eval()
    x = torch.randn(2, 6, FEATURES)
    with torch.inference_mode():
        before = plain(x).log_curves
        trained = adapted.eval()(x).log_curves
        again = load_adapter(plain, str(tmp_path / "adapter")).eval()(x).log_curves
    torch.testing.assert_close(again, trained)
    assert not torch.allclose(before, trained)


BACKBONES = {
    "gpt2": lambda: GPT2Model(GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=50, n_positions=256)),
    "llama": lambda: LlamaModel(
        LlamaConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, vocab_size=50
        )
    ),
    "qwen3": lambda: Qwen3Model(
        Qwen3Config(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            intermediate_size=32,
            vocab_size=50,
        )
    ),
}


@pytest.mark.parametrize("kind", BACKBONES)
def test_any_saved_decoder_becomes_the_policy(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    BACKBONES[kind]().save_pretrained(tmp_path / kind)
    settings = PretrainSettings(steps=2, batch_size=4, periods=16, backbone=str(tmp_path / kind), warmup=1)
    model = pretrain(settings, tmp_path / "run")
    model.save_pretrained(tmp_path / "run" / "model")
    again = PolicyModel.from_pretrained(tmp_path / "run" / "model").eval()
    x = torch.randn(2, 6, FEATURES)
    with torch.inference_mode():
        torch.testing.assert_close(again(x).log_curves, model(x).log_curves)
    # Language knowledge came along: the backbone's weights are the saved ones plus a low-rank update.
    assert model.config.backbone["model_type"] == kind
    assert model.backbone.get_input_embeddings().num_embeddings == 1


@pytest.mark.parametrize("is_decoder", [False, True])
def test_an_encoder_is_refused_as_backbone(is_decoder: bool, tmp_path: Path) -> None:
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=50, is_decoder=is_decoder, **shape)).save_pretrained(tmp_path)
    if is_decoder:
        assert PolicyModel.on_backbone(str(tmp_path)).config.backbone["is_decoder"]
    else:
        with pytest.raises(ValueError, match="is no decoder"):
            PolicyModel.on_backbone(str(tmp_path))


def test_a_resumed_run_ends_bit_for_bit_where_an_uninterrupted_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policy.learning.pretrain.CHECKPOINT_EVERY", 2)
    settings = PretrainSettings(steps=4, batch_size=4, periods=12, warmup=1)
    straight = pretrain(settings, tmp_path / "straight")
    steps = iter(range(10))
    real = losses

    def stop_after_two(*args: object) -> tuple[torch.Tensor, torch.Tensor]:
        if next(steps) == 2:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("policy.learning.pretrain.losses", stop_after_two)
        pretrain(settings, tmp_path / "stopped")
    resumed = pretrain(settings, tmp_path / "stopped")
    for (name, a), b in zip(straight.named_parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b), name


def test_a_long_gap_does_not_forget_the_level() -> None:
    # 40 periods of 5,000 units, then 400 without an outcome: the anchors stay where they were.
    b, seen, blind = 1, 40, 400
    ones = np.ones((b, seen + blind))
    nan = ones * np.nan
    units = np.where(np.arange(seen + blind) < seen, 5000.0, np.nan)[None, :]
    flat = Trajectory(
        price=20.0 * ones,
        units=units,
        cost=nan,
        competitor_price=nan,
        promo=nan,
        stock=nan,
        views=nan,
        day=7 * np.arange(seen + blind)[None, :],
        period=np.ones(b, dtype=np.int64),
    )
    tokens = tokenise(flat, start_price=np.array([35.0]))
    assert tokens.log_units[0, seen:] == pytest.approx(np.log(5000.5), abs=1e-6)
    assert tokens.log_price[0, seen:] == pytest.approx(np.log(20.0), abs=1e-6)


def test_a_run_refuses_to_go_on_with_other_settings(tmp_path: Path) -> None:
    settings = PretrainSettings(steps=1, batch_size=2, periods=8, warmup=1)
    pretrain(settings, tmp_path)
    with pytest.raises(ValueError, match="seed was 1 and is 2"):
        pretrain(replace(settings, seed=2), tmp_path)


def read_alone_and_together(model: PolicyModel, ahead: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Curves of three futures, each read alone and all read at once; some products began late."""
    rng = np.random.default_rng(5)
    markets = Prior(competitor_chance=1.0).sample(rng, 6, 50)
    log, _ = simulate_log(Simulator(markets, rng), LoggingPolicies(markets, rng), 50)
    future = np.arange(50) >= 50 - ahead
    late = (np.arange(6) < 2)[:, None] & (np.arange(50) < 20)
    known = replace(log, units=np.where(future, np.nan, log.units), price=np.where(late, np.nan, log.price))
    factors = [np.where(future, f, 1.0) for f in (1.0, 0.7, 1.4)]
    futures = [
        replace(known, price=known.price * f, competitor_price=known.competitor_price / f) for f in factors
    ]
    start = known.price[:, 20]
    together = infer_futures(model, futures, start_price=start, ahead=ahead)
    alone = [infer(model, f, start_price=start, ahead=ahead) for f in futures]
    return [(a.log_units, b.log_units) for (a, _), (b, _) in zip(together, alone, strict=True)]


@pytest.mark.parametrize("ahead", [1, 3])
def test_several_futures_read_at_once_are_as_each_alone(ahead: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    GPT2Model(GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=50, n_positions=256)).save_pretrained(
        tmp_path / "gpt2"
    )
    for model in (tiny_network(), PolicyModel.on_backbone(str(tmp_path / "gpt2")).eval()):
        found = read_alone_and_together(model, ahead)
        for together, alone in found:
            assert together == pytest.approx(alone, abs=1e-4)
        assert np.abs(found[0][0] - found[1][0]).max() > 1e-3
