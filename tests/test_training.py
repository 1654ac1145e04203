"""Short training: it learns, repeats itself, fails in words, and leaves the world alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn
from trained_nets import small_net, stripes

from archsearch import training
from archsearch.augment import Augmentation
from archsearch.errors import InputError
from archsearch.training import Diverged, Recipe, TimeLimit, TrainingFailed, batch_of, train


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Results depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


SHORT = Recipe(epochs=2, batch_size=16, layer_scale=1.0)
FULL = Augmentation(flip=0.5, rotation=5.0, scale=0.1, translation=0.1, shift=0.1, erasing=0.2)


def test_a_net_learns_what_can_be_learnt() -> None:
    """Stripes are told apart, the loss falls, and the last point of the curve is the result."""
    recipe = Recipe(epochs=12, batch_size=16, learning_rate=2e-2, layer_scale=1.0)
    trained = train(small_net(), stripes(128), recipe, 12, seed=0)
    assert trained.validation_accuracy > 0.95
    assert trained.validation_count == 128
    assert [point.epoch for point in trained.curve] == list(range(1, 13))
    assert trained.curve[-1].validation_accuracy == trained.validation_accuracy
    assert trained.curve[-1].train_loss < trained.curve[0].train_loss / 1.5
    seconds = [point.seconds for point in trained.curve]
    assert seconds == sorted(seconds)
    assert trained.images_per_s == pytest.approx(12 * 128 / seconds[-1])


@pytest.mark.parametrize("augmentation", [Augmentation(), FULL])
def test_training_repeats_itself(augmentation: Augmentation) -> None:
    """Same module, images, recipe and seed: the same curve and weights; another seed: others."""
    recipe = SHORT.model_copy(update={"augmentation": augmentation})
    nets = [small_net() for _ in range(3)]
    runs = [
        train(net, stripes(40), recipe, 10, seed=seed)
        for net, seed in zip(nets, (1, 1, 2), strict=True)
    ]
    losses = [[point.train_loss for point in run.curve] for run in runs]
    assert losses[0] == losses[1] != losses[2]
    for name, value in nets[0].state_dict().items():
        assert torch.equal(value, nets[1].state_dict()[name]), name


def test_the_global_generators_are_left_as_they_were() -> None:
    """Dropout and all shuffling draw from generators of their own; NumPy's is not touched."""
    torch.manual_seed(5)
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = train(small_net(), stripes(40), SHORT, 8, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)
    torch.manual_seed(6)
    second = train(small_net(), stripes(40), SHORT, 8, seed=0)
    assert first.curve[-1].train_loss == second.curve[-1].train_loss


def test_the_layout_in_memory_changes_no_weight() -> None:
    """Training lays the module out channels-last: untrained, its answers stay the same."""
    net, x = small_net().eval(), torch.randn(2, 3, 12, 12, generator=torch.Generator())
    before = net(x)
    still = Recipe(epochs=1, learning_rate=1e-30, weight_decay=0.0)
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 0.0
    train(net, stripes(8), still, 12, seed=0)
    torch.testing.assert_close(net.eval()(x), before)


def test_images_reach_the_net_resized_and_normalised() -> None:
    """Batches have the asked resolution, mean 0 and deviation 1 over the training images."""
    seen: list[Tensor] = []
    net = small_net()
    net.register_forward_pre_hook(lambda module, x: seen.append(x[0]) if module.training else None)
    train(net, stripes(48), SHORT.model_copy(update={"epochs": 1.0}), (9, 15), seed=0)
    assert [batch.shape for batch in seen] == [(16, 3, 9, 15)] * 3
    whole = torch.cat(seen)
    assert whole.mean().item() == pytest.approx(0, abs=1e-4)
    assert whole.std(correction=0).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("epochs", "batch_size", "images", "sizes"),
    [
        (1.0, 4, 9, [4, 4]),
        (2.0, 4, 9, [4, 4, 4, 4]),
        (1.5, 4, 10, [4, 4, 2, 4]),
        (0.01, 4, 10, [4]),
        (1.0, 64, 5, [5]),
        (0.5, 2, 8, [2, 2]),
    ],
)
def test_steps_of_a_pass(epochs: float, batch_size: int, images: int, sizes: list[int]) -> None:
    """A last batch of one image is left out, a part of a pass is a part, and one step is least."""
    seen: list[int] = []
    net = small_net()
    net.register_forward_pre_hook(
        lambda module, x: seen.append(len(x[0])) if module.training else None
    )
    recipe = Recipe(epochs=epochs, batch_size=batch_size)
    trained = train(net, stripes(images), recipe, 8, seed=0)
    assert seen == sizes
    per_epoch = training.batches_per_epoch(images, batch_size)
    assert trained.curve[-1].epoch == len(sizes) / per_epoch


