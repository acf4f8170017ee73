"""Sampling that keeps the content or the motion of a given latent, to a noise level of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pvdm.diffusion.condition import Condition
from pvdm.diffusion.denoise import Denoise, Network
from pvdm.diffusion.parameterization import Prediction
from pvdm.diffusion.process import q_sample
from pvdm.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True, eq=False)
class KeptPlanes:
    """A latent of which parts are kept: while the noise is above a part's level, the network sees it at that level.

    From there on the part is denoised with the rest, so that a higher level leaves more freedom: at time t, a part with
    level s has the time min(t, s), like the tokens of given frames in LTX-Video. The network must have times of content
    and motion of their own (`plane_times`), which makes it a model of either given the other.

    Args:
        latent: (b, c, l), with the content of one clip and the motion of the same or of another.
        content_mask: (c, l) bool, which of its values are content (`VideoAutoencoder.content_mask`).
        levels: times to which content and motion are kept: -1 is exactly, and None not at all.
        noise: (b, c, l), with which they are noised.
        schedule: the noise schedule of the network.
        guidance: weights of guidance by content and by motion: how much further the prediction of the other part goes
            in the direction in which the kept one changes it, from pure noise in its place.
    """

    latent: Tensor
    content_mask: Tensor
    levels: tuple[int | None, int | None]
    noise: Tensor
    schedule: NoiseSchedule
    guidance: tuple[float, float] = (0.0, 0.0)

    def start(self, noise: Tensor) -> Tensor:
        """The latent that sampling starts from, (b, c, l): noise, and the kept parts with theirs."""
        return torch.where(self._kept(self._last), self._at(self._last), noise)

    def network(self, network: Network) -> Network:
        """The network, which sees kept parts at their levels; any number of such batches, one after the other."""

        def seen(z: Tensor, t: Tensor, condition: Condition) -> Tensor:
            now, copies = int(t[0]), len(z) // len(self.latent)
            times = [now if level is None else max(0, min(now, level)) for level in self.levels]
            latent = z
            for part, level in zip(self._parts, self.levels, strict=True):
                if level is not None and level < now:
                    noised = self._at(level).repeat(copies, 1, 1)
                    latent = torch.where(part, noised.to(z.dtype), latent)

            def output(latent: Tensor, times: list[int]) -> Tensor:
                return network(latent, t.new_tensor(times).expand(len(z), 2), condition).to(z.dtype)

            found = output(latent, times)
            for place, (part, level, weight) in enumerate(zip(self._parts, self.levels, self.guidance, strict=True)):
                if level is not None and weight:
                    lost = torch.where(part, self.noise.repeat(copies, 1, 1).to(z.dtype), latent)
                    without = output(lost, [self._last if other == place else times[other] for other in (0, 1)])
                    found = torch.where(part, found, found + weight * (found - without))
            return found

        return seen

    def denoise(self, denoise: Denoise) -> Denoise:
        """The denoiser of `network`, whose prediction of kept parts is what is kept."""

        def kept(x: Tensor, t: Tensor) -> Prediction:
            prediction, mask = denoise(x, t), self._kept(int(t[0]))
            clean = torch.where(mask, self.latent.to(x.dtype), prediction.clean)
            return Prediction(clean, torch.where(mask, self.noise.to(x.dtype), prediction.noise))

        return kept

    def result(self, latent: Tensor) -> Tensor:
        """The sampled latent, with the parts that are kept exactly."""
        exactly = [part for part, level in zip(self._parts, self.levels, strict=True) if level == -1]
        for part in exactly:
            latent = torch.where(part, self.latent.to(latent.dtype), latent)
        return latent

    @property
    def _last(self) -> int:
        return self.schedule.config.timesteps - 1

    @property
    def _parts(self) -> tuple[Tensor, Tensor]:
        return self.content_mask, ~self.content_mask

    def _kept(self, time: int) -> Tensor:
        """(c, l) bool: what is kept at a time."""
        mask = torch.zeros_like(self.content_mask)
        for part, level in zip(self._parts, self.levels, strict=True):
            if level is not None and level < time:
                mask = mask | part
        return mask

    def _at(self, level: int) -> Tensor:
        """The latent with its noise at a level, (b, c, l)."""
        t = torch.full((len(self.latent),), level, device=self.latent.device)
        return q_sample(self.latent, self.noise, t, self.schedule)
