"""The contract between networks and samplers, and the one place where a network is made to obey it.

    denoise(x, t) -> Prediction(clean, noise)

x is the noisy latent (b, c, l), float, t the time (b,), int64, 0..T-1; the prediction holds the clean latent
and the noise, both like x. Samplers know nothing else: guidance, clamping and parameterization are wrapped
around the network here.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from pvdm.diffusion.condition import Condition
from pvdm.diffusion.process import Prediction, to_prediction
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
    clamp: bool = True,
) -> Denoise:
    """The contract's `denoise` of a network.

    Args:
        network: `network(z, t, condition)` -> (b, c, l), the raw network.
        schedule: the noise schedule it was trained with.
        parameterization: what its output is: "eps", "x0" or "v".
        condition: of the samples to come; a tensor (b, c, l) is the context.
        guidance: weight w of classifier-free guidance, see `guided_output`; 0 is none.
        clamp: clamp the clean latent to [-1, 1], as released; the noise stays as predicted.
    """
    given = Condition.of(condition)

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        output = guided_output(network, x, t, given, guidance)
        prediction = to_prediction(output, x, t, schedule, parameterization)
        return prediction._replace(clean=prediction.clean.clamp(-1, 1)) if clamp else prediction

    return denoise


def guided_output(network: Network, x: Tensor, t: Tensor, condition: Condition, weight: float) -> Tensor:
    """(1 + w) * out(c) - w * out(none), Ho & Salimans 2022 (arXiv 2207.12598) eq. 6: (b, c, l).

    One evaluation of batch 2b; of batch b where w is 0, or where no condition makes both outputs agree.
    """
    if weight == 0 or condition.is_absent:
        return network(x, t, condition)
    output = network(torch.cat([x, x]), torch.cat([t, t]), condition.with_unconditional())
    conditional, unconditional = output.to(x.dtype).chunk(2)  # the difference of two bf16 outputs loses digits
    return (1 + weight) * conditional - weight * unconditional
