"""The order of training is one stream of samples, wherever it is broken off."""

import pytest

from pvdm.data import EpochSampler, SampleKey
from pvdm.training.run.resumable_sampler import ResumableSampler


def order(length: int, batch_size: int, done: int = 0, **share: int) -> ResumableSampler:
    return ResumableSampler(EpochSampler(length, seed=3, shuffle=True, **share), batch_size, lambda: done)


def epoch(length: int, number: int) -> list[SampleKey]:
    sampler = EpochSampler(length, seed=3, shuffle=True)
    sampler.set_epoch(number)
    return list(sampler)


def test_an_epoch_is_whole_batches_of_the_epochs_order():
    assert list(order(11, 4)) == epoch(11, 0)[:8]
    assert len(order(11, 4)) == 8
    assert list(order(11, 4, done=2)) == epoch(11, 1)[:8]


@pytest.mark.parametrize("length, batch_size", [(12, 4), (11, 4), (3, 1)])
def test_gone_on_with_after_any_batch_it_is_the_same_stream(length, batch_size):
    per_epoch = length // batch_size
    stream = [key for number in range(4) for key in order(length, batch_size, done=number * per_epoch)]
    for done in range(3 * per_epoch):
        start = done * batch_size
        assert list(order(length, batch_size, done)) == stream[start : start + per_epoch * batch_size]


def test_fewer_samples_than_a_batch_are_all_taken():
    assert list(order(3, 8)) == epoch(3, 0)
    assert list(order(3, 8, done=5)) == epoch(3, 5)
    assert len(order(3, 8)) == 3


def test_processes_share_each_epoch():
    shares = [list(order(12, 2, done=4, rank=rank, world_size=3)) for rank in range(3)]
    assert {len(share) for share in shares} == {4}
    assert sorted(key.index for share in shares for key in share) == list(range(12))
    assert {key.epoch for share in shares for key in share} == {2}


def test_an_iterator_that_was_left_does_not_disturb_the_next():
    samples = order(12, 4, done=1)
    left = iter(samples)
    next(left)
    assert list(samples) == list(order(12, 4, done=1))
