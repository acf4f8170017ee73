"""Conditions: shorthand, per-sample absence, and what the network reads."""

import pytest
import torch

from pvdm.diffusion import Condition


@pytest.fixture
def context():
    return torch.rand(3, 2, 5)


def test_shorthand(context):
    condition = Condition(context)
    assert Condition.of(context).context is context
    assert Condition.of(condition) is condition
    assert Condition.of(None).is_absent and not condition.is_absent


def test_channels_are_zero_exactly_where_the_context_is_absent(context):
    like = torch.ones_like(context)
    torch.testing.assert_close(Condition.of(None).channels(like), torch.zeros_like(like))
    torch.testing.assert_close(Condition(context).channels(like), context)
    masked = Condition(context, torch.tensor([True, False, True])).channels(like)
    torch.testing.assert_close(masked, torch.stack([context[0], torch.zeros(2, 5), context[2]]))


def test_a_black_context_is_given_and_an_absent_one_is_never_read():
    black = torch.zeros(2, 1, 3)
    assert not Condition(black).is_absent
    hidden = Condition(black + torch.nan, torch.tensor([False, False])).channels(black)
    torch.testing.assert_close(hidden, black)


def test_channels_have_the_dtype_of_the_latent(context):
    assert Condition(context).channels(torch.zeros(3, 2, 5, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_drop_is_per_sample_and_only_ever_takes_away(context):
    first = Condition(context).drop(torch.tensor([True, False, True]))
    assert first.mask.tolist() == [True, False, True]
    second = first.drop(torch.tensor([True, True, False]))
    assert second.mask.tolist() == [True, False, False]
    assert first.mask.tolist() == [True, False, True]
    assert Condition.of(None).drop(torch.tensor([True])).is_absent


def test_with_unconditional_appends_the_same_samples_without_condition(context):
    both = Condition(context, torch.tensor([True, False, True])).with_unconditional()
    assert both.mask.tolist() == [True, False, True, False, False, False]
    torch.testing.assert_close(both.context, torch.cat([context, context]))
    assert Condition(context).with_unconditional().mask.tolist() == [True] * 3 + [False] * 3


def test_wrong_shapes_are_named(context):
    with pytest.raises(ValueError, match=r"\(3, 2\); it must be a flat latent \(b, c, l\)"):
        Condition(context[..., 0])
    with pytest.raises(ValueError, match=r"torch.float32 \(3,\); it must be torch.bool \(3,\)"):
        Condition(context, torch.ones(3))
    with pytest.raises(ValueError, match=r"torch.bool \(2,\); it must be torch.bool \(3,\)"):
        Condition(context).drop(torch.tensor([True, False]))
    with pytest.raises(ValueError, match="a mask is given without a context"):
        Condition(mask=torch.tensor([True]))
    with pytest.raises(ValueError, match=r"the context is \(3, 2, 5\) and the latent \(3, 2, 6\)"):
        Condition(context).channels(torch.zeros(3, 2, 6))
    with pytest.raises(ValueError, match="no condition to contrast"):
        Condition().with_unconditional()
