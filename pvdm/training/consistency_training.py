"""Tunes a trained model for few steps: consistency tuning, in one segment or several."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pvdm.conditions.given_frames import GivenFrames
from pvdm.diffusion import (
    Condition,
    Jump,
    SamplerConfig,
    TimeDistribution,
    VideoNoise,
    clean_of_step,
    draw_jump,
    jumps,
    moved,
    pseudo_huber,
    q_sample,
    time_grid,
    to_prediction,
)
from pvdm.diffusion.consistency import check_few_steps, noised_further
from pvdm.diffusion.denoise import Denoise
from pvdm.errors import InputError, check_range
from pvdm.generation import VideoGenerator
from pvdm.training.batches.batch import on_device
from pvdm.training.batches.drawn_guidance import DrawnGuidance
from pvdm.training.batches.sample_rng import Draw, draws, keys, noise_like, times
from pvdm.training.fine_tuning import FineTuning
from pvdm.training.gan.latent_adversary import LatentAdversary, LatentAdversaryConfig, features_of
from pvdm.training.optimization import OptimizerConfig
from pvdm.training.reductions import SampleMeans, UpdateMeans

COMPARED = 64
"""Validation clips that are made in few steps, and by the model as it was, to be compared."""


class ConsistencyTraining(FineTuning):
    """Consistency tuning (Geng et al. 2024, arXiv 2406.14548) in segments (Heek et al. 2024, arXiv 2403.06807).

    Of each sample, a number n of steps is drawn, of which the network is told, and a jump within one of the n segments
    (`pvdm.diffusion.consistency`). They begin at the timesteps that were searched for the model (`pvdm export
    --search-steps`), or at those of the cubic grid. From the later time of the jump, the network is to predict where it
    would lead from the earlier one, at which a copy of itself, without gradient, is asked. The jumps are halved over
    the training. Conditions are dropped as in any training of the model.

    The model as it was, the teacher, leads from the later time to the earlier one, guided as `teacher` says, so that
    guidance is distilled and costs nothing in few steps. Without a teacher the clip itself does, with the same noise.

    A share of the samples is trained for any number of steps, to predict what the teacher does, or the clip.

    With `adversary`, the last part of the training adds an adversarial loss: from where a step leads, and from the
    clip, both with more noise, heads on the teacher's features are to tell which is real (`LatentAdversary`).

    Beside the figures of `DiffusionTraining`, validation makes clips in each number of steps n, without condition, and
    logs the root mean square of what their latents differ from those that the model as it was makes in 20 steps from
    the same noise, `val/error_n`, and their mean, `val/error`.

    Args:
        init_from: The model to tune: exported folder or training checkpoint of stage 2.
        few_steps: Numbers of steps that it is tuned for; 1 alone is consistency tuning in one segment.
        teacher: How the model as it was is guided; its steps are those of validation. None trains on data alone.
        autoguided_text: Whether samples with a caption are autoguided, too. Autoguidance makes clips crisp; what a
            caption says well enough without it, such as a shade, may come out stronger than it is.
        drawn_guidance: A weight of the teacher's guidance that is drawn for each sample, and of which the network is
            told, so that it can be chosen in sampling at no cost; by default that which the model is told already.
        parts: Jumps that a segment has at the beginning of the training.
        halvings: How often they are halved, at equal intervals.
        any_steps: Share of the samples that are trained for any number of steps.
        adversary: The GAN phase; None trains without.
        huber: Error of a latent, as a velocity, below which the loss is about its square, and above which it is about
            the error itself (arXiv 2310.14189, eq. 8; its 0.00054 for the root mean square).
        optimizer: The optimizer and its learning rate.
        times: Distribution of the timesteps of the samples for any number of steps.
        context_dropout: Probability that a sample is trained without its context.
        context_noise: Distribution of the timesteps to which contexts are noised, for a model that is told the level.
        label_dropout: Probability that a sample is trained without its label.
        given_frames: In which samples which frames are given, for a model that takes given frames.
        text_dropout: Probability that a sample is trained without its caption.
        clause_dropout: Probability that each clause of a caption is left out.
        validation_times: Number of evenly spaced timesteps at which the validation loss is computed.
        sampler: Sampler of `predict`.
        activation_checkpointing: See `DiffusionTraining`.
        max_skipped: Training ends after this many skipped updates in a row.
    """

    def __init__(
        self,
        init_from: Path,
        *,
        few_steps: tuple[int, ...] = (2, 4, 8),
        teacher: SamplerConfig | None = SamplerConfig(),
        autoguided_text: bool = True,
        drawn_guidance: DrawnGuidance | None = None,
        parts: int = 2,
        halvings: int = 4,
        any_steps: float = 0.2,
        adversary: LatentAdversaryConfig | None = None,
        huber: float = 0.00054,
        optimizer: OptimizerConfig = OptimizerConfig(),
        times: TimeDistribution = TimeDistribution("lognormal", 0.0, 1.4),
        context_dropout: float = 0.5,
        context_noise: TimeDistribution = TimeDistribution("lognormal", -1.5, 1.2),
        label_dropout: float = 0.1,
        given_frames: GivenFrames = GivenFrames(),
        text_dropout: float = 0.1,
        clause_dropout: float = 0.0,
        validation_times: int = 4,
        sampler: SamplerConfig = SamplerConfig(),
        activation_checkpointing: bool | str | tuple[str, ...] = False,
        max_skipped: int = 20,
    ) -> None:
        check_range(1, parts=parts)
        check_range(0, halvings=halvings)
        check_range(0, 1, any_steps=any_steps)
        if not huber > 0:
            raise InputError(f"huber is {huber}", "give a value above 0")
        super().__init__(
            init_from,
            sizes={"few_steps": tuple(few_steps), **(drawn_guidance.sizes() if drawn_guidance else {})},
            optimizer=optimizer,
            times=times,
            context_dropout=context_dropout,
            context_noise=context_noise,
            label_dropout=label_dropout,
            given_frames=given_frames,
            text_dropout=text_dropout,
            clause_dropout=clause_dropout,
            validation_times=validation_times,
            sampler=sampler,
            activation_checkpointing=activation_checkpointing,
            max_skipped=max_skipped,
        )
        check_few_steps(few_steps, self.generator.diffusion.timesteps)
        if teacher is not None and teacher.guidance_interval is not None:
            raise InputError("teacher.guidance_interval is set", "leave it out: a batch has clips of many noise levels")
        self.autoguided_text = autoguided_text
        self.parts, self.halvings, self.any_steps, self.huber = parts, halvings, any_steps, huber
        self.is_distilled, model = teacher is not None, VideoGenerator.load(init_from).requires_grad_(False).eval()
        self._jumps: tuple[int, dict[int, list[list[Jump]]]] | None = None
        self._held = [model]  # in a list: it is no part of the checkpoint
        self.teacher_sampler = model.completed(teacher or SamplerConfig(name="unipc"))
        self.drawn = DrawnGuidance.of(self.generator.denoiser.config)
        if self.drawn is not None:
            self.drawn.check(model, self.teacher_sampler if self.is_distilled else None)
            if self.drawn.name == "autoguidance" and not autoguided_text:
                problem = "autoguided_text is false, and the weight of autoguidance is drawn"
                raise InputError(problem, "choose one of the two")
        self.adversary = None if adversary is None else LatentAdversary(adversary, model.denoiser)
        self._opponent: dict[str, Any] | None = None

    optional = ("adversary.", *FineTuning.optional)

    @property
    def teacher(self) -> VideoGenerator:
        """The model as it was."""
        return self._held[0]

    def on_fit_start(self) -> None:
        super().on_fit_start()
        self.teacher.to(self.device)
        if self.adversary is not None and self._opponent:
            self.adversary.load_training_state(self._opponent)

    @property
    def in_gan_phase(self) -> bool:
        """Whether the next update is one of the GAN phase."""
        return self.adversary is not None and self.updates >= self.adversary.config.start

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        clean, condition, sees_frames = self.conditioning.training(batch)
        noise, schedule = noise_like(clean, batch), self.generator.schedule
        any_t = times(batch, schedule, self.times, sees_frames)
        steps, t, earlier, end = self.jumps(batch, any_t)
        x = q_sample(clean, noise, t, schedule)
        told = replace(condition, steps=steps, weight=None if self.drawn is None else self.drawn.draw(batch))
        with torch.no_grad():
            wanted = self.target(x, t, earlier, end, clean, noise, condition, told)
        output = self.generator.denoiser(x, t, told)
        made = output.detach().requires_grad_() if self.in_gan_phase else output
        loss = self.errors(made, wanted, x, t).mean()
        self.update_means.add({"loss": loss})
        if not self.in_gan_phase:
            return loss
        reached = moved(to_prediction(made, x, t, schedule, self.generator.diffusion.prediction), end, schedule)
        later = torch.maximum(times(batch, schedule, self.times, purpose=Draw.JUDGED_TIME), end)
        more = noise_like(clean, batch, purpose=Draw.JUDGED_NOISE)
        pair = noised_further(reached, end, later, more, schedule), q_sample(clean, more, later, schedule)

        def features(latents: Tensor) -> list[Tensor]:
            return features_of(self.teacher.denoiser, latents, later, condition)

        share = 1 / self.trainer.accumulate_grad_batches
        return self.adversary(output, made, loss, pair, steps > 0, features, share=share)

    def all_means(self) -> list[UpdateMeans]:
        """Includes those of the adversary."""
        return [self.update_means] if self.adversary is None else [self.update_means, self.adversary.means]

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        """Also updates the adversary, or discards its gradients if the update was skipped."""
        in_phase = self.in_gan_phase
        super().optimizer_step(*arguments, **options)
        if not in_phase:
            return
        if self.is_skipped:
            self.adversary.drop()
        else:
            self.log_dict({f"train/{name}": value for name, value in self.adversary.step().items()})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        if self.adversary is not None:
            checkpoint["adversary"] = self.adversary.training_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """A resumed run may add an adversary or drop it."""
        super().on_load_checkpoint(checkpoint)
        self._opponent = checkpoint.get("adversary")

    def jumps(self, batch: dict[str, Any], any_t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Numbers of steps, and later, earlier and last times of each sample: (b,) int64 each.

        The samples for any number of steps have 0, their time `any_t`, and clean for both others.
        """
        counts, segments, rows = self.generator.denoiser.config.few_steps, self._segments(self.halved), []
        for own, time in zip(draws(batch, Draw.JUMP), any_t.tolist(), strict=True):
            if own.random() < self.any_steps:
                rows.append((0, time, -1, -1))
                continue
            steps = int(own.choice(counts))
            rows.append((steps, *draw_jump(own, segments[steps])))
        return tuple(on_device(batch, torch.tensor(rows)).unbind(1))

    def _segments(self, halved: int) -> dict[int, list[list[Jump]]]:
        """The jumps for each number of steps, after so many halvings."""
        if self._jumps is None or self._jumps[0] != halved:
            model, parts = self.generator, self.parts << halved
            samplers = (SamplerConfig("consistency", count) for count in model.denoiser.config.few_steps)
            grids = (
                time_grid(model.schedule, found.steps, grid=found.grid) for found in map(model.completed, samplers)
            )
            jumped = {len(times) - 1: jumps(model.schedule, tuple(times[:-1]), parts) for times in grids}
            self._jumps = halved, jumped
        return self._jumps[1]

    @property
    def halved(self) -> int:
        """How often the jumps have been halved so far."""
        whole = self.trainer.max_steps
        if whole < 1:
            raise InputError("consistency tuning needs to know how long it is", "set trainer.max_steps")
        return min(self.halvings, self.updates * (self.halvings + 1) // whole)

    def target(
        self,
        x: Tensor,
        t: Tensor,
        earlier: Tensor,
        end: Tensor,
        clean: Tensor,
        noise: Tensor,
        condition: Condition,
        told: Condition,
    ) -> Tensor:
        """The clean latents (b, c, l) that the network is to predict of x at t."""
        schedule, is_any = self.generator.schedule, (told.steps == 0)[:, None, None]
        if self.is_distilled:
            guided = self._taught(condition, told.weight)(x, t)
            before, whole = moved(guided, earlier, schedule), guided.clean
        else:
            before, whole = q_sample(clean, noise, earlier, schedule), clean
        own = to_prediction(
            self.generator.denoiser(before, earlier.clamp(min=0), told),
            before,
            earlier.clamp(min=0),
            schedule,
            self.generator.diffusion.prediction,
        )
        reached = torch.where((earlier > end)[:, None, None], moved(own, end, schedule), before)
        return torch.where(is_any, whole, clean_of_step(x, t, reached, end, schedule))

    def _taught(self, condition: Condition, weight: Tensor | None) -> Denoise:
        """The `denoise` of the teacher, guided by the weights (b,) that the network is told, if it is."""
        weights = {}
        if not self.autoguided_text and self.teacher_sampler.autoguidance and condition.text_mask is not None:
            weights = {"autoguidance": self.teacher_sampler.autoguidance * (~condition.text_mask.any(1)).float()}
        if weight is None:
            return self.teacher.denoise_of(condition, self.teacher_sampler, weights=weights)
        return self.drawn.guided(self.teacher, self.teacher_sampler, condition, weight, weights)

    def errors(self, output: Tensor, wanted: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """Pseudo-Huber loss of each sample's output, (b,), on the scale of a velocity, the same at all noise levels."""
        schedule = self.generator.schedule
        found = to_prediction(output, x, t, schedule, self.generator.diffusion.prediction).clean
        _, sigma = schedule.scales(t, x)
        return pseudo_huber((found - wanted).float() / sigma, self.huber)

    def on_validation_epoch_start(self) -> None:
        super().on_validation_epoch_start()
        self._errors = SampleMeans(
            [f"error_{count}" for count in self.generator.denoiser.config.few_steps], self.device
        )
        self._compared = 0

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        losses = super().validation_step(batch, batch_idx)
        if self._compared < COMPARED:
            self._compare([(key[0], key[2], 0) for key in keys(batch)])
        return losses

    def _compare(self, videos: list[tuple[int, int, int]]) -> None:
        """Adds what clips in few steps differ from those of the model as it was."""
        self._compared += len(videos)
        whole = self.teacher.sample_latent(VideoNoise(videos), None, self.teacher_sampler)
        weight = {self.drawn.name: getattr(self.teacher_sampler, self.drawn.name)} if self.drawn else {}
        for count in self.generator.denoiser.config.few_steps:
            sampler = SamplerConfig("consistency", count, **weight)
            found = self.generator.sample_latent(VideoNoise(videos), None, sampler)
            self._errors.add(f"error_{count}", (found - whole).square().flatten(1).mean(1))

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        errors = {name: mean.sqrt() for name, mean in self._errors.over_ranks(self.trainer.strategy).items()}
        errors["error"] = torch.stack(list(errors.values())).mean()
        for name, value in errors.items():
            self.log(f"val/{name}", value, sync_dist=True)
