"""Images on the device that trains, and the batches that are taken from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from archsearch.datasets.images import Images
from archsearch.datasets.split import deal, shuffled_classes
from archsearch.datasets.tensors import Normalisation, Resolution, resized


@dataclass(frozen=True, eq=False)
class DeviceImages:
    """All images as bytes at the training resolution, resized once, on the device."""

    train_x: Tensor
    train_y: Tensor
    validation_x: Tensor
    validation_y: Tensor
    normalise: Normalisation
    classes: int

    @classmethod
    def of(cls, images: Images, resolution: Resolution, device: torch.device) -> DeviceImages:
        """Resize and move ``images``, laid out channels-last as the module is."""
        train_x, validation_x = (
            resized(x, resolution).to(device, memory_format=torch.channels_last)
            for x in (images.train_x, images.validation_x)
        )
        return cls(
            train_x,
            torch.from_numpy(images.train_y).to(device),
            validation_x,
            torch.from_numpy(images.validation_y).to(device),
            Normalisation.of(train_x),
            len(images.classes),
        )


class Order:
    """Which images each step takes: one shuffled pass after the other, without end.

    Attributes:
        rest: images of the current pass that are still to come.
    """

    def __init__(self, images: int, batch_size: int, generator: torch.Generator) -> None:
        self._images = images
        self._batch_size = batch_size
        self._generator = generator
        self.rest = torch.empty(0, dtype=torch.int64)

    def next_batch(self) -> Tensor:
        """Indices of the next batch, two at least: batch norm cannot take a single image."""
        if len(self.rest) < 2:
            self.rest = torch.randperm(self._images, generator=self._generator)
        batch, self.rest = self.rest[: self._batch_size], self.rest[self._batch_size :]
        return batch


def batches_per_epoch(images: int, batch_size: int) -> int:
    """Steps of one pass: a last batch of one image is left out, as batch norm cannot take it."""
    return images // batch_size + (images % batch_size > 1)


def batch_of(
    images: Images, count: int, resolution: Resolution, seed: int
) -> tuple[Tensor, Tensor]:
    """Draw ``count`` training images (all, if there are fewer) for a training-free score.

    Returns:
        Images (count, 3, *resolution) float32, normalised by their own mean and deviation, and
        labels (count,) int64. Every class is there equally often, to within one, as long as the
        classes last.
    """
    queues = shuffled_classes(images.train_y, len(images.classes), seed)
    dealt, _ = deal(queues, [len(queue) for queue in queues])
    chosen = dealt[:count]
    planes = resized(images.train_x[chosen], resolution)
    return Normalisation.of(planes)(planes), torch.from_numpy(images.train_y[chosen])
