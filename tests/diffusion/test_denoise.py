"""The denoiser's contract: guidance, clamping, parameterization, with a network that records its calls."""

import math

import pytest
import torch

from pvdm.diffusion import Condition, make_denoise, to_prediction
from pvdm.diffusion.denoise import WeakGuide


class Recorder:
    """A network that is linear in the latent and in its condition, and keeps the batch size of every call."""

    def __init__(self):
        self.batches = []

    def __call__(self, z, t, condition):
        self.batches.append(len(z))
        return 0.3 * z + 2 * condition.channels(z) + t[:, None, None] / 1000 + self.of_label(condition, z)

    def of_label(self, condition, z):
        """A bend that depends on the label and on the context, so that the order of guidance matters."""
        if (given := condition.labels(len(z), classes=5)) is None:
            return 0
        label, mask = given
        return ((1 + label) * mask)[:, None, None] * (z.square() + condition.channels(z))


@pytest.fixture
def x():
    return torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def context(x):
    return x.flip(0).tanh()


T = torch.tensor([0, 400, 999])


def test_guidance_is_its_formula_in_one_call_of_twice_the_batch(schedule, x, context):
    network, weight = Recorder(), 1.5
    denoise = make_denoise(network, schedule, parameterization="eps", condition=context, guidance=weight, clamp=False)
    found = denoise(x, T)
    assert network.batches == [6]
    given, absent = Recorder()(x, T, Condition(context)), Recorder()(x, T, Condition())
    torch.testing.assert_close(found.noise, (1 + weight) * given - weight * absent)


@pytest.mark.parametrize(("options", "largest"), [({}, 1), ({"bound": 0.5}, 0.5), ({"clamp": False}, None)])
def test_the_clean_latent_is_clamped_to_the_bound_of_the_autoencoder(schedule, x, options, largest):
    free = make_denoise(Recorder(), schedule, parameterization="x0", bound=None)(8 * x, T)
    found = make_denoise(Recorder(), schedule, parameterization="x0", **options)(8 * x, T)
    assert free.clean.abs().max() > 1
    torch.testing.assert_close(found.clean, free.clean if largest is None else free.clean.clamp(-largest, largest))
    torch.testing.assert_close(found.noise, free.noise)


@pytest.mark.parametrize(("with_context", "weight"), [(True, 0.0), (False, 1.5), (False, 0.0)])
def test_no_batch_is_doubled_in_vain(schedule, x, context, with_context, weight):
    network = Recorder()
    condition = context if with_context else None
    denoise = make_denoise(network, schedule, parameterization="eps", condition=condition, guidance=weight)
    assert denoise(x, T).noise.shape == x.shape
    assert network.batches == [3]


def test_guidance_leaves_samples_without_condition_alone(schedule, x, context):
    condition = Condition(context, torch.tensor([True, False, True]))
    options = {"parameterization": "eps", "condition": condition, "clamp": False}
    guided = make_denoise(Recorder(), schedule, guidance=2.0, **options)(x, T).noise
    plain = make_denoise(Recorder(), schedule, **options)(x, T).noise
    torch.testing.assert_close(guided[1], plain[1])
    torch.testing.assert_close(guided[::2], (plain + 2.0 * 2 * context)[::2])


LABEL = torch.tensor([3, 0, 4])


def output(x, context=None, label=None):
    """The network's, of all samples alike."""
    return Recorder()(x, T, Condition(context, label=label))


@pytest.mark.parametrize(
    ("weights", "evaluations"),
    [((0.0, 0.0), 1), ((1.5, 1.5), 2), ((1.5, 0.0), 3), ((0.0, 2.0), 2), ((1.5, 2.0), 3), ((-1.0, -1.0), 1)],
)
def test_guidance_by_context_and_label_is_its_formula_in_one_call(schedule, x, context, weights, evaluations):
    w_c, w_y = weights
    network, condition = Recorder(), Condition(context, label=LABEL)
    options = {"parameterization": "eps", "condition": condition, "clamp": False}
    found = make_denoise(network, schedule, guidance=w_c, label_guidance=w_y, **options)(x, T).noise
    both, one, none = output(x, context, LABEL), output(x, context), output(x)
    torch.testing.assert_close(found, both + w_y * (both - one) + w_c * (one - none))
    assert network.batches == [3 * evaluations]


