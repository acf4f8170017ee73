"""The contract between networks and samplers, and the one place where a network is adapted to it.

    denoise(x, t) -> Prediction(clean, noise)

x is the noisy latent (b, c, l), float, t the time (b,), int64, 0..T-1; the prediction holds the clean latent
and the noise, both like x. Samplers know nothing else: guidance, clamping and parameterization are applied here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from pvdm.diffusion.condition import Condition
from pvdm.diffusion.parameterization import Prediction, to_prediction
from pvdm.diffusion.schedule import Level, NoiseSchedule, Parameterization

Denoise = Callable[[Tensor, Tensor], Prediction]
Network = Callable[[Tensor, Tensor, Condition], Tensor]
Weight = float | Tensor
"""Of guidance: one for all samples, or one for each, (b,)."""


class WeakGuide(NamedTuple):
    """A weak version of a network, and the weight w of guidance away from it; Karras et al. 2024 (arXiv 2406.02507)."""

    network: Network
    weight: Weight

    def guided(self, output: Tensor, own: Tensor, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """output + w [own - weak(x, t, condition)]: (b, c, l), like the output; own: the network's own of the same."""
        difference = own.to(x.dtype) - self.network(x, t, condition).to(x.dtype)
        return output.to(x.dtype) + of_samples(self.weight) * difference


def make_denoise(
    network: Network,
    schedule: NoiseSchedule,
    *,
    parameterization: Parameterization,
    condition: Condition | Tensor | None = None,
    guidance: Weight = 0.0,
    label_guidance: Weight = 0.0,
    prompt_guidance: Weight = 0.0,
    camera_guidance: Weight = 0.0,
    sound_guidance: Weight = 0.0,
    scores_guidance: Weight = 0.0,
    hint_guidance: Weight = 0.0,
    clamp: bool = True,
    bound: float | None = 1.0,
    weak: WeakGuide | None = None,
    interval: tuple[float, float] | None = None,
) -> Denoise:
    """The contract's `denoise` of a network.

    Args:
        network: `network(z, t, condition)` -> (b, c, l), the raw network.
        schedule: the noise schedule it was trained with.
        parameterization: what its output means: "eps", "x0" or "v".
        condition: of the samples; a tensor (b, c, l) is the context.
        guidance: weight of classifier-free guidance by the context, see `guidance_terms`; 0 is none, and this and the
            other weights may be (b,), one for each sample.
        label_guidance: weight of guidance by the label.
        prompt_guidance: weight of guidance by the text.
        camera_guidance: weight of guidance by the camera.
        sound_guidance: weight of guidance by the sound.
        scores_guidance: weight of guidance by the scores.
        hint_guidance: weight of guidance by the hint.
        clamp: clamp the clean latent to the autoencoder's range, as released; the noise stays as predicted.
        bound: largest magnitude of the autoencoder's latents; None if they have no bound, and nothing is clamped.
        weak: a weak network to be guided away from, of the same schedule and parameterization.
        interval: lowest and highest noise, sigma / alpha, with any guidance; t, one for all, is then read on the host.
    """
    condition, limit = Condition.of(condition), bound if clamp else None
    own_weights = {"context": guidance, "label": label_guidance, "text": prompt_guidance, "hint": hint_guidance}
    own_weights |= {"camera": camera_guidance, "sound": sound_guidance, "scores": scores_guidance}
    weights, joined = guidance_terms(condition, own_weights)

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        if interval is not None and not is_within(interval, schedule.level(int(t[0]))):
            output = network(x, t, condition)
        else:
            output = guided_output(network, x, t, joined, weights)
            if weak is not None:
                own = output if len(weights) == 1 else network(x, t, condition)
                output = weak.guided(output, own, x, t, condition)
        prediction = to_prediction(output, x, t, schedule, parameterization)
        return prediction if limit is None else prediction._replace(clean=prediction.clean.clamp(-limit, limit))

    return denoise


def of_samples(weight: Weight) -> Weight:
    """Weights (b,) of samples as factors of latents, (b, 1, 1); one for all as it is."""
    return weight[:, None, None] if isinstance(weight, Tensor) else weight


def guidance_terms(condition: Condition, weights: Mapping[str, Weight]) -> tuple[list[Weight], Condition]:
    """The terms that guidance sums, as few as possible: n weights, and the joined conditions of n batches.

    weights: Of the guidance by each part; of those that are not given it is ignored. The given parts are removed one by
    one, in the order of `PARTS`. With label y, hint h, context c and weights w_y, w_h, w_c the sum is

        out(y, h, c) + w_y [out(y, h, c) - out(h, c)] + w_h [out(h, c) - out(c)] + w_c [out(c) - out()],

    and likewise with scores, a text, which gives way to the negative text, if there is one, a camera and a sound. It is
    classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598, eq. 6) by several conditions, composed as in
    InstructPix2Pix (Brooks et al. 2023, arXiv 2211.09800, eq. 3, whose scales are 1 + w). With one of them alone it is
    (1 + w) out(c) - w out().
    """
    parts = condition.given
    falls = [-1.0, *(of_samples(weights.get(part, 0.0)) for part in parts), 0.0]
    terms = [
        (after - before, condition.without(*parts[:count]) if count else condition)
        for count, (before, after) in enumerate(pairwise(falls))
    ]
    used = [(factor, term) for factor, term in terms if isinstance(factor, Tensor) or factor != 0]
    return [factor for factor, _ in used], Condition.join([term for _, term in used])


def is_within(interval: tuple[float, float], level: Level) -> bool:
    """Whether the noise of a level, sigma / alpha, is in a guidance interval (arXiv 2404.07724)."""
    low, high = interval
    return low * level.alpha <= level.sigma <= high * level.alpha


def guided_output(network: Network, x: Tensor, t: Tensor, condition: Condition, weights: Sequence[Weight]) -> Tensor:
    """The weighted sum of n outputs (b, c, l) in one evaluation; `condition` joins those of n batches."""
    count = len(weights)
    if count == 1:  # its weight is 1
        return network(x, t, condition)
    output = network(torch.cat([x] * count), torch.cat([t] * count), condition)
    outputs = output.to(x.dtype).chunk(count)  # the difference of two bf16 outputs loses digits
    return sum(weight * part for weight, part in zip(weights, outputs, strict=True))
