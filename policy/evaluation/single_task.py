"""DQN, A2C and PPO of Stable-Baselines3 as a shop would first try them: trained online on the single task.

Each market has a learner of its own that starts from random weights and learns while it sells, for the
market's whole horizon; nothing is trained beforehand, no prior is known and no season is ever repeated.
Mnih et al. 2015 (Nature 518), Mnih et al. 2016 (arXiv 1602.01783), Schulman et al. 2017 (arXiv 1707.06347).

Needs the extra `benchmarks` (stable-baselines3).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from policy.market import Observation
from policy.market.setting import Setting
from policy.market.simulator import Outcome

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

FEATURES = 6
"""Width of what a learner sees of its market."""


@dataclass(frozen=True, kw_only=True)
class SingleTask:
    """Settings shared by the learners. The algorithms' own are theirs by default but for those that must
    fit a season of some dozens of periods: how soon and how often they update.

    Number of prices, learning rate and discount did best, over the three learners, of six combinations of
    {5, 7, 11}, {0.003, 0.01, 0.03} and {0, 0.9} tried on 48 markets from the training prior."""

    prices: int = 7
    """Prices on the grid between the lowest and the highest allowed one, evenly spaced in logs."""
    learning_rate: float = 1e-2
    discount: float = 0.0
    """Discount per period. Today's price hardly moves tomorrow's demand in these markets: 0 is the best
    informed choice, and the kindest to the learners."""
    width: int = 32
    """Units in each of two hidden layers."""


class _TheEnd(Exception):
    """Ends a learner's endless training when its season is over."""


class _Shop(gymnasium.Env[NDArray[np.float32], np.int64]):
    """One market as the environment of one learner, which runs in a thread of its own and waits in `step`
    until the harness has sold at its price. Only one of the two runs at any time."""

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own pattern

    def __init__(self, prices: int):
        self.action_space = spaces.Discrete(prices)
        self.observation_space = spaces.Box(-10.0, 10.0, shape=(FEATURES,), dtype=np.float32)
        self._turn, self._answer = threading.Semaphore(0), threading.Semaphore(0)
        self._seen, self._reward, self._over = np.zeros(FEATURES, dtype=np.float32), 0.0, False
        self._choice = 0
        self._error: Exception | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        return self._seen, {}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        self._choice = int(action)
        self._answer.release()
        self._turn.acquire()
        if self._over:
            raise _TheEnd
        return self._seen, self._reward, False, False, {}

    def live(self, model: BaseAlgorithm) -> None:
        """Body of the learner's thread: train until the season ends."""
        self._turn.acquire()
        try:
            if not self._over:
                model.learn(total_timesteps=10**9)
        except _TheEnd:
            pass
        except Exception as error:  # handed to the harness: a thread's own traceback ends nowhere
            self._error = error
        self._answer.release()

    def ask(self, seen: NDArray[np.float32], reward: float) -> int:
        """The harness's side: the coming period and the last reward in, the index of a price out."""
        self._seen, self._reward = seen, reward
        return self._hand_over()

    def close_down(self) -> None:
        """End the season; the thread ends too."""
        self._over = True
        self._hand_over()

    def _hand_over(self) -> int:
        self._turn.release()
        self._answer.acquire()
        if self._error is not None:
            raise RuntimeError("A learner of Stable-Baselines3 failed.") from self._error
        return self._choice


