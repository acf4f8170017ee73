"""Stage 1: the autoencoder learns to reconstruct clips; paper section 3.1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.nn import functional

from pvdm.autoencoder import AnyAutoencoderConfig, Triplane
from pvdm.autoencoder.perceptual import PerceptualDistance
from pvdm.errors import ArgumentError, check_range
from pvdm.evaluation.metrics.fidelity import Sharpness, frames_at, psnr, ssim
from pvdm.generation import VideoGenerator
from pvdm.runtime.compilation import compile_regions
from pvdm.runtime.recomputation import set_activation_checkpointing
from pvdm.training.batches.batch import clips
from pvdm.training.batches.sample_rng import Draw, frame_choice, levels, noise_like
from pvdm.training.gan.adversary import Adversary, AdversaryConfig
from pvdm.training.gan.gan_module import GANModule
from pvdm.training.optimization import OptimizerConfig
from pvdm.training.run.data_start import start_from_data
from pvdm.training.warm_start import WarmStart


class AutoencoderTraining(GANModule):
    """Trains an autoencoder by L1 and LPIPS, and in the GAN phase against discriminators; counts its updates.

    Args:
        autoencoder: Sizes, whose names say which autoencoder it is; frames, height and width come from the data.
        optimizer: The optimizer and its learning rate.
        l1_weight: Weight of the mean absolute difference of all pixels in [-1, 1].
        rms_weight: Weight of each clip's root mean square difference, which PSNR measures.
        difference_weight: Weight of the mean absolute difference between the changes from each frame to the next.
        equivariance_weight: Weight of each clip's root mean square difference at half its height and width, between the
            clip, shrunk, and what its planes, shrunk, decode to (scale equivariance, Kouzelis et al. 2025, arXiv
            2502.09509): denoisers learn such latents faster, for some PSNR. For a spectral autoencoder.
        latent_noise: In training, the planes that are decoded have noise of a standard deviation between 0 and this
            share of the latent's root mean square, drawn for each clip, so that the decoder forgives what a denoiser
            leaves (noise-augmented decoding, Zheng et al. 2025, arXiv 2510.11690). 0 trains without.
        lpips_weight: Weight of LPIPS; 0 turns it off, and its VGG weights are then not needed.
        lpips_frames: Frames of each clip, chosen at random, on which LPIPS is computed.
        latent_scale: Root mean square towards which each latent is drawn, by the squared difference; None, as released,
            leaves it free. Far below 0.5, noise drowns the latent in stage 2; far above, tanh saturates.
        vgg_weights: torchvision's VGG-16 file; downloaded by default.
        freeze_encoder: Whether to train the decoder alone, so that cached latents and trained denoisers stay valid; for
            a model given as `init_from`.
        adversary: The GAN phase; None trains without it. It can be added when a run is resumed.
        clip_norm: Largest norm of the gradient; None turns clipping off.
        accumulate: Batches per update.
        max_skipped: Training ends after this many skipped updates in a row. An update is skipped if a loss or a
            gradient, of the autoencoder or the discriminators, is not finite.
        activation_checkpointing: Activations that the backward pass recomputes to save memory: true for all, false for
            none, or a list of time, space, mlp and projections (docs/usage.md says what each saves), or of mlp and
            around for a spectral autoencoder.
        compile: Compile the repeated parts with `torch.compile`: takes minutes at the start, then runs faster.
        init_from: Model from which the autoencoder's weights are initialized (see `WarmStart`); ignored when a run is
            resumed.
        reinitialize: Randomly initialize the parameters that do not fit, for example because of another size or length,
            instead of refusing the model.
        resize_positions: Interpolate the position embeddings of a model of another size or length.
    """

    trained = "generator.autoencoder"
    clips_per_sample = 1
    figure, higher_is_better = "val/psnr", True
    is_resumed = False
    """Whether a checkpoint will replace the weights, so that nothing needs to initialize them."""

    def __init__(
        self,
        autoencoder: AnyAutoencoderConfig,
        *,
        optimizer: OptimizerConfig = OptimizerConfig(betas=(0.5, 0.9)),
        l1_weight: float = 1.0,
        rms_weight: float = 0.0,
        difference_weight: float = 0.0,
        equivariance_weight: float = 0.0,
        latent_noise: float = 0.0,
        lpips_weight: float = 1.0,
        lpips_frames: int = 1,
        latent_scale: float | None = None,
        vgg_weights: Path | None = None,
        freeze_encoder: bool = False,
        adversary: AdversaryConfig | None = None,
        clip_norm: float | None = 1.0,
        accumulate: int = 1,
        max_skipped: int = 20,
        activation_checkpointing: bool | str | tuple[str, ...] = False,
        compile: bool = False,
        init_from: Path | None = None,
        reinitialize: bool = False,
        resize_positions: bool = False,
    ) -> None:
        generator = VideoGenerator(autoencoder)
        opponent = None if adversary is None else Adversary(adversary, autoencoder.frames)
        updates = {"clip_norm": clip_norm, "accumulate": accumulate, "max_skipped": max_skipped}
        super().__init__(generator, opponent, optimizer=optimizer, **updates)
        check_range(0, l1_weight=l1_weight, rms_weight=rms_weight, difference_weight=difference_weight)
        check_range(0, lpips_weight=lpips_weight, latent_scale=latent_scale, equivariance_weight=equivariance_weight)
        check_range(0, latent_noise=latent_noise)
        check_range(1, lpips_frames=lpips_frames)
        set_activation_checkpointing(self.generator.autoencoder, activation_checkpointing)
        self.l1_weight, self.lpips_weight, self.lpips_frames = l1_weight, lpips_weight, lpips_frames
        self.rms_weight, self.difference_weight = rms_weight, difference_weight
        self.latent_scale, self.vgg_weights = latent_scale, vgg_weights
        self.equivariance_weight, self.latent_noise = equivariance_weight, latent_noise
        if equivariance_weight > 0 and not self.generator.autoencoder.can_halve:
            remedy = "use a spectral autoencoder whose sides are an even number of patches, or leave it out"
            raise ArgumentError(f"equivariance_weight is {equivariance_weight}", remedy, option="equivariance_weight")
        if freeze_encoder:
            self.generator.autoencoder.freeze_encoder()
        if compile:
            compile_regions(self.generator.autoencoder)
        self.warm_start = WarmStart(init_from, reinitialize, resize_positions) if init_from else None
        self.perceptual: PerceptualDistance | None = None
        self.sharpness = Sharpness()

    def prepare_data(self) -> None:
        """Fetches and checks LPIPS's weights early, once per machine, unless `setup` will refuse the data."""
        if getattr(self.trainer.datamodule, "is_refused", False):
            return
        if self.trainer.state.fn != TrainerFn.PREDICTING and self.lpips_weight > 0:
            self.perceptual = PerceptualDistance(self.vgg_weights)

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit" and self.warm_start:
            self.warm_start.fill(self.generator, "autoencoder")
        elif stage == "fit" and not self.is_resumed:
            start_from_data(self.generator.autoencoder, self.trainer)
        if stage != "predict" and self.lpips_weight > 0 and self.perceptual is None:
            self.perceptual = PerceptualDistance(self.vgg_weights)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        video = clips(batch)
        planes = self.generator.autoencoder.encode(video)
        found = self.generator.autoencoder.decode(self._noised(planes, batch)).float()
        self.generator.autoencoder.observe(found, video)
        distances = self.distances(found, video, batch)
        loss, scales = self.reconstruction_loss(distances), root_mean_squares(planes)
        measures = {"loss": loss, **distances, "latent_scale": scales.mean()}
        if self.equivariance_weight > 0:
            halved, wanted = self.generator.autoencoder.decode_halved(planes), functional.avg_pool3d(video, (1, 2, 2))
            measures["equivariance"] = root_mean_square_error(halved.float(), wanted)
            loss = loss + self.equivariance_weight * measures["equivariance"]
        if self.in_gan_phase:
            chosen = frame_choice(batch, found.shape[2], self.adversary.config.frames)
            last_layer = self.generator.autoencoder.last_layer
            loss = self.adversary(loss, found, video, chosen, last_layer=last_layer, share=1 / self.accumulate)
        if self.latent_scale is not None:
            loss = loss + (scales - self.latent_scale).square().mean()
        self.learn(loss, measures)

    def _noised(self, planes: Triplane, batch: dict[str, Any]) -> Triplane:
        """Planes as they are decoded in training, see `latent_noise`."""
        if self.latent_noise == 0:
            return planes
        latent, shape = planes.flatten(), self.generator.autoencoder.config.latent_shape
        deviations = levels(batch, self.latent_noise, Draw.LATENT_NOISE_LEVEL) * root_mean_squares(planes).detach()
        noise = noise_like(latent, batch, purpose=Draw.LATENT_NOISE)
        return Triplane.split(latent + deviations[:, None, None] * noise, shape)

    def distances(self, found: Tensor, wanted: Tensor, batch: dict[str, Any]) -> dict[str, Tensor]:
        """The distances in use between clips (b, 3, t, h, w) in [-1, 1]: scalars by the names of their weights."""
        measures = {"l1": functional.l1_loss(found, wanted)}
        if self.rms_weight > 0:
            measures["rms"] = root_mean_square_error(found, wanted)
        if self.difference_weight > 0 and found.shape[2] > 1:
            measures["difference"] = functional.l1_loss(found.diff(dim=2), wanted.diff(dim=2))
        if self.perceptual is not None:
            chosen = frame_choice(batch, found.shape[2], self.lpips_frames)
            measures["lpips"] = self.perceptual(frames_at(found, chosen), frames_at(wanted, chosen))
        return measures

    def reconstruction_loss(self, distances: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of the distances, a scalar."""
        return sum(getattr(self, f"{name}_weight") * value for name, value in distances.items())

    def figures(self, batch: dict[str, Any]) -> Tensor:
        """PSNR of each clip, (b,)."""
        video = clips(batch)
        return psnr(self.generator.autoencoder(video).float(), video)

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        video = clips(batch)
        found = self.generator.autoencoder(video).float()
        distances = {f"val/{name}": value for name, value in self.distances(found, video, batch).items()}
        measures = {"val/ssim": ssim(found, video), **distances}
        of_clips = psnr(found, video)
        self.log("val/psnr", of_clips.mean(), batch_size=len(video), sync_dist=True, prog_bar=True)
        self.log_dict(measures, batch_size=len(video), sync_dist=True)
        self.sharpness.update(found, video)
        self.log("val/sharpness", self.sharpness)
        return of_clips

    test_step = validation_step

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Any]:
        """Reconstructions (b, 3, t, h, w) uint8, with the names and frame rates of the clips."""
        samples = zip(batch["key"].tolist(), batch["path"], batch["start"].tolist(), strict=True)
        names = [f"{index:06d}_{Path(path).stem}_{start:06d}" for (_, _, index), path, start in samples]
        return {"video": self.generator.reconstruct(batch["video"]), "names": names, "fps": batch["fps"].tolist()}


def root_mean_square_error(found: Tensor, wanted: Tensor) -> Tensor:
    """The mean over clips (b, 3, t, h, w) of their root mean square differences, a scalar."""
    return (found - wanted).square().mean((1, 2, 3, 4)).sqrt().mean()


def root_mean_squares(planes: Triplane) -> Tensor:
    """Root mean square of each latent of a batch, (b,) float32."""
    return planes.flatten().float().square().mean(dim=(1, 2)).sqrt()
