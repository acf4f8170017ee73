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
@pytest.mark.parametrize("is_masked", [False, True])
def test_parts_give_the_same(monkeypatch, most, queries, is_masked):
    monkeypatch.setattr(attention_launches, "max_sequences", lambda queries, keys: most)
    found, wanted = [], []
    for results, kind in ((found, OnGPU), (wanted, torch.Tensor)):
        torch.manual_seed(0)
        values = [torch.randn(7, 2, n, 4).requires_grad_() for n in (queries, 5, 5)]
        mask = torch.arange(5) < torch.arange(1, 8)[:, None, None, None] if is_masked else None
        attended = attend(*(value.as_subclass(kind) for value in values), mask).as_subclass(torch.Tensor)
        attended.square().sum().backward()
        results += [attended, *(value.grad for value in values)]
    assert_close(found, wanted)


def test_a_cpu_takes_all_at_once(monkeypatch):
    monkeypatch.setattr(attention_launches, "max_sequences", lambda queries, keys: pytest.fail("called"))
    q = torch.randn(3, 1, 2, 4)
    assert torch.equal(attend(q, q, q), functional.scaled_dot_product_attention(q, q, q))


@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize("is_autocast", [False, True])
@pytest.mark.parametrize(
    ("dtype", "is_native", "most", "is_fused"),
    [
        (torch.bfloat16, True, 100, False),
        (torch.bfloat16, True, 99, True),
        (torch.bfloat16, False, 100, True),
        (torch.float16, True, 100, True),
    ],
)
def test_smaller_floats_on_a_cpu(monkeypatch, dtype, is_native, most, is_fused, is_autocast, is_masked):
    monkeypatch.setattr(attention_launches, "CPU_HAS_BFLOAT16", is_native)
    monkeypatch.setattr(attention_launches, "CACHED_SCORES", most)
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 2, 5, 8).to(dtype)
    mask = torch.tensor([[True] * 5, [True, False, True, False, False]])[:, None, None] if is_masked else None
    with torch.autocast("cpu", torch.bfloat16, enabled=is_autocast):
        found = attend(q, k, v, mask)
    assert found.dtype == dtype
    wanted = functional.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=mask)
    assert_close(found.float(), wanted, atol=0.02, rtol=0.02)
    assert torch.equal(found, wanted.to(dtype)) == is_fused


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
