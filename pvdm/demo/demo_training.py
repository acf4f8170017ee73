"""The demo's training: both stages by `pvdm fit`, from the packaged autoencoder and on cached latents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from pvdm.autoencoder.config import CLASS
from pvdm.data.data_options import DataOptions
from pvdm.data.video_collection import VideoCollection
from pvdm.demo.demo_folder import PARTS, Demo, read_part
from pvdm.demo.source_videos import shots
from pvdm.files.atomic_write import replacing
from pvdm.generation import VideoGenerator
from pvdm.generation.model_files import read_config, resolve_folder
from pvdm.training.callbacks.throughput import training_seconds
from pvdm.training.cli import command
from pvdm.training.latent_encoding import encode, plan_of
from pvdm.video import write_video

CONFIGS = Path(__file__).parent
NOT_GIVEN = ("frames", "height", "width", CLASS)
"""Fields of a stored autoencoder that a config does not give: the data and the other fields do."""

VALIDATIONS = 2
"""Validations in a stage."""


def train_autoencoder(demo: Demo) -> dict[str, Any]:
    """Fine-tunes the packaged autoencoder on the real clips and exports it."""
    start = demo.settings.start
    stored = read_config(resolve_folder(start))["autoencoder"]
    sizes = {name: value for name, value in stored.items() if name not in NOT_GIVEN}
    parts = {"--data.training_folders": '["train"]', "--data.validation_folders": '["val"]'}
    more = {"--data.path": demo.clips, **parts, "--model.init_from": start}
    _fit(demo, "autoencoder", demo.settings.autoencoder_steps, more, autoencoder=sizes)
    return _export(demo, "autoencoder", demo.autoencoder)


def train_diffusion(demo: Demo) -> dict[str, Any]:
    """Encodes all clips once, trains the diffusion model on their latents, and exports it."""
    latents = demo.folder / "latents"
    _encode(demo, latents)
    more = {"--data.path": latents, "--data.layout": "latents", "--model.autoencoder": demo.autoencoder}
    _fit(demo, "diffusion", demo.settings.diffusion_steps, more, denoiser={"classes": len(demo.videos)})
    return _export(demo, "diffusion", demo.model)


def _encode(demo: Demo, folder: Path) -> None:
    """Fills a folder with the latents of the real clips from every start."""
    generator = VideoGenerator.from_pretrained(demo.autoencoder)
    size, root = generator.autoencoder.config, demo.folder / "shots"
    _write_shots(demo, root, size.frames)
    clip = {"frames": size.frames, "height": size.height, "width": size.width, "clips": 2}
    options = DataOptions(root, layout="classes", training_folders=["train"], validation_folders=["val"], **clip)
    videos = VideoCollection.of(options)
    videos.setup(log=False)
    settings = {"stride": 1, "flips": False, "dtype": "float16", "precision": "32", "clips_per_shard": 1024}
    plan = plan_of(videos, generator.autoencoder, settings)
    encode(plan, folder, root=root, generator=generator, batch_size=8, workers=0)


def _write_shots(demo: Demo, root: Path, frames: int) -> None:
    """Writes each shot of at least `frames` frames as a video of its own: every shot is trained on equally often."""
    with replacing(root, overwrite=True) as temporary:
        for video in demo.videos:
            for part in PARTS:
                if (whole := read_part(demo, video, part)) is not None:
                    long = [(first, stop) for first, stop in shots(whole) if stop - first >= frames]
                    for first, stop in long or [(0, whole.shape[1])]:
                        path = temporary / part / video.name / f"{first:06d}"
                        write_video(path, whole[:, first:stop], fps=demo.fps)


def _fit(demo: Demo, stage: str, steps: int, more: dict[str, Any], **sizes: dict[str, Any]) -> None:
    """Runs `pvdm fit` with a few validations, with more options, and more sizes of a network."""
    arguments = {
        "--data.frames": demo.results["planes"]["frames"],
        "--data.height": demo.settings.size,
        "--data.width": demo.settings.size,
        "--trainer.default_root_dir": demo.folder / "runs" / stage,
        "--trainer.max_steps": steps,
        "--trainer.val_check_interval": max(1, steps // VALIDATIONS),
        "--model.optimizer.cosine_steps": steps,
        **more,
    }
    config = _written(stage, demo.folder / "runs" / f"{stage}.yaml", sizes)
    flat = [str(part) for pair in arguments.items() for part in pair]
    command.main(["fit", "-c", str(config), *flat], shows_next=False)


def _written(stage: str, path: Path, sizes: dict[str, dict[str, Any]]) -> Path:
    """Writes the config of a stage with more sizes of a network.

    They are not given as options, because those of one class of networks would replace those of another as a whole.
    """
    config = OmegaConf.merge(OmegaConf.load(CONFIGS / f"{stage}.yaml"), {"model": {"init_args": sizes}})
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, overwrite=True) as temporary:
        OmegaConf.save(config, temporary)
    return path


def _export(demo: Demo, stage: str, folder: Path) -> dict[str, Any]:
    """Exports the trained model with the demo's frame rate, which folders of frames do not record."""
    checkpoint = demo.folder / "runs" / stage / "checkpoints" / "last.ckpt"
    generator = VideoGenerator.from_checkpoint(checkpoint)
    generator.fps = demo.fps
    generator.save_pretrained(folder, overwrite=True)
    return {"trained": {**demo.results.get("trained", {}), stage: training_seconds(checkpoint)}}
