"""What a recipe can say: each option against an oracle of its own."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from trained_nets import small_net, stripes

from archsearch.augment import Augmentation
from archsearch.errors import InputError
from archsearch.training import Recipe, Training, learning_rate, train
from archsearch.training.averaging import Average
from archsearch.training.mixing import mix, mixed_cross_entropy
from archsearch.training.muon import Muon, is_mixing, orthogonalised
from archsearch.training.optimizers import OPTIMIZERS, optimizers
from archsearch.training.precision import torch_device

PAGE = Path(__file__).parent.parent / "docs" / "training.md"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Results depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 9) -> Tensor:
    return torch.randn(*shape, generator=source(seed))


# Documentation


def test_every_option_is_described() -> None:
    """docs/training.md names every field of a recipe and of its augmentation, and every value."""
    text = PAGE.read_text(encoding="utf-8")
    named = {w for code in re.findall(r"`([^`]+)`", text) for w in re.findall(r"\w+", code)}
    wanted = {*Recipe.model_fields, *Augmentation.model_fields, *OPTIMIZERS}
    assert not wanted - named, f"write a line about {sorted(wanted - named)} in docs/training.md"


# Optimisers


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns(name: str) -> None:
    """Stripes are told apart with a usual learning rate."""
    rate = 0.1 if name == "sgd" else 2e-2
    recipe = Recipe(epochs=12, batch_size=16, learning_rate=rate, layer_scale=1.0)
    recipe = recipe.model_copy(update={"optimizer": name})
    assert train(small_net(), stripes(128), recipe, 12, seed=0).validation_accuracy > 0.9


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_decays_kernels_only(name: str) -> None:
    """With gradients of 0, each kernel shrinks by rate x decay, and nothing else moves."""
    net = small_net()
    for parameter in net.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    for optimizer in optimizers(net, name, rate=0.1, decay=0.5):
        optimizer.step()
    kernels = {"0.weight", "2.conv.weight", "5.weight"}
    for key, parameter in net.named_parameters():
        # SGD's decay goes through Nesterov's momentum: a first step of 1.9 times its length.
        left = 1 - 0.05 * (1.9 if name == "sgd" else 1.0)
        torch.testing.assert_close(
            parameter, torch.full_like(parameter, left if key in kernels else 1)
        )


@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 99))
def test_orthogonalised_keeps_directions_and_levels_lengths(m: int, n: int, seed: int) -> None:
    """Against the singular value decomposition: same singular vectors, values of 0.6 to 1.3."""
    matrix = noise(m, n, seed=seed)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    found = u.T @ orthogonalised(matrix) @ v.T
    clear = s > 0.02 * s.norm()
    values = found.diagonal()[clear]
    assert ((values > 0.6) & (values < 1.3)).all()
    torch.testing.assert_close(
        found - found.diagonal().diag(), torch.zeros_like(found), atol=2e-3, rtol=0
    )


def test_muon_takes_the_steps_of_its_equations() -> None:
    """Three steps of a kernel, written out with a list of gradients and float64 sums."""
    kernel = nn.Parameter(noise(6, 4, 3, 3).to(memory_format=torch.channels_last))
    expected, momentum = kernel.detach().clone(), torch.zeros(6, 4, 3, 3)
    muon = Muon([kernel], rate=0.02, decay=0.1)
    for step in range(3):
        gradient = noise(6, 4, 3, 3, seed=step)
        kernel.grad = gradient.clone(memory_format=torch.channels_last)
        muon.step()
        momentum = 0.95 * momentum + 0.05 * gradient
        ahead = (0.05 * gradient + 0.95 * momentum).reshape(6, 36)
        direction = orthogonalised(ahead).reshape(6, 4, 3, 3)
        expected = expected * (1 - 0.02 * 0.1) - 0.02 * 0.2 * 6 * direction
    torch.testing.assert_close(kernel.detach(), expected)


def test_a_muon_step_is_as_long_as_an_adamw_step_usually_is() -> None:
    """Root mean square of about 0.2 rates, whatever the shape: both take the same rate."""
    for shape in ((64, 16, 1, 1), (16, 64), (32, 32, 3, 3)):
        kernel = nn.Parameter(torch.zeros(shape))
        kernel.grad = noise(*shape)
        Muon([kernel], rate=1.0, decay=0.0).step()
        assert kernel.detach().square().mean().sqrt().item() == pytest.approx(0.2, rel=0.25)


def test_muon_is_for_kernels_that_mix_channels() -> None:
    """Depthwise kernels, biases and scales are AdamW's."""
    shapes = {(8, 4, 1, 1): True, (8, 4): True, (8, 1, 3, 3): False, (8,): False, (1, 8): False}
    assert {shape: is_mixing(nn.Parameter(torch.zeros(shape))) for shape in shapes} == shapes


# Schedule, clipping