class _Learners:
    """B learners, one a market, behind the interface of every other policy."""

    def __init__(self, settings: SingleTask | None = None):
        self._settings = settings or SingleTask()
        self._shops: list[_Shop] = []

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        self.close()
        self._horizon, self._reference = markets.horizon, markets.reference_price
        # Periods to price: a logged history may precede the first.
        self._season, self._asked = markets.horizon, False
        self._units, self._periods = np.zeros(len(markets)), 0
        self._reward, self._last_units = np.zeros(len(markets)), np.zeros(len(markets))
        # Stable-Baselines3 draws from the global generators: they are lent to it and given back.
        self._luck = _GlobalLuck(int(rng.integers(2**31)))
        with self._luck:
            for _ in range(len(markets)):
                shop = _Shop(self._settings.prices)
                model = self._model(shop, int(rng.integers(2**31)))
                threading.Thread(target=shop.live, args=(model,), daemon=True).start()
                self._shops.append(shop)

    def act(self, observation: Observation) -> NDArray:
        if not self._asked:
            self._season, self._asked = self._horizon - observation.t, True
        seen = self._features(observation)
        with self._luck:
            choices = [
                shop.ask(s, float(r)) for shop, s, r in zip(self._shops, seen, self._reward, strict=True)
            ]
        fraction = np.array(choices) / (self._settings.prices - 1)
        low, high = np.log(observation.price_low), np.log(observation.price_high)
        return np.exp(low + fraction * (high - low))

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        self._periods += 1
        self._units += outcome.units
        self._last_units = outcome.units
        # Profit in units of usual revenue, so that one learning rate fits all markets.
        usual = np.maximum(self._units / self._periods, 0.1) * self._reference
        self._reward = np.clip(outcome.profit / usual, -10.0, 10.0)
        if self._periods == self._horizon:
            self.close()

    def close(self) -> None:
        """End all learners' threads; done at the end of a season and at the next reset."""
        for shop in self._shops:
            shop.close_down()
        self._shops = []

    def _features(self, observation: Observation) -> NDArray[np.float32]:
        """Last price, units sold last, cost, competitor's price (with a mark), promotion; (B, FEATURES)."""
        rival = observation.competitor_price / self._reference
        mean = np.maximum(self._units / max(self._periods, 1), 0.1)
        columns = [
            np.log(observation.last_price / self._reference),
            np.log1p(self._last_units / mean),
            observation.unit_cost / self._reference,
            np.where(np.isnan(rival), 0.0, rival - 1.0),
            np.isfinite(rival) * 1.0,
            observation.promo,
        ]
        return np.clip(np.stack(columns, axis=1), -10.0, 10.0).astype(np.float32)

    def _model(self, shop: _Shop, seed: int) -> BaseAlgorithm:
        raise NotImplementedError


class SingleTaskDQN(_Learners):
    """Deep Q-learning with replay; random prices, ever fewer, in the first third of the season."""

    def _model(self, shop: _Shop, seed: int) -> BaseAlgorithm:
        from stable_baselines3 import DQN

        s = self._settings
        model = DQN(
            "MlpPolicy",
            shop,
            learning_rate=s.learning_rate,
            gamma=s.discount,
            buffer_size=max(self._horizon, 64),
            learning_starts=4,
            batch_size=16,
            train_freq=1,
            gradient_steps=4,
            target_update_interval=10,
            policy_kwargs={"net_arch": [s.width, s.width]},
            seed=seed,
            device="cpu",
        )
        # `learn` never ends here, so the schedule counts periods itself.
        model.exploration_schedule = lambda left: max(0.05, 1.0 - 3.0 * model.num_timesteps / self._season)
        return model


class SingleTaskA2C(_Learners):
    """Advantage actor-critic, an update every four periods."""

    def _model(self, shop: _Shop, seed: int) -> BaseAlgorithm:
        from stable_baselines3 import A2C

        s = self._settings
        return A2C(
            "MlpPolicy",
            shop,
            learning_rate=s.learning_rate,
            gamma=s.discount,
            n_steps=4,
            normalize_advantage=True,
            policy_kwargs={"net_arch": [s.width, s.width]},
            seed=seed,
            device="cpu",
        )


class SingleTaskPPO(_Learners):
    """Proximal policy optimisation, ten epochs over every eight periods."""

    def _model(self, shop: _Shop, seed: int) -> BaseAlgorithm:
        from stable_baselines3 import PPO

        s = self._settings
        return PPO(
            "MlpPolicy",
            shop,
            learning_rate=s.learning_rate,
            gamma=s.discount,
            n_steps=8,
            batch_size=8,
            policy_kwargs={"net_arch": [s.width, s.width]},
            seed=seed,
            device="cpu",
        )


class _GlobalLuck:
    """Lends the global generators of NumPy and PyTorch, with a state that lasts from loan to loan."""

    def __init__(self, seed: int):
        torch_state = torch.Generator().manual_seed(seed).get_state()
        self._own = (np.random.RandomState(seed).get_state(), torch_state)

    def __enter__(self) -> None:
        self._lent = self._swap(self._own)

    def __exit__(self, *error: object) -> None:
        self._own = self._swap(self._lent)

    @staticmethod
    def _swap(state: tuple[Any, torch.Tensor]) -> tuple[Any, torch.Tensor]:
        held = (np.random.get_state(), torch.get_rng_state())  # noqa: NPY002
        np.random.set_state(state[0])  # noqa: NPY002
        torch.set_rng_state(state[1])
        return held