def test_every_image_is_seen_once_a_pass() -> None:
    """The batches of one pass are the training images, shuffled."""
    images = stripes(10)
    images.train_x[:] = np.arange(10, dtype=np.uint8)[:, None, None, None] * 25
    seen: list[Tensor] = []
    net = small_net()
    net.register_forward_pre_hook(
        lambda module, x: seen.append(x[0][:, 0, 0, 0]) if module.training else None
    )
    train(net, images, Recipe(epochs=2, batch_size=5), 12, seed=0)
    passes = torch.cat(seen).view(2, 10)
    assert not torch.equal(*passes)
    torch.testing.assert_close(*passes.sort().values)


def test_maps_of_one_pixel_do_not_crash_batch_norm() -> None:
    """Two images are enough for a batch norm at 1x1, and a third never comes alone."""
    net = nn.Sequential(
        nn.Conv2d(3, 4, 8, stride=8), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2)
    )
    trained = train(net, stripes(3), Recipe(epochs=2, batch_size=2), 8, seed=0)
    assert trained.curve[-1].epoch == 2


def test_one_image_cannot_be_trained_on() -> None:
    """The error says how many are needed."""
    with pytest.raises(InputError, match="needs 2 images at least, got 1"):
        train(small_net(), stripes(1), SHORT, 8, seed=0)


def test_layer_scale_starts_where_the_recipe_says() -> None:
    """1e-6 stays 1e-6 unless the recipe sets it, and it is trained from there."""
    scales = {}
    for start in (None, 0.5):
        net = small_net()
        recipe = Recipe(epochs=1, learning_rate=1e-9, layer_scale=start)
        train(net, stripes(20), recipe, 8, seed=0)
        scales[start] = net.get_parameter("2.gamma").mean().item()
    assert scales == pytest.approx({None: 1e-6, 0.5: 0.5}, rel=1e-2)


def test_what_is_a_number_a_channel_is_not_decayed() -> None:
    """Weight decay alone shrinks kernels and matrices; biases, norms and scales stay."""
    net = small_net()
    for parameter in net.parameters():
        nn.init.ones_(parameter)
    net.requires_grad_(True)
    for parameter in net.parameters():
        parameter.register_hook(torch.zeros_like)
    train(net, stripes(20), Recipe(epochs=1, learning_rate=0.1, weight_decay=0.5), 8, seed=0)
    shrunk = {name for name, parameter in net.named_parameters() if (parameter != 1).any()}
    assert shrunk == {"0.weight", "2.conv.weight", "5.weight"}


@given(st.integers(1, 300), st.floats(0, 0.9), st.floats(1e-5, 1))
def test_the_learning_rate_rises_then_falls(steps: int, warmup: float, peak: float) -> None:
    """Never above the peak, rising during warm-up, falling after it, and above 0 all the time."""
    recipe = Recipe(warmup=warmup, learning_rate=peak)
    rates = [training.learning_rate(step, steps, recipe) for step in range(steps)]
    top = rates.index(max(rates))
    assert 0 < min(rates) <= max(rates) <= peak
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_the_learning_rate_follows_its_formula() -> None:
    """Linear to the peak over a tenth of the steps, then half a cosine."""
    recipe = Recipe(warmup=0.1, learning_rate=1.0)
    rates = [training.learning_rate(step, 100, recipe) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 0.5) / 10 for step in range(10)])
    cosine = [(1 + math.cos(math.pi * (step + 0.5) / 90)) / 2 for step in range(90)]
    assert rates[10:] == pytest.approx(cosine)


