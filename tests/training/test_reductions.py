"""Means over samples and processes."""

from types import SimpleNamespace

import pytest
import torch

from pvdm.training.reductions import SampleMeans

ALONE = SimpleNamespace(reduce=lambda totals, reduce_op: totals)


def test_they_are_of_all_samples_whatever_the_batches():
    means = SampleMeans(("a", "b"), torch.device("cpu"))
    for values in ([1.0, 2.0], [], [6.0]):
        means.add("a", torch.tensor(values))
    assert means.over_ranks(ALONE) == {"a": 3.0}  # no NaN of b
    means.add("b", torch.tensor([5.0]))
    assert means.over_ranks(ALONE) == means.over_ranks(ALONE) == {"a": 3.0, "b": 5.0}


def test_ranks_count_by_their_samples():
    ranks = [SampleMeans(("a", "b"), torch.device("cpu")) for _ in range(2)]
    ranks[0].add("a", torch.tensor([1.0]))
    ranks[1].add("a", torch.tensor([4.0, 7.0]))
    ranks[1].add("b", torch.tensor([2.0]))
    sent = []
    for rank in ranks:
        rank.over_ranks(SimpleNamespace(reduce=lambda totals, reduce_op: sent.append((totals, reduce_op)) or totals))
    assert [operation for _, operation in sent] == ["sum", "sum"]
    total = sent[0][0] + sent[1][0]
    for rank in ranks:
        found = rank.over_ranks(SimpleNamespace(reduce=lambda totals, reduce_op: total))
        assert {name: mean.item() for name, mean in found.items()} == pytest.approx({"a": 4.0, "b": 2.0})
