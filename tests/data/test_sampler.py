"""Every process gets its share of an order that depends on seed and epoch alone."""

import pytest

from pvdm.data import EpochSampler, SampleKey


def shares(length: int, world_size: int, *, shuffle: bool, epoch: int = 0, seed: int = 0) -> list[list[SampleKey]]:
    samplers = [
        EpochSampler(length, seed=seed, shuffle=shuffle, rank=rank, world_size=world_size) for rank in range(world_size)
    ]
    for sampler in samplers:
        sampler.set_epoch(epoch)
        assert len(list(sampler)) == len(sampler)
    return [list(sampler) for sampler in samplers]


@pytest.mark.parametrize("length", [1, 7, 12])
@pytest.mark.parametrize("world_size", [1, 3, 5])
def test_shuffled_shares_are_equal_and_complete(length, world_size):
    parts = shares(length, world_size, shuffle=True, epoch=2)
    assert {len(part) for part in parts} == {-(-length // world_size)}
    assert {key.index for part in parts for key in part} == set(range(length))
    assert {key.epoch for part in parts for key in part} == {2}


@pytest.mark.parametrize("length", [1, 7, 12])
@pytest.mark.parametrize("world_size", [1, 3, 5])
def test_in_order_every_sample_occurs_once(length, world_size):
    parts = shares(length, world_size, shuffle=False)
    assert sorted(key.index for part in parts for key in part) == list(range(length))
    assert parts[0] == [SampleKey(0, i) for i in range(0, length, world_size)]


def test_order_is_a_function_of_seed_and_epoch():
    def order(**arguments):
        return [key.index for key in shares(50, 1, shuffle=True, **arguments)[0]]

    assert order(epoch=1) == order(epoch=1)
    assert order(epoch=1) != order(epoch=0)
    assert order(seed=1) != order(seed=0)


def test_processes_share_out_one_order():
    (whole,) = shares(12, 1, shuffle=True)
    parts = shares(12, 3, shuffle=True)
    assert whole == [key for group in zip(*parts, strict=True) for key in group]


@pytest.mark.parametrize("rank", [-1, 2])
def test_rank_outside_is_refused(rank):
    with pytest.raises(ValueError, match="0 <= rank < world_size"):
        EpochSampler(4, seed=0, shuffle=True, rank=rank, world_size=2)