@pytest.mark.parametrize(
    ("name", "way"), [("linear", lambda t: 1 - t), ("constant", lambda _: 1.0)]
)
def test_other_schedules_follow_their_formula(name: str, way: Any) -> None:
    """The same warm-up, then a straight line or none."""
    recipe = Recipe(warmup=0.1, learning_rate=1.0).model_copy(update={"schedule": name})
    rates = [learning_rate(step, 100, recipe) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 0.5) / 10 for step in range(10)])
    assert rates[10:] == pytest.approx([way((step + 0.5) / 90) for step in range(90)])


@pytest.mark.parametrize("most", [1e-3, 1e6])
def test_gradients_are_no_longer_than_the_recipe_says(most: float) -> None:
    """SGD without decay from rest: the first step is 1.9 x rate x the clipped gradient."""
    recipe = Recipe(
        epochs=0.01, batch_size=16, optimizer="sgd", weight_decay=0.0, warmup=0.0,
        schedule="constant", learning_rate=0.1, clip_norm=most,
    )  # fmt: skip
    free, net = small_net(), small_net()
    train(free, stripes(32), recipe.model_copy(update={"clip_norm": None}), 10, seed=0)
    train(net, stripes(32), recipe, 10, seed=0)
    start = small_net()

    def moved(trained: nn.Module) -> float:
        pairs = zip(trained.parameters(), start.parameters(), strict=True)
        return sum(float((a - b).detach().square().sum()) for a, b in pairs) ** 0.5

    if most < 1:
        assert moved(net) == pytest.approx(0.19 * most, rel=1e-2)
    else:
        assert moved(net) == moved(free)


# Averaged weights


