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
from pvdm.diffusion.schedule import NoiseSchedule, Parameterization

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
    """
    weights, joined = guidance_terms(Condition.of(condition), guidance, label_guidance)

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        output = guided_output(network, x, t, joined, weights)
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


def guided_output(network: Network, x: Tensor, t: Tensor, condition: Condition, weights: Sequence[float]) -> Tensor:
    """The weighted sum of n outputs (b, c, l) in one evaluation; `condition` joins those of n batches."""
    count = len(weights)
    if count == 1:  # its weight is 1
        return network(x, t, condition)
    output = network(torch.cat([x] * count), torch.cat([t] * count), condition)
    outputs = output.to(x.dtype).chunk(count)  # the difference of two bf16 outputs loses digits
    return sum(weight * part for weight, part in zip(weights, outputs, strict=True))
