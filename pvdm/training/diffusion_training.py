"""Stage 2: the denoiser learns the latents of clips, with and without the clip before; paper section 3.2-3.3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from pvdm.conditions.cameras import CAMERA_WIDTH
from pvdm.conditions.given_frames import GivenFrames
from pvdm.conditions.sound import encoder_name, sound_width
from pvdm.conditions.text import TextConfig, text_encoder, with_examples, with_words
from pvdm.data import ClipDataset
from pvdm.diffusion import (
    Condition,
    DiffusionConfig,
    SamplerConfig,
    TimeDistribution,
    TransformerConfig,
    UNetConfig,
    VideoNoise,
    diffusion_loss,
    min_snr_weight,
    q_sample,
    training_target,
)
from pvdm.errors import InputError, check_range
from pvdm.generation import VideoGenerator
from pvdm.runtime.compilation import compile_regions
from pvdm.runtime.recomputation import set_activation_checkpointing
from pvdm.training.automatic_updates import AutomaticUpdates
from pvdm.training.batches.conditioning import Conditioning
from pvdm.training.batches.sample_rng import drawn_by, noise_like, plane_times, times
from pvdm.training.data import ClipData, LatentData
from pvdm.training.optimization import OptimizerConfig
from pvdm.training.reductions import SampleMeans
from pvdm.training.warm_start import WarmStart


class DiffusionTraining(AutomaticUpdates):
    """Trains a denoiser that predicts eps, x0 or v of flat latents; the autoencoder is frozen.

    A batch holds clips of twice the model's frames, "video" (b, 3, 2 t, h, w) uint8: the context and then the target;
    or their latents, "latent" (b, 2, c, l), as `pvdm encode` has cached them. Where `has_context` is False, the context
    is filler and is ignored. With `denoiser.classes`, the denoiser gets the labels of the data; samples without one
    (label -1) are trained without, beside the others.

    Validation computes the unweighted loss at fixed timesteps: `val/loss_no_context` (and `val/loss`, the same) of all
    samples without any condition, `val/loss_context` with the context alone of those that have one, and
    `val/loss_label`, `val/loss_text` (the caption), `val/loss_camera`, `val/loss_sound` and `val/loss_scores` likewise.
    With `given_frames`, `val/loss_hint` is that with the first and the last frame alone.

    Args:
        autoencoder: Exported folder or stage-1 checkpoint.
        denoiser: Sizes of the U-Net or of the joint transformer, and the number of classes; the latent's shape comes
            from the autoencoder.
        diffusion: Noise process and what the denoiser predicts.
        optimizer: The optimizer and its learning rate.
        times: Distribution of the timesteps in training.
        loss: Mean square or mean absolute difference.
        context_dropout: Probability that a sample is trained without its context.
        context_noise: Distribution of the timesteps to which contexts are noised in training; the denoiser is then told
            the level. None leaves them as they are, as released.
        label_dropout: Probability that a sample is trained without its label, independently of its context.
        given_frames: In which samples which frames of the target are given, as a hint; None trains a denoiser that
            takes none. Cached latents have what `pvdm encode --hints` names.
        hint_noise: Distribution of the timesteps to which hints are noised in training; None leaves them as they are.
        text: Encoder of captions; None trains a denoiser without text. Needs data.captions.
        text_dropout: Probability that a sample is trained without its caption, independently of the rest.
        clause_dropout: Probability that each clause of a caption, between commas, is left out, so that prompts need not
            say all that captions do.
        camera: Whether the denoiser takes the camera of each frame. Needs data.cameras.
        camera_dropout: Probability that a sample is trained without its camera, independently of the rest.
        sound: Whether the denoiser takes what is heard around each frame: true for its spectrum, or the encoder, as in
            data.sound, which it needs.
        sound_dropout: Probability that a sample is trained without its sound, independently of the rest.
        scores: Names of the scores that the denoiser takes, such as motion and fps: those of data.scores.
        score_dropout: Probability that a sample is trained without one of its scores, each independently of the rest.
        planes_apart: Share of the samples whose content and motion have noise of different levels, so that the model
            can make either for the other (`pvdm recombine`); 0 trains a denoiser with one level for both.
        min_snr_gamma: Weights the training loss of each timestep by Min-SNR-gamma (Hang et al. 2023, who use 5); None
            turns it off.
        validation_times: Number of evenly spaced timesteps at which the validation loss is computed.
        sampler: Sampler of `predict`.
        predict_given: Frames of each clip that `predict` gives the model beside class, caption, camera, sound
            and scores: first, last, or both ends; None gives no frame.
        activation_checkpointing: Activations that the backward pass recomputes to save memory: true for all, false for
            none, or a list of residual, attention and across (docs/usage.md says what each saves).
        max_skipped: Training ends after this many skipped updates in a row. An update is skipped if its loss or its
            gradient is not finite.
        compile: Compile the denoiser's repeated parts with `torch.compile`: takes minutes at the start, then runs
            faster. The autoencoder is not compiled, because it encodes a different number of contexts each time.
        init_from: Model from which the denoiser's weights are initialized (see `WarmStart`); ignored when a run is
            resumed.
        reinitialize: Randomly initialize the parameters that do not fit, for example because of other classes, instead
            of refusing the model.
        resize_positions: Interpolate the position embeddings of a model of another size or length.
    """

    trained = "generator.denoiser"
    clips_per_sample = 2
    figure, higher_is_better = "val/loss", False

    def __init__(
        self,
        autoencoder: Path,
        *,
        denoiser: UNetConfig | TransformerConfig = UNetConfig(),
        diffusion: DiffusionConfig = DiffusionConfig(),
        optimizer: OptimizerConfig = OptimizerConfig(),
        times: TimeDistribution = TimeDistribution(),
        loss: Literal["l2", "l1"] = "l2",
        context_dropout: float = 0.7,
        context_noise: TimeDistribution | None = None,
        label_dropout: float = 0.1,
        given_frames: GivenFrames | None = None,
        hint_noise: TimeDistribution | None = None,
        text: TextConfig | None = None,
        text_dropout: float = 0.1,
        clause_dropout: float = 0.0,
        camera: bool = False,
        camera_dropout: float = 0.1,
        sound: bool | str = False,
        sound_dropout: float = 0.1,
        scores: list[str] | None = None,
        score_dropout: float = 0.1,
        planes_apart: float = 0.0,
        min_snr_gamma: float | None = None,
        validation_times: int = 8,
        sampler: SamplerConfig = SamplerConfig(),
        predict_given: Literal["first", "last", "ends"] | None = None,
        max_skipped: int = 20,
        activation_checkpointing: bool | str | tuple[str, ...] = False,
        compile: bool = False,
        init_from: Path | None = None,
        reinitialize: bool = False,
        resize_positions: bool = False,
    ) -> None:
        super().__init__(max_skipped)
        check_range(0, 1, planes_apart=planes_apart)
        check_weighting(min_snr_gamma, loss)
        if planes_apart and min_snr_gamma is not None:
            raise InputError("min_snr_gamma weights one noise level, and planes_apart has two", "leave one of them out")
        check_range(1, diffusion.timesteps, validation_times=validation_times)
        first_stage = VideoGenerator.load(autoencoder)
        sizes = first_stage.autoencoder.config
        shape = {"latent_channels": sizes.latent_channels, "latent_shape": sizes.latent_shape}
        parts = {"context_levels": context_noise is not None, "hints": given_frames is not None}
        is_blurred = given_frames is not None and given_frames.blurred > 0
        parts |= {"blurred_hints": is_blurred or denoiser.blurred_hints}
        parts |= {"plane_times": planes_apart > 0 or denoiser.plane_times}
        parts |= {"text_width": text_encoder(text).width if text else denoiser.text_width}
        parts |= {"text_tokens": text.tokens} if text else {}
        encoder, rows = encoder_name(sound), {"camera": camera, "sound": sound}
        parts |= {"camera_width": CAMERA_WIDTH if camera else denoiser.camera_width}
        parts |= {"sound_width": sound_width(encoder) if encoder else denoiser.sound_width}
        parts |= {"scores": tuple(scores or denoiser.scores)}
        denoiser = replace(denoiser, **shape, **parts)
        self.generator = VideoGenerator(sizes, denoiser, diffusion, fps=first_stage.pace, text=text, sound=encoder)
        self.generator.energy = tuple(record for record in first_stage.energy if record["part"] == "autoencoder")
        self.generator.autoencoder.load_state_dict(first_stage.autoencoder.state_dict())
        self.generator.autoencoder.requires_grad_(False).eval()
        set_activation_checkpointing(self.generator.denoiser, activation_checkpointing)
        self.optimizer_config, self.times, self.loss, self.sampler = optimizer, times, loss, sampler
        self.conditioning = Conditioning(
            self.generator,
            context_dropout=context_dropout,
            context_noise=context_noise,
            label_dropout=label_dropout,
            given_frames=given_frames,
            hint_noise=hint_noise,
            text_dropout=text_dropout,
            clause_dropout=clause_dropout,
            rows=[part for part, given in rows.items() if given],
            camera_dropout=camera_dropout,
            sound_dropout=sound_dropout,
            scores=denoiser.scores if scores else (),
            score_dropout=score_dropout,
        )
        self.planes_apart, self.predict_given = planes_apart, predict_given
        self.min_snr_gamma, self.validation_times = min_snr_gamma, validation_times
        if compile:
            compile_regions(self.generator.denoiser)
        self.warm_start = WarmStart(init_from, reinitialize, resize_positions) if init_from else None

    def setup(self, stage: str) -> None:
        """Also InputError if the data are latents of another autoencoder, or lack the hints of given frames."""
        super().setup(stage)
        if isinstance(self.trainer.datamodule, LatentData):
            if self.conditioning.given_frames is not None:
                self.trainer.datamodule.check_hints(self.conditioning.given_frames)
            self.trainer.datamodule.check_autoencoder(self.generator.autoencoder)
        for part in self.conditioning.rows:
            self._check_rows(part)
        if isinstance(self.trainer.datamodule, ClipData):
            self.conditioning.check_scores(self.sets())
            if self.conditioning.scores and stage == "fit":
                self.generator.score_ranges = self.trainer.datamodule.collection.score_ranges
        if self.conditioning.is_told:
            captions = list(self._captions())
            self.generator.text = with_examples(with_words(self.generator.text, captions), captions)
        if stage == "fit" and self.warm_start:
            self.warm_start.fill(self.generator, "denoiser")

    def sets(self) -> list[ClipDataset]:
        """The samples of training and validation, as far as there are any."""
        data = self.trainer.datamodule
        return [clips for clips in (data.training, data.validation) if clips is not None]

    def _check_rows(self, part: str) -> None:
        """InputError if the samples do not have this vector of each frame."""
        if not all(part in clips.tracks.absent(1) for clips in self.sets()):
            option = {"camera": "cameras"}.get(part, part)
            raise InputError(f"the samples have no {part}", f"set data.{option} true, or leave out model.{part}")
        encoders = {clips.tracks.sound for clips in self.sets()}
        if part == "sound" and encoders != {self.generator.sound}:
            problem = (
                f"data.sound is by {', '.join(sorted(map(str, encoders)))}, and model.sound {self.generator.sound}"
            )
            raise InputError(problem, "give both the same")

    def _captions(self) -> Iterator[str]:
        """The captions of all data; InputError if they have none."""
        sets = self.sets()
        if not all(clips.captioned for clips in sets):
            raise InputError("the samples have no captions", "set data.captions true, or leave out model.text")
        return chain.from_iterable(clips.captions() for clips in sets)

    def train(self, mode: bool = True) -> DiffusionTraining:
        """Keeps the frozen autoencoder in evaluation mode."""
        super().train(mode)
        self.generator.autoencoder.eval()
        return self

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Also InputError if the run was trained on latents of another autoencoder."""
        super().on_load_checkpoint(checkpoint)
        saved = checkpoint.get("state_dict", {})
        for name, value in self.state_dict().items():
            is_frozen = name.startswith("generator.autoencoder.")
            if is_frozen and name in saved and not torch.equal(value.cpu(), saved[name].cpu()):
                raise InputError(
                    "the checkpoint was trained on the latents of another autoencoder",
                    "give that one as --model.autoencoder, or choose another --trainer.default_root_dir",
                )

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        target, condition, sees_frames = self.conditioning.training(batch)
        t = times(batch, self.generator.schedule, self.times, sees_frames)
        if self.planes_apart:
            t = plane_times(batch, t, self.planes_apart, self.generator.diffusion.timesteps)
        with drawn_by(batch):
            losses = self.losses(target, noise_like(target, batch), t, condition)
        loss = (losses * self.weights(t).to(losses.dtype)).mean()
        self.update_means.add({"loss": loss})
        return loss

    def weights(self, t: Tensor) -> Tensor:
        """Weight of the loss at timesteps t: (b,)."""
        if self.min_snr_gamma is None:
            return t.new_ones(len(t))
        generator = self.generator
        return min_snr_weight(t, generator.schedule, generator.diffusion.prediction, gamma=self.min_snr_gamma)

    def losses(self, clean: Tensor, noise: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Unweighted loss of each sample, (b,), at its timestep t: (b,), or (b, 2) of content and motion."""
        generator, spread = self.generator, self.generator.spread_times(t)
        noisy = q_sample(clean, noise, spread, generator.schedule)
        wanted = training_target(clean, noise, spread, generator.schedule, generator.diffusion.prediction)
        return diffusion_loss(generator.denoiser(noisy, t, condition), wanted, norm=self.loss)

    def on_validation_epoch_start(self) -> None:
        self.validation_means = SampleMeans(self.conditioning.names, self.device)

    def figures(self, batch: dict[str, Any]) -> Tensor:
        """Validation loss of each sample without context and label, (b,)."""
        return self._mean_losses(self.conditioning.target(batch), Condition(), batch)

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        target, cases = self.conditioning.validation(batch)
        losses = {name: self._mean_losses(target, condition, batch) for name, (condition, _) in cases.items()}
        for name, (_, given) in cases.items():
            self.validation_means.add(name, losses[name][given])
        return losses["no_context"]

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        self._log_means()

    def on_test_epoch_end(self) -> None:
        self._log_means()

    on_test_epoch_start = on_validation_epoch_start
    test_step = validation_step

    def time_steps(self) -> list[int]:
        """The fixed timesteps of the validation loss: the middles of equal intervals."""
        timesteps, count = self.generator.diffusion.timesteps, self.validation_times
        return [int(timesteps * (index + 0.5) / count) for index in range(count)]

    def on_predict_start(self) -> None:
        """InputError if the model takes no given frames, or the sampler more steps than there are timesteps."""
        if self.predict_given is not None:
            self.generator.check_takes_frames()
        timesteps = self.generator.diffusion.timesteps
        check_range(1, timesteps, **{"sampler.steps": self.sampler.completed(timesteps).steps})

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Any]:
        """A sampled clip for each clip of the data, of the same class, caption, camera, sound, scores and given frames.

        They are (b, 3, t, h, w) uint8.
        """
        videos = [(int(seed), int(index)) for seed, _, index in batch["key"].tolist()]
        condition = self.conditioning.prediction(batch, self.predict_given)
        latent = self.generator.sample_latent(VideoNoise([(*video, 0) for video in videos]), condition, self.sampler)
        names = [f"sample_{index:06d}" for _, index in videos]
        return {"video": self.generator.decode_latent(latent), "names": names}

    def _mean_losses(self, target: Tensor, condition: Condition, batch: dict[str, Any]) -> Tensor:
        """Mean loss of each sample over the fixed timesteps, (b,)."""
        return torch.stack([self._losses_at(t, target, condition, batch) for t in self.time_steps()]).mean(0)

    def _losses_at(self, time: int, target: Tensor, condition: Condition, batch: dict[str, Any]) -> Tensor:
        t = torch.full((len(target),), time, device=self.device)
        return self.losses(target, noise_like(target, batch, time), t, condition)

    def _log_means(self) -> None:
        found = self.validation_means.over_ranks(self.trainer.strategy)
        for name, mean in found.items():
            self.log(f"val/loss_{name}", mean, sync_dist=True)  # they are equal already; avoids a warning
        self.log("val/loss", found["no_context"], prog_bar=True, sync_dist=True)


def check_weighting(gamma: float | None, loss: str) -> None:
    """InputError unless Min-SNR-gamma is above 0 and weights squared errors, for which it is derived."""
    if gamma is not None and not gamma > 0:
        raise InputError(f"min_snr_gamma is {gamma}", "give a value above 0 (5 is usual), or leave it out")
    if gamma is not None and loss != "l2":
        raise InputError(
            f"min_snr_gamma weights the squared error, but loss is {loss}", "choose loss l2, or leave it out"
        )
