"""The training loop against independent implementations and hand-computed values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from autometa_torch import Recipe, Samples, train
from autometa_torch.learners.cnn import CNN
from autometa_torch.learners.mlp import MLP
from autometa_torch.networks import MLPNetwork
from autometa_torch.networks.base import Rate
from autometa_torch.training.augment import augmented
from autometa_torch.training.optimiser import FlatAdamW
from autometa_torch.training.samples import loss_of, slope_loss, split
from autometa_torch.training.threads import generator_of, threads

from autometa import Checkpoint, TrainingData
from autometa.testing.subject import context


def _network(n_outputs: int = 1) -> MLPNetwork:
    network = MLPNetwork(3, [8], n_outputs, activation="relu")
    network.initialise(generator_of(0))
    return network


def _line(n: int = 300) -> Samples:
    x = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    return Samples.of(x, x[:, 0] - 0.5 * x[:, 1], None)


def test_optimiser_steps_as_torch_does() -> None:
    mine, theirs = _network(), _network()
    flat = FlatAdamW({p: Rate(0.5, 2.0) for p in mine.parameters()}, 0.99)
    other = torch.optim.AdamW(theirs.parameters(), 0.5e-2, betas=(0.9, 0.99), weight_decay=0.2)
    samples = _line()
    for _ in range(5):
        flat.clear()
        loss_of(mine(samples.x), samples).backward()
        flat.step(1e-2, 0.1)
        other.zero_grad()
        loss_of(theirs(samples.x), samples).backward()
        other.step()
    for first, second in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(first, second, atol=1e-6)


def test_loss_weights_rows_and_takes_soft_labels() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    hard = Samples.of(np.zeros((2, 1), np.float32), np.array([1, 0]), 2, np.array([1.0, 3.0]))
    expected = (0.5 * -math.log(0.75) + 1.5 * -math.log(0.5)) / 2
    assert float(loss_of(logits, hard)) == pytest.approx(expected)
    soft = Samples.of(np.zeros((2, 1), np.float32), np.array([[0.2, 0.8], [1.0, 0.0]]), 2)
    expected = (-0.2 * math.log(0.25) - 0.8 * math.log(0.75) - math.log(0.5)) / 2
    assert float(loss_of(logits, soft)) == pytest.approx(expected)


def test_smoothing_mixes_class_frequencies_into_labels() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)]])
    one = Samples.of(np.zeros((1, 1), np.float32), np.array([1]), 2)
    smoothed = loss_of(logits, one, torch.tensor([0.05, 0.05]))
    assert float(smoothed) == pytest.approx(-0.95 * math.log(0.75) - 0.05 * math.log(0.25))


def test_split_keeps_every_class_to_fit() -> None:
    y = np.array([0] * 40 + [1] * 2 + [2])
    samples = Samples.of(np.arange(43, dtype=np.float32)[:, None], y, 3)
    fit, valid = split(samples, 0.5, np.random.default_rng(0))
    assert set(fit.y.tolist()) == {0, 1, 2}
    assert sorted([*fit.x[:, 0].tolist(), *valid.x[:, 0].tolist()]) == list(range(43))
    assert 15 <= len(valid) <= 25


def test_best_epoch_is_kept_and_each_is_reported() -> None:
    losses: list[float] = []
    told = replace(context(), report=lambda step, loss: losses.append(loss))
    samples = _line()
    # A rate at which the training gets worse sooner or later.
    recipe = Recipe(learning_rate=0.3, held_out=0.3, max_epochs=12, patience=1.0)
    network = train(_network(), samples, recipe, told)
    _, valid = split(samples, 0.3, context().rng)
    with torch.no_grad():
        kept = float(loss_of(network(valid.x), valid))
    assert len(losses) == 12
    assert kept == pytest.approx(min(losses), rel=1e-4)


def test_network_that_is_trained_stays_as_it_was() -> None:
    network = _network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    train(network, _line(), Recipe(learning_rate=0.1, max_epochs=2), context())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_global_generator_and_threads_are_left_alone() -> None:
    state, n_threads = torch.get_rng_state(), torch.get_num_threads()
    recipe = Recipe(learning_rate=0.1, max_epochs=2, dropout=0.3)
    train(_network(), _line(), recipe, replace(context(), n_threads=n_threads + 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == n_threads
    with threads(n_threads + 1):
        assert torch.get_num_threads() == n_threads + 1


def test_past_deadline_gives_the_network_as_it_is() -> None:
    network = _network()
    trained = train(network, _line(), Recipe(learning_rate=0.1), context(seconds=-1.0))
    network.finish()
    x = _line().x
    assert torch.allclose(trained(x), network(x))


@pytest.mark.parametrize("schedule", ["waves", "decay"])
def test_schedules_end_at_nothing_and_reach_the_rate(schedule) -> None:
    recipe = Recipe(learning_rate=0.2, schedule=schedule)
    rates = [recipe.rate(step / 1000) for step in range(1001)]
    assert max(rates) == pytest.approx(0.2, rel=1e-3)
    assert min(rates) >= 0.0
    assert rates[-1] < 1e-6


@pytest.mark.parametrize(
    ("n", "batch"), [(1, 1), (20, 20), (100, 32), (1000, 128), (50_000, 256), (200_000, 1024)]
)
def test_batches_grow_with_the_rows(n, batch) -> None:
    assert Recipe(learning_rate=0.1).batch(n) == batch


def test_moved_images_are_crops_of_the_padded_image() -> None:
    x = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5)
    moved = augmented(x, Recipe(learning_rate=0.1, shift=1), generator_of(1))
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
    for image, source in zip(moved, padded, strict=True):
        crops = [source[:, i : i + 4, j : j + 5] for i in range(3) for j in range(3)]
        assert any(torch.equal(image, crop) for crop in crops)


def test_mirrored_images_are_flipped_or_not() -> None:
    x = torch.rand(20, 1, 2, 3, generator=generator_of(0))
    flipped = augmented(x, Recipe(learning_rate=0.1, flips=True), generator_of(1))
    is_same = [torch.equal(a, b) for a, b in zip(flipped, x, strict=True)]
    is_mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(flipped, x, strict=True)]
    assert all(s or m for s, m in zip(is_same, is_mirrored, strict=True))
    assert 0 < sum(is_same) < 20


def _interrupted_at(epoch: int) -> Callable[[int, float], None]:
    def report(step: int, loss: float) -> None:
        if step == epoch:
            raise KeyboardInterrupt

    return report


@pytest.mark.parametrize("learner", ["mlp", "cnn"])
def test_training_goes_on_from_its_checkpoint_to_the_same_bits(
    learner: str, tmp_path: Path
) -> None:
    data = _rows() if learner == "mlp" else _images()
    config = {"dropout": 0.2, "label_smoothing": 0.1}
    fitter = {"mlp": MLP, "cnn": CNN}[learner]
    whole = fitter(config).fit(data, context(3))
    kept = Checkpoint(tmp_path / "fit", every_seconds=0.0)
    for epoch in (2, 3):
        with pytest.raises(KeyboardInterrupt):
            fitter(config).fit(
                data, replace(context(3), report=_interrupted_at(epoch), checkpoint=kept)
            )
    steps: list[int] = []
    again = replace(context(3), report=lambda step, loss: steps.append(step), checkpoint=kept)
    model = fitter(config).fit(data, again)
    assert steps[0] == 4
    assert np.array_equal(model.predict(data.X), whole.predict(data.X))


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_training_starts_anew_when_its_checkpoint_is_no_good(damage: str, tmp_path: Path) -> None:
    data = _rows()
    kept = Checkpoint(tmp_path / "fit", every_seconds=0.0)
    config = {"hidden_width": 48 if damage == "other" else 32}
    with pytest.raises(KeyboardInterrupt):
        MLP(config).fit(data, replace(context(3), report=_interrupted_at(2), checkpoint=kept))
    if damage == "cut":
        file = tmp_path / "fit" / "training.safetensors"
        file.write_bytes(file.read_bytes()[:-100])
    model = MLP({"hidden_width": 32}).fit(data, replace(context(3), checkpoint=kept))
    whole = MLP({"hidden_width": 32}).fit(data, context(3))
    assert np.array_equal(model.predict(data.X), whole.predict(data.X))


def _rows() -> TrainingData:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    return TrainingData(X=X, y=(X["a"] > X["b"]).to_numpy().astype(np.int64), n_classes=2)


def _images() -> TrainingData:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(120, 8, 8, 1), dtype=np.uint8)
    y = np.arange(120) % 2
    images[y == 1, :4] //= 2
    return TrainingData(X=images, y=y, n_classes=2)


def test_slope_loss_is_that_of_the_gradient() -> None:
    network = torch.nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    samples = replace(
        Samples.of(np.zeros((1, 2), np.float32), np.array([0]), 2),
        slopes=torch.tensor([[1.0, 0.0]]),
        directions=torch.tensor([[1.0, -1.0]]),
        slope_weight=2.0,
    )
    x = samples.x.clone().requires_grad_()
    loss = slope_loss(network(x), x, samples)
    assert float(loss.detach()) == pytest.approx(2.0 * 0.5 * ((-2 - 1) ** 2 + (-2) ** 2) / 2)
    loss.backward()
    expected = torch.tensor([[-3.0, -2.0], [3.0, 2.0]])
    assert torch.allclose(network.weight.grad, expected)
