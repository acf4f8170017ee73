"""Every process gets its share of an order that depends on seed and epoch alone."""

from collections import Counter

import pytest

from pvdm.data import EpochSampler, SampleKey


def shares(
    length: int, world_size: int, *, shuffle: bool, epoch: int = 0, seed: int = 0, labels: list[int] | None = None
) -> list[list[SampleKey]]:
    samplers = [
        EpochSampler(length, seed=seed, shuffle=shuffle, rank=rank, world_size=world_size, labels=labels)
        for rank in range(world_size)
    ]
    for sampler in samplers:
        sampler.set_epoch(epoch)
        assert len(list(sampler)) == len(sampler)
    return [list(sampler) for sampler in samplers]


@pytest.mark.parametrize("length", [1, 7, 12])
@pytest.mark.parametrize("world_size", [1, 3, 5])
def test_shuffled_shares_are_equal_and_complete(length, world_size):
    splits = shares(length, world_size, shuffle=True, epoch=2)
    assert {len(part) for part in splits} == {-(-length // world_size)}
    assert {key.index for part in splits for key in part} == set(range(length))
    assert {key.epoch for part in splits for key in part} == {2}


@pytest.mark.parametrize("length", [1, 7, 12])
@pytest.mark.parametrize("world_size", [1, 3, 5])
def test_in_order_every_sample_occurs_once(length, world_size):
    splits = shares(length, world_size, shuffle=False)
    assert sorted(key.index for part in splits for key in part) == list(range(length))
    assert splits[0] == [SampleKey(0, i) for i in range(0, length, world_size)]


def test_order_is_a_function_of_seed_and_epoch():
    def order(**arguments):
        return [key.index for key in shares(50, 1, shuffle=True, **arguments)[0]]

    assert order(epoch=1) == order(epoch=1)
    assert order(epoch=1) != order(epoch=0)
    assert order(seed=1) != order(seed=0)


def test_processes_share_out_one_order():
    (whole,) = shares(12, 1, shuffle=True)
    splits = shares(12, 3, shuffle=True)
    assert whole == [key for group in zip(*splits, strict=True) for key in group]


@pytest.mark.parametrize("rank", [-1, 2])
def test_rank_outside_is_refused(rank):
    with pytest.raises(ValueError, match="0 <= rank < world_size"):
        EpochSampler(4, seed=0, shuffle=True, rank=rank, world_size=2)


LABELS = [0] * 2 + [4] * 9 + [7] * 5
"""Three of more classes, of 2, 9 and 5 samples."""


def balanced(epoch: int, world_size: int = 1, **options) -> list[list[SampleKey]]:
    return shares(len(LABELS), world_size, shuffle=True, epoch=epoch, labels=LABELS, **options)


def test_balanced_epochs_are_as_long_and_every_class_has_its_share():
    taken = Counter()
    for epoch in range(6):
        (keys,) = balanced(epoch)
        counts = Counter(LABELS[key.index] for key in keys)
        assert len(keys) == len(LABELS) and set(counts.values()) == {5, 6} and set(counts) == {0, 4, 7}
        taken += counts
    assert set(taken.values()) == {6 * len(LABELS) // 3}  # whose turn it is to have one more goes round


def test_balanced_samples_of_a_class_all_have_their_turn_before_any_repeats():
    keys = [key for epoch in range(20) for key in balanced(epoch)[0]]
    for label in (0, 4, 7):
        samples = {index for index, own in enumerate(LABELS) if own == label}
        counts = Counter(key.index for key in keys if LABELS[key.index] == label)
        assert set(counts) == samples and max(counts.values()) - min(counts.values()) <= 1


def test_balanced_samples_are_never_drawn_twice_alike():
    """The key, on which augmentation and noise depend, counts how often a sample was taken before."""
    keys = [key for epoch in range(20) for key in balanced(epoch)[0]]
    assert len(set(keys)) == len(keys)
    for index, count in Counter(key.index for key in keys).items():
        assert sorted(key.epoch for key in keys if key.index == index) == list(range(count))


def test_balanced_order_is_a_function_of_seed_and_epoch():
    assert balanced(3) == balanced(3)
    assert balanced(3) != balanced(4)
    assert balanced(3) != balanced(3, seed=1)
    labels = [LABELS[key.index] for key in balanced(3)[0]]
    assert labels != sorted(labels)  # the classes are mixed


@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_balanced_shares_of_processes_are_equal_and_one_order(world_size):
    (whole,) = balanced(2)
    splits = balanced(2, world_size)
    assert {len(part) for part in splits} == {-(-len(whole) // world_size)}
    joint = [key for group in zip(*splits, strict=True) for key in group]
    assert joint[: len(whole)] == whole and joint[len(whole) :] == whole[: len(joint) - len(whole)]
