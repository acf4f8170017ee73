"""Attention of more sequences than a GPU's kernels take at once: in parts, and the same."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from pvdm.runtime import attention_launches
from pvdm.runtime.attention_launches import MAX_SEQUENCES, MAX_VALUES, attend, max_sequences


class OnGPU(torch.Tensor):
    """Says that it is on a GPU."""

    is_cuda = True


@pytest.mark.parametrize("most", [1, 3, 7, 8])
@pytest.mark.parametrize("queries", [5, 1])
def test_parts_give_the_same(monkeypatch, most, queries):
    monkeypatch.setattr(attention_launches, "max_sequences", lambda queries, keys: most)
    found, wanted = [], []
    for results, kind in ((found, OnGPU), (wanted, torch.Tensor)):
        torch.manual_seed(0)
        values = [torch.randn(7, 2, n, 4).requires_grad_() for n in (queries, 5, 5)]
        attended = attend(*(value.as_subclass(kind) for value in values)).as_subclass(torch.Tensor)
        attended.square().sum().backward()
        results += [attended, *(value.grad for value in values)]
    assert_close(found, wanted)


def test_a_cpu_takes_all_at_once(monkeypatch):
    monkeypatch.setattr(attention_launches, "max_sequences", lambda queries, keys: pytest.fail("called"))
    q = torch.randn(3, 1, 2, 4)
    assert torch.equal(attend(q, q, q), functional.scaled_dot_product_attention(q, q, q))


@pytest.mark.parametrize("is_autocast", [False, True])
def test_on_a_cpu_smaller_floats_are_computed_in_float32(is_autocast):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 2, 5, 8, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16, enabled=is_autocast):
        found = attend(q, k, v)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, functional.scaled_dot_product_attention(q.float(), k.float(), v.float()).bfloat16())


@pytest.mark.parametrize(
    ("heads", "queries", "keys", "channels"), [(8, 16, 16, 64), (8, 1024, 1024, 64), (4, 1, 129, 16), (1, 1, 1, 1)]
)
def test_the_most_is_the_largest_that_fits(heads, queries, keys, channels):
    def fits(count: int) -> bool:
        blocks = -(-max(queries, keys) // 128)
        return count < 65536 and count * heads * 128 * blocks * max(channels, 32) < 2**31

    most = max_sequences((10**6, heads, queries, channels), keys)
    assert fits(most) and not fits(most + 1)
    assert (MAX_SEQUENCES, MAX_VALUES) == (65535, 2147483647)
