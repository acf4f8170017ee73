"""The contract between networks and samplers, and the one place where a network is adapted to it.

    denoise(x, t) -> Prediction(clean, noise)

x is the noisy latent (b, c, l), float, t the time (b,), int64, 0..T-1; the prediction holds the clean latent
and the noise, both like x. Samplers know nothing else: guidance, clamping and parameterization are applied here.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pvdm.diffusion.condition import Condition
from pvdm.diffusion.parameterization import Prediction, to_prediction
from pvdm.diffusion.schedule import Level, NoiseSchedule, Parameterization

Denoise = Callable[[Tensor, Tensor], Prediction]
Network = Callable[[Tensor, Tensor, Condition], Tensor]


def make_denoise(
    network: Network,
    schedule: NoiseSchedule,
    *,
    parameterization: Parameterization,
    condition: Condition | Tensor | None = None,
    guidance: float = 0.0,
    label_guidance: float = 0.0,
    clamp: bool = True,
    bound: float | None = 1.0,
    autoguidance: float = 0.0,
    weak: Network | None = None,
    interval: tuple[float, float] | None = None,
) -> Denoise:
    """The contract's `denoise` of a network.

    Args:
        network: `network(z, t, condition)` -> (b, c, l), the raw network.
        schedule: the noise schedule it was trained with.
        parameterization: what its output means: "eps", "x0" or "v".
        condition: of the samples; a tensor (b, c, l) is the context.
        guidance: weight of classifier-free guidance by the context, see `guidance_terms`; 0 is none.
        label_guidance: weight of guidance by the label.
        clamp: clamp the clean latent to the autoencoder's range, as released; the noise stays as predicted.
        bound: largest magnitude of the autoencoder's latents; None if they have no bound, and nothing is clamped.
        autoguidance: weight of guidance by the weak network, see `autoguided`; 0 is none.
        weak: the weak network, of the same schedule and parameterization.
        interval: lowest and highest noise, sigma / alpha, with guidance of any kind; `t` is then read on the host, and
            must be the same for all samples.
    """
    condition = Condition.of(condition)
    weights, joined = guidance_terms(condition, guidance, label_guidance)

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        is_guided = interval is None or is_within(interval, schedule.level(int(t[0])))
        output = guided_output(network, x, t, *((joined, weights) if is_guided else (condition, [1.0])))
        if is_guided and autoguidance:
            output = autoguided(output, network, weak, x, t, condition, autoguidance, is_own=len(weights) == 1)
        prediction = to_prediction(output, x, t, schedule, parameterization)
        if not clamp or bound is None:
            return prediction
        return prediction._replace(clean=prediction.clean.clamp(-bound, bound))

    return denoise


def guidance_terms(condition: Condition, guidance: float, label_guidance: float) -> tuple[list[float], Condition]:
    """The terms that guidance sums, as few as possible: n weights, and the joined conditions of n batches.

    With context c, label y and their weights w_c and w_y the sum is

        out(c, y) + w_y [out(c, y) - out(c, none)] + w_c [out(c, none) - out(none, none)],

    classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598, eq. 6) by two conditions, composed as in
    InstructPix2Pix (Brooks et al. 2023, arXiv 2211.09800, eq. 3, whose scales are 1 + w_c and 1 + w_y). With one
    of them alone it is (1 + w) out(c) - w out(none).
    """
    if condition.is_absent:
        return [1.0], condition
    # An absent part has no weight of its own, and equal weights need no term in between.
    label_weight = guidance if condition.label is None else label_guidance
    weight = label_guidance if condition.context is None else guidance
    terms = [
        (1 + label_weight, condition),
        (weight - label_weight, condition.without_label()),
        (-weight, condition.without_any()),
    ]
    used = [(factor, term) for factor, term in terms if factor != 0]
    return [factor for factor, _ in used], Condition.join([term for _, term in used])


def is_within(interval: tuple[float, float], level: Level) -> bool:
    """Whether the noise of a level, sigma / alpha, is in a guidance interval (arXiv 2404.07724)."""
    low, high = interval
    return low * level.alpha <= level.sigma <= high * level.alpha


def autoguided(
    output: Tensor,
    network: Network,
    weak: Network,
    x: Tensor,
    t: Tensor,
    condition: Condition,
    weight: float,
    *,
    is_own: bool,
) -> Tensor:
    """output + w [out - out_weak], Karras et al. 2024 (arXiv 2406.02507): like the output, (b, c, l).

    The networks' outputs out and out_weak have the whole condition. `is_own` says that `output` is out already.
    """
    own = output if is_own else network(x, t, condition).to(x.dtype)
    return output.to(x.dtype) + weight * (own.to(x.dtype) - weak(x, t, condition).to(x.dtype))


def guided_output(network: Network, x: Tensor, t: Tensor, condition: Condition, weights: Sequence[float]) -> Tensor:
    """The weighted sum of n outputs (b, c, l) in one evaluation; `condition` joins those of n batches."""
    count = len(weights)
    if count == 1:  # its weight is 1
        return network(x, t, condition)
    output = network(torch.cat([x] * count), torch.cat([t] * count), condition)
    outputs = output.to(x.dtype).chunk(count)  # the difference of two bf16 outputs loses digits
    return sum(weight * part for weight, part in zip(weights, outputs, strict=True))