class Broken(nn.Module):
    """Gives what ``spoil`` makes of its logits from the third training batch on."""

    def __init__(self, spoil: Callable[[Tensor], Tensor], training_only: bool = True) -> None:
        super().__init__()
        self.net, self.spoil, self.calls = small_net(), spoil, 0
        self.training_only = training_only

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        self.calls += 1
        whole = self.calls < 3 or self.training != self.training_only
        return logits if whole else self.spoil(logits)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_divergence(value: float) -> None:
    """The message says when, and what to lower; it is a failed training, not a crash."""
    net = Broken(lambda logits: logits * value)
    with pytest.raises(Diverged, match=r"the loss is nan after 1.00 of 2 epochs; lower learning"):
        train(net, stripes(48), SHORT, 8, seed=0)
    assert issubclass(Diverged, TrainingFailed)


def test_an_output_that_is_not_finite_is_divergence() -> None:
    """A net whose evaluation gives nan has no accuracy, not the accuracy of class 0."""
    net = Broken(lambda logits: logits * math.nan, training_only=False)
    with pytest.raises(Diverged, match="output is no longer finite"):
        train(net, stripes(48), SHORT, 8, seed=0)


def test_the_time_limit_stops_at_the_next_step() -> None:
    """The message says how far it came and what to change."""
    recipe = Recipe(epochs=50, batch_size=2, time_limit_s=1e-9)
    calls: list[int] = []
    net = small_net()
    net.register_forward_hook(lambda *_: calls.append(1))
    with pytest.raises(TimeLimit, match=r"0.10 of 50 epochs took .* over time_limit_s \(1e-09\)"):
        train(net, stripes(20), recipe, 8, seed=0)
    assert len(calls) == 1


def test_the_curve_has_as_many_points_as_asked_for() -> None:
    """Every second epoch, and the end; each loss is the mean since the last point."""
    dense = SHORT.model_copy(update={"epochs": 5.0})
    sparse = dense.model_copy(update={"evaluate_every": 2})
    all_five, three = (train(small_net(), stripes(32), r, 8, seed=0).curve for r in (dense, sparse))
    assert [point.epoch for point in three] == [2, 4, 5]
    losses = [point.train_loss for point in all_five]
    means = [(losses[0] + losses[1]) / 2, (losses[2] + losses[3]) / 2, losses[4]]
    assert [point.train_loss for point in three] == pytest.approx(means, rel=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0.0},
        {"batch_size": 1},
        {"learning_rate": math.inf},
        {"warmup": 1.0},
        {"seeds": 0},
        {"label_smoothing": -0.1},
        {"batch_size": 16.0},
        {"lr": 1e-3},
    ],
)
def test_a_recipe_refuses_what_cannot_be(wrong: dict[str, Any]) -> None:
    """Values out of range, of the wrong type or of an unknown name never reach a training."""
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Recipe.model_validate(wrong)


@pytest.mark.parametrize(
    ("scale", "of_architecture", "expected"),
    [(0.125, 256, 32), (0.125, (192, 224), (24, 28)), (0.01, 224, 8), (1.0, 30, 30)],
)
def test_the_training_resolution_is_a_share_of_the_nets(
    scale: float, of_architecture: Any, expected: Any
) -> None:
    """In proportion, rounded, at least 8 pixels, one number or two."""
    assert Recipe(scale=scale).resolution(of_architecture) == expected


def test_a_batch_for_scoring_is_balanced_and_seeded() -> None:
    """As many images as asked for, both classes, normalised; the same for the same seed."""
    images = stripes(20)
    x, y = batch_of(images, 6, 9, seed=3)
    assert (x.shape, x.dtype) == ((6, 3, 9, 9), torch.float32)
    assert y.bincount().tolist() == [3, 3]
    assert x.mean().item() == pytest.approx(0, abs=1e-5)
    assert torch.equal(x, batch_of(images, 6, 9, seed=3)[0])
    assert not torch.equal(x, batch_of(images, 6, 9, seed=4)[0])
    assert len(batch_of(images, 99, 9, seed=3)[1]) == 20