@pytest.mark.parametrize("w_c", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("w_y", [0.0, 1.0])
def test_a_weight_without_its_condition_changes_and_costs_nothing(schedule, x, context, w_c, w_y):
    def guided(condition):
        network = Recorder()
        options = {"parameterization": "eps", "condition": condition, "clamp": False}
        found = make_denoise(network, schedule, guidance=w_c, label_guidance=w_y, **options)(x, T).noise
        return found, network.batches

    for weight, given, condition in (
        (w_c, output(x, context), Condition(context)),
        (w_y, output(x, label=LABEL), Condition(label=LABEL)),
        (0.0, output(x), Condition()),
    ):
        found, batches = guided(condition)
        # To the bit: the same two products and their difference.
        assert torch.equal(found, (1 + weight) * given - weight * output(x) if weight else given)
        assert batches == [6 if weight else 3]


def test_two_weights_leave_samples_to_the_conditions_that_they_have(schedule, x, context):
    masks = torch.tensor([True, False, True]), torch.tensor([True, True, False])
    condition = Condition(context, masks[0], LABEL, masks[1])
    options = {"parameterization": "eps", "guidance": 1.5, "label_guidance": 2.0, "clamp": False}
    found = make_denoise(Recorder(), schedule, condition=condition, **options)(x, T).noise
    for index, given in enumerate((Condition(context, label=LABEL), Condition(label=LABEL), Condition(context))):
        alone = make_denoise(Recorder(), schedule, condition=given, **options)(x, T).noise
        torch.testing.assert_close(found[index], alone[index])


@pytest.mark.parametrize("parameterization", ["eps", "x0", "v"])
def test_guidance_acts_on_the_raw_output_and_clamping_on_the_clean_latent_alone(schedule, x, context, parameterization):
    options = {"parameterization": parameterization, "condition": context, "guidance": 1.0}
    clamped = make_denoise(Recorder(), schedule, **options)(x, T)
    free = make_denoise(Recorder(), schedule, clamp=False, **options)(x, T)
    output = 2 * Recorder()(x, T, Condition(context)) - Recorder()(x, T, Condition())
    expected = to_prediction(output, x, T, schedule, parameterization)
    torch.testing.assert_close(free, expected)
    assert free.clean.abs().max() > 1
    torch.testing.assert_close(clamped.clean, expected.clean.clamp(-1, 1))
    torch.testing.assert_close(clamped.noise, expected.noise)


def test_a_network_in_bfloat16_gives_a_prediction_like_x(schedule, x, context):
    def network(z, t, condition):
        return Recorder()(z, t, condition).bfloat16()

    denoise = make_denoise(network, schedule, parameterization="eps", condition=context.float(), guidance=1.0)
    prediction = denoise(x.float(), T)
    assert prediction.clean.dtype == prediction.noise.dtype == torch.float32


def weaker(z, t, condition):
    return 0.5 * Recorder()(z, t, condition) + 0.1


@pytest.mark.parametrize("guidance", [0.0, 1.5])
def test_autoguidance_is_its_formula_with_and_without_the_other_guidance(schedule, x, context, guidance):
    options = {"parameterization": "v", "condition": context, "guidance": guidance, "clamp": False}
    found = make_denoise(Recorder(), schedule, **options, weak=WeakGuide(weaker, 0.7))(x, T)
    own, absent = Recorder()(x, T, Condition(context)), Recorder()(x, T, Condition())
    weak = weaker(x, T, Condition(context))
    output = (1 + guidance) * own - guidance * absent + 0.7 * (own - weak)
    torch.testing.assert_close(found, to_prediction(output, x, T, schedule, "v"))


def test_each_sample_may_have_a_weight_of_its_own(schedule, x, context):
    condition, options = Condition(context, label=LABEL), {"parameterization": "v", "clamp": False}
    weights, weak = torch.tensor([0.0, 0.5, 3.0]), torch.tensor([1.0, 0.0, 2.0])

    def guided(w_y, w_c, w_weak):
        own = {"condition": condition, "label_guidance": w_y, "guidance": w_c, "weak": WeakGuide(weaker, w_weak)}
        return make_denoise(Recorder(), schedule, **options, **own)(x, T).clean

    found = guided(weights, 1.5, weak), guided(1.5, weights, 2.0)
    for index, (own, other) in enumerate(zip(weights.tolist(), weak.tolist(), strict=True)):
        torch.testing.assert_close(found[0][index], guided(own, 1.5, other)[index])
        torch.testing.assert_close(found[1][index], guided(1.5, own, 2.0)[index])


def test_guidance_of_any_kind_is_off_outside_of_its_interval(schedule, x, context):
    inside, outside = torch.full((3,), 500), torch.full((3,), 950)
    sigma = [math.exp(-schedule.level(time).half_log_snr) for time in (500, 950)]
    interval = (0.9 * sigma[0], 0.5 * sum(sigma))
    options = {"parameterization": "eps", "condition": context, "clamp": False}
    guided = {**options, "guidance": 1.5, "weak": WeakGuide(weaker, 0.7)}
    network = Recorder()
    limited = make_denoise(network, schedule, **guided, interval=interval)
    plain, always = make_denoise(Recorder(), schedule, **options), make_denoise(Recorder(), schedule, **guided)
    torch.testing.assert_close(limited(x, outside), plain(x, outside))
    assert network.batches == [3]  # no evaluation in vain
    torch.testing.assert_close(limited(x, inside), always(x, inside))
    assert (always(x, outside).clean - plain(x, outside).clean).abs().max() > 0.1
