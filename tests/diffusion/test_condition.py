"""Conditions: shorthand, per-sample absence, and what the network reads."""

import pytest
import torch

from pvdm.diffusion import Condition, DiffusionConfig, NoiseSchedule


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


def test_context_and_label_are_dropped_independently(context):
    first, second = torch.tensor([True, False, True]), torch.tensor([False, True, True])
    both = Condition(context, label=torch.tensor([0, 1, 2])).drop(first, keep_label=second)
    assert (both.mask.tolist(), both.label_mask.tolist()) == (first.tolist(), second.tolist())
    assert both.drop(keep_label=first).label_mask.tolist() == [False, False, True]
    assert both.drop(keep_label=first).mask.tolist() == first.tolist()
    assert both.without("label").mask.tolist() == first.tolist()
    assert not both.without("label").label_mask.any()
    assert (
        not both.without("label", "hint", "context").mask.any()
        and not both.without("label", "hint", "context").label_mask.any()
    )
    label = Condition(label=torch.tensor([0, 1, 2]))
    assert label.drop(first).mask is None
    assert Condition(context).drop(keep_label=first).label_mask is None
    assert not label.is_absent


def test_joined_conditions_are_those_of_all_samples(context):
    label = torch.tensor([4, 5, 6])
    some = Condition(context, torch.tensor([True, False, True]), label)
    both = Condition.join([some, some.without("label"), some.without("label", "hint", "context")])
    assert both.mask.tolist() == [True, False, True] * 2 + [False] * 3
    assert both.label_mask.tolist() == [True] * 3 + [False] * 6
    torch.testing.assert_close(both.context, torch.cat([context] * 3))
    assert both.label.tolist() == [4, 5, 6] * 3
    alone = Condition.join([Condition(label=label)] * 2)
    assert alone.context is None and alone.mask is None and alone.label_mask.tolist() == [True] * 6
    assert Condition.join([some]) is some
    with pytest.raises(ValueError, match="have a part that others lack; mask it instead"):
        Condition.join([some, Condition(context)])


def test_a_masked_label_is_never_read():
    label, mask = torch.tensor([1, -7, 99, 0]), torch.tensor([True, False, False, True])
    found, given = Condition(label=label, label_mask=mask).labels(4, classes=2)
    assert found.tolist() == [1, 0, 0, 0] and given.tolist() == mask.tolist()
    assert Condition().labels(4, classes=2) is None
    _, everyone = Condition(label=torch.tensor([0, 1])).labels(2, classes=2)
    assert everyone.all()


def test_wrong_labels_are_named(context):
    with pytest.raises(ValueError, match=r"torch.int32 \(3,\); it must be torch.int64 \(b,\)"):
        Condition(label=torch.zeros(3, dtype=torch.int32))
    with pytest.raises(ValueError, match=r"torch.int64 \(3, 1\); it must be"):
        Condition(label=torch.zeros(3, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match="3 contexts and 2 labels"):
        Condition(context, label=torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="a label_mask is given without a label"):
        Condition(context, label_mask=torch.tensor([True, True, True]))
    with pytest.raises(ValueError, match=r"the label_mask is torch.bool \(1,\); it must be torch.bool \(2,\)"):
        Condition(label=torch.tensor([0, 1]), label_mask=torch.tensor([True]))
    with pytest.raises(ValueError, match="2 labels for 3 samples"):
        Condition(label=torch.tensor([0, 1])).labels(3, classes=2)
    with pytest.raises(ValueError, match="a network without classes; leave out the label"):
        Condition(label=torch.tensor([0, 1])).labels(2, classes=None)
    for wrong in (-1, 2):
        with pytest.raises(ValueError, match=f"the label {wrong} is none of 0 to 1, the network's classes"):
            Condition(label=torch.tensor([0, wrong])).labels(2, classes=2)


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


def test_a_context_is_noised_to_its_level_and_joined_with_it():
    schedule = NoiseSchedule(DiffusionConfig())
    context, noise = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    level = torch.tensor([-1, 500])
    found = Condition(context).noised(level, noise, schedule)
    torch.testing.assert_close(found.context[0], context[0])
    at = schedule.level(500)
    torch.testing.assert_close(found.context[1], at.alpha * context[1] + at.sigma * noise[1])
    assert found.level.equal(level)
    assert Condition.join([found, found.without("label", "hint", "context")]).level.equal(level.repeat(2))
    assert Condition().noised(level, noise, schedule).is_absent
    with pytest.raises(ValueError, match="a level is given; give a context"):
        Condition(level=level)