def test_the_average_follows_its_formula() -> None:
    """By a loop over plain numbers; a counter is copied, the decay starts small."""
    net = nn.BatchNorm1d(1)
    average = Average(net, decay=0.5)
    expected = mean = 0.0
    for step in range(9):
        nn.init.constant_(net.bias, step + 1.0)
        net.running_mean.fill_(2.0 * step)
        net.num_batches_tracked.fill_(step)
        average.follow(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * (step + 1.0)
        mean = decay * mean + (1 - decay) * 2.0 * step
    assert average.module.bias.item() == pytest.approx(expected)
    assert average.module.running_mean.item() == pytest.approx(mean)
    assert average.module.num_batches_tracked == 8
    average.give()
    assert net.bias.item() == pytest.approx(expected)


def test_the_averaged_weights_are_evaluated_and_kept() -> None:
    """The curve tells their accuracy, the module ends with them; steps are those without them."""
    recipe = Recipe(epochs=3, batch_size=16, layer_scale=1.0, learning_rate=2e-2)
    plain, averaged = small_net(), small_net()
    train(plain, stripes(64), recipe, 12, seed=0)
    training = Training(
        averaged, stripes(64), recipe.model_copy(update={"ema_decay": 0.9}), 12, seed=0
    )
    training.run()
    for name, value in plain.state_dict().items():
        assert torch.equal(value, averaged.state_dict()[name]), name
    copied = copy.deepcopy(training.evaluated)
    told = training.finish().validation_accuracy
    x = torch.from_numpy(stripes(64).validation_x).permute(0, 3, 1, 2)
    images = training._data.normalise(x)
    right = (averaged.eval()(images).argmax(1).numpy() == stripes(64).validation_y).mean()
    assert told == right
    assert not torch.equal(plain[5].weight, averaged[5].weight)
    torch.testing.assert_close(averaged.state_dict(), copied.state_dict())


# Mixing


@given(st.integers(2, 9), st.floats(0.1, 4), st.integers(0, 99))
@settings(max_examples=30)
def test_mixup_is_the_weighted_sum(count: int, alpha: float, seed: int) -> None:
    """Each image is share x itself + (1 - share) x its partner, and every one is once a partner."""
    batch = noise(count, 3, 5, 4)
    mixed = mix(batch, alpha, 0.0, source(seed))
    for index in range(count):
        share, other = mixed.share[index], mixed.partner[index]
        expected = share * batch[index] + (1 - share) * batch[other]
        torch.testing.assert_close(mixed.images[index], expected)
    assert sorted(mixed.partner.tolist()) == list(range(count))
    assert ((mixed.share >= 0) & (mixed.share <= 1)).all()


@given(st.integers(2, 9), st.floats(0.1, 4), st.integers(0, 99))
@settings(max_examples=30)
def test_cutmix_is_one_rectangle_of_the_other(count: int, alpha: float, seed: int) -> None:
    """Every pixel is one of the two's, the other's are a rectangle, and the share counts them."""
    batch = torch.arange(count).float().view(-1, 1, 1, 1).expand(-1, 2, 8, 6).clone()
    mixed = mix(batch, 0.0, alpha, source(seed))
    for index in range(count):
        other = mixed.partner[index]
        if other == index:
            continue
        foreign = mixed.images[index] == other
        assert torch.equal(foreign | (mixed.images[index] == index), torch.ones(2, 8, 6).bool())
        assert torch.equal(foreign[0], foreign[1])
        rows, columns = foreign[0].any(1), foreign[0].any(0)
        assert torch.equal(foreign[0], rows[:, None] & columns[None, :])
        assert 1 - foreign[0].float().mean() == pytest.approx(mixed.share[index].item(), abs=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_shares_are_of_the_beta_distribution(alpha: float) -> None:
    """Mean one half, variance 1 / (4 (2 alpha + 1)), in mixup and (up to pixels) in CutMix."""
    batch = torch.zeros(4000, 1, 64, 64)
    for given_alphas in ((alpha, 0.0), (0.0, alpha)):
        share = mix(batch, *given_alphas, source(1)).share
        assert share.mean().item() == pytest.approx(0.5, abs=0.025)
        assert share.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_with_both_a_batch_gets_one_of_the_two() -> None:
    """As often as the other."""
    batch = noise(8, 3, 8, 8)
    generator = source()
    cut = [torch.isin(mix(batch, 1.0, 1.0, generator).images, batch).all() for _ in range(300)]
    assert 0.4 < sum(map(bool, cut)) / 300 < 0.6


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_mixed_loss_is_the_cross_entropy_of_the_mixed_label(smoothing: float) -> None:
    """Against the target written out: share at one class, the rest at the other, smoothed."""
    logits, labels = noise(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    mixed = mix(noise(6, 3, 4, 4), 0.5, 0.0, source())
    target = torch.zeros(6, 4)
    for row in range(6):
        target[row, labels[row]] += mixed.share[row]
        target[row, labels[mixed.partner[row]]] += 1 - mixed.share[row]
    target = target * (1 - smoothing) + smoothing / 4
    expected = -(target * F.log_softmax(logits, 1)).sum(1).mean()
    torch.testing.assert_close(mixed_cross_entropy(logits, labels, mixed, smoothing), expected)


def test_mixing_reaches_the_net() -> None:
    """With CutMix the net sees patches, and another loss comes of it."""
    recipe = Recipe(epochs=1, batch_size=16)
    losses = [
        train(small_net(), stripes(32), recipe.model_copy(update=changes), 12, 0)
        .curve[0]
        .train_loss
        for changes in ({}, {"mixup": 1.0}, {"cutmix": 1.0})
    ]
    assert len(set(losses)) == 3


# Precision and compilation


def test_bf16_trains_to_nearly_the_same() -> None:
    """Another number format of the forward pass; weights stay float32. On a CPU auto is float32."""
    recipe = Recipe(epochs=2, batch_size=16, layer_scale=1.0)
    losses, nets = {}, {}
    for precision in ("float32", "bf16", "auto"):
        nets[precision] = small_net()
        told = recipe.model_copy(update={"precision": precision})
        losses[precision] = train(nets[precision], stripes(64), told, 12, 0).curve[-1].train_loss
    assert losses["auto"] == losses["float32"] != losses["bf16"]
    assert losses["bf16"] == pytest.approx(losses["float32"], rel=0.02)
    assert {value.dtype for value in nets["bf16"].parameters()} == {torch.float32}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # torch.compile's own imports
def test_a_compiled_training_is_the_same_up_to_rounding() -> None:
    """Same curve to four digits, and the module itself (not a wrapper) is what was trained."""
    recipe = Recipe(epochs=2, batch_size=16, layer_scale=1.0)
    nets = [small_net(), small_net()]
    plain = train(nets[0], stripes(32), recipe, 12, 0)
    compiled = train(nets[1], stripes(32), recipe.model_copy(update={"compile": True}), 12, 0)
    assert compiled.curve[-1].train_loss == pytest.approx(plain.curve[-1].train_loss, rel=1e-2)
    assert nets[1].state_dict().keys() == nets[0].state_dict().keys()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here: asking for it is no mistake")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    """With what to do; auto takes the CPU."""
    with pytest.raises(InputError, match="finds no CUDA GPU here; use cpu or auto"):
        torch_device("cuda")
    assert torch_device("auto") == torch_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_a_gpu_trains_on_the_same_images_in_the_same_order(precision: str) -> None:
    """Chance is drawn on the CPU: the first loss is the CPU's, up to rounding; states travel."""
    recipe = Recipe(
        epochs=2, batch_size=16, layer_scale=1.0, mixup=0.2, cutmix=1.0, ema_decay=0.9,
        augmentation=Augmentation(flip=0.5, rotation=5.0, shift=0.1, erasing=0.2),
    ).model_copy(update={"precision": precision})  # fmt: skip
    nets = [small_net(), small_net().cuda()]
    for net in nets:
        net[2].dropout.p = 0.0  # drawn on the device
    here, there = (Training(net, stripes(64), recipe, 12, 0) for net in nets)
    first, other = here.run(1)[0].train_loss, there.run(1)[0].train_loss
    assert other == pytest.approx(first, rel=1e-3 if precision == "float32" else 3e-2)
    again = Training(small_net().cuda(), stripes(64), recipe, 12, 0)
    again.load({name: tensor.cpu() for name, tensor in there.state().items()})
    assert again.run()[-1].train_loss == pytest.approx(there.run()[-1].train_loss, rel=1e-3)
