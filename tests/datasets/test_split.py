"""Laws of the split, for any labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsearch.datasets.split import deal, even_counts, fifths, shuffled_classes
from archsearch.errors import InputError

LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=60).map(
    lambda extra: np.array([0, 1, 2, 3] * 2 + extra)
)
NAMES = "abcd"


@given(LABELS, st.integers(0, 5))
def test_a_deal_is_a_permutation_in_turn(labels: np.ndarray, seed: int) -> None:
    """Dealing everything gives each image once, and no class runs ahead of one that has more."""
    queues = shuffled_classes(labels, 4, seed)
    dealt, left = deal(queues, [len(queue) for queue in queues])
    assert sorted(dealt) == list(range(len(labels)))
    assert all(len(queue) == 0 for queue in left)
    totals = np.bincount(labels)
    for n in range(len(dealt)):
        counts = np.bincount(labels[dealt[:n]], minlength=4)
        running = counts < totals
        assert np.ptp(counts[running]) <= 1 if running.any() else True


@given(LABELS, st.integers(4, 8))
def test_even_counts_are_even_and_there(labels: np.ndarray, total: int) -> None:
    """Counts sum to the total, differ by one at most, and what is dealt has those counts."""
    queues = shuffled_classes(labels, 4, 0)
    counts = even_counts(total, queues, NAMES, "train")
    dealt, left = deal(queues, counts)
    assert np.bincount(labels[dealt], minlength=4).tolist() == counts
    assert sum(counts) == total
    assert np.ptp(counts) <= 1
    assert not set(dealt) & set(np.concatenate(left).tolist())


@given(LABELS)
def test_one_fifth_leaves_something_to_train_on(labels: np.ndarray) -> None:
    """Each class gives one fifth, at least one image, and keeps one."""
    queues = shuffled_classes(labels, 4, 0)
    for count, queue in zip(fifths(queues, NAMES, "validation"), queues, strict=True):
        assert count == max(1, len(queue) // 5) < len(queue)


def test_a_class_with_one_image_cannot_be_split() -> None:
    """The error names the class."""
    queues = shuffled_classes(np.array([0, 0, 1]), 2, 0)
    with pytest.raises(InputError, match="class 'b' has 1 images; give it at least 2"):
        fifths(queues, NAMES, "validation")


def test_the_order_within_a_class_does_not_depend_on_the_others() -> None:
    """Removing a class changes nothing for the classes that stay."""
    labels = np.array([0, 1, 2] * 20)
    kept = shuffled_classes(np.where(labels == 1, 9, labels), 3, 7)
    assert np.array_equal(shuffled_classes(labels, 3, 7)[2], kept[2])
