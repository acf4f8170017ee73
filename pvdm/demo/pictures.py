"""Pictures of the demo: film strips and training curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from einops import rearrange
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor
from torch.nn import functional

from pvdm.files.atomic_write import replacing

Curve = tuple[Sequence[int], Sequence[float]]


def filmstrips(videos: Sequence[Tensor], frames: int) -> Tensor:
    """A row per video (3, t, h, w) uint8, of frames spread evenly over it, each in a white line of 1 pixel."""
    rows = []
    for video in videos:
        chosen = torch.linspace(0, video.shape[1] - 1, frames).round().long()
        rows.append(rearrange(functional.pad(video[:, chosen], (1, 1, 1, 1), value=255), "c t h w -> c h (t w)"))
    return torch.cat(rows, dim=1)


def save_image(image: Tensor, path: Path, *, scale: int = 1) -> None:
    """Saves (3, h, w) uint8, enlarged `scale` times without smoothing."""
    picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
    with replacing(path, overwrite=True) as temporary:
        picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST).save(temporary)


def read_scalars(run: Path, names: Sequence[str]) -> dict[str, Curve]:
    """(steps, values) of those scalars that are in the TensorBoard files of a run."""
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    present = [name for name in names if name in events.Tags()["scalars"]]
    series = {name: events.Scalars(name) for name in present}
    return {name: ([e.step for e in points], [e.value for e in points]) for name, points in series.items()}


def plot_curves(panels: dict[str, dict[str, Curve]], path: Path) -> None:
    """Draws the panels side by side: curves by label, by the title of their panel."""
    figure = Figure(figsize=(4.2 * len(panels), 3.2), layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for label, (steps, values) in curves.items():
            axes.plot(steps, values, label=label, marker="o" if len(steps) < 20 else None, markersize=3)
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=9)
    with replacing(path, overwrite=True) as temporary:
        figure.savefig(temporary, dpi=110)
