"""Reads action, direction and colors of drawn characters back from clips, to judge what a model was asked for.

    python sprites_reader.py CLIPS READER.pt MODEL    trains a small network, and prints its accuracy on held-out clips

It trains on real clips, and on what the autoencoder of MODEL makes of them, whose colors differ a little. CLIPS has the
folders train and val, by class, and captions.csv with a column for each of `PARTS`.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise, product
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvdm import VideoGenerator
from pvdm.video import read_video

COLORS = ("body", "bottom", "top", "hair")
PARTS = ("class", "direction", *COLORS)
SIDE, EPOCHS, BATCH = 64, 40, 32
LEVELS, BANDS = 10, (0, 28, 44, SIDE)
"""Levels of each channel in a palette, and the rows at which head, chest and legs part."""


class Reader(nn.Module):
    """Clips (b, 3, 16, 64, 64) uint8, which may begin anywhere in their cycle -> logits of each part, by its name.

    Colors are read from palettes alone by one linear layer each, action and direction by convolutions.
    """

    def __init__(self, values: dict[str, list[str]], width: int = 32) -> None:
        super().__init__()
        self.values = values
        self.look = nn.Sequential(
            *(nn.Conv2d(3, width, 5, stride=2, padding=2), nn.BatchNorm2d(width), nn.ReLU()),
            *(nn.Conv2d(width, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU()),
            *(nn.Conv2d(width, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU()),
        )
        self.watch = nn.Sequential(
            *(nn.Conv1d(64 * width, 4 * width, 3, padding=1, padding_mode="circular"), nn.ReLU()),
            *(nn.Conv1d(4 * width, 4 * width, 3, padding=1, padding_mode="circular"), nn.ReLU()),
        )
        self.drop = nn.Dropout(0.3)
        lengths = {name: 3 * LEVELS**3 if name in COLORS else 8 * width for name in values}
        self.heads = nn.ModuleDict({f"of_{name}": nn.Linear(lengths[name], len(own)) for name, own in values.items()})

    def forward(self, clips: Tensor) -> dict[str, Tensor]:
        frames = clips[:, :, ::2].transpose(1, 2).flatten(0, 1).float() / 127.5 - 1
        seen = functional.adaptive_avg_pool2d(self.look(frames), 8).flatten(1)
        over_time = self.watch(seen.unflatten(0, (len(clips), -1)).transpose(1, 2))
        pooled = self.drop(torch.cat((over_time.mean(2), over_time.amax(2)), dim=1))
        bands = [palette(clips[..., start:stop, :]) for start, stop in pairwise(BANDS)]
        colors = torch.cat(bands, dim=1)
        return {name: self.heads[f"of_{name}"](colors if name in COLORS else pooled) for name in self.values}

    @torch.no_grad()
    def read(self, clips: Tensor) -> list[dict[str, str]]:
        """The value of each part, for each clip."""
        logits = [self.eval()(part) for part in clips.split(64)]
        best = {name: torch.cat([each[name] for each in logits]).argmax(1).tolist() for name in self.values}
        return [{name: self.values[name][best[name][i]] for name in self.values} for i in range(len(clips))]


def palette(clips: Tensor) -> Tensor:
    """Root of the pixels of a frame that are near each of LEVELS^3 colors except black, (b, LEVELS^3)."""
    levels = clips[:, :, ::4].flatten(2).float() / 255 * (LEVELS - 1)
    below = levels.floor().clamp(max=LEVELS - 2)
    near = levels - below
    found = torch.zeros(len(clips), LEVELS**3)
    for corner in product((0, 1), repeat=3):
        upper = torch.tensor(corner).view(3, 1)
        red, green, blue = (below.long() + upper).unbind(1)
        weight = torch.where(upper == 1, near, 1 - near).prod(1)
        found.scatter_add_(1, (red * LEVELS + green) * LEVELS + blue, weight)
    found[:, 0] = 0
    return (found / clips[:, :, ::4].shape[2]).sqrt()


def load(path: str | Path) -> Reader:
    """A reader that was trained here."""
    stored = torch.load(path, weights_only=True)
    reader = Reader(stored["values"])
    reader.load_state_dict(stored["weights"])
    return reader.eval()


def clips_of(root: Path, split: str) -> tuple[list[dict[str, str]], Tensor]:
    """The rows of the table whose files are in a split, and their clips (n, 3, 16, 64, 64) uint8."""
    files = {file.name: file for file in (root / split).rglob("*.mp4")}
    with (root / "captions.csv").open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if Path(row["file"]).name in files]
    videos = [read_video(files[Path(row["file"]).name], size=(SIDE, SIDE))[:, :16] for row in rows]
    return rows, torch.stack(videos)


def accuracy(found: Iterable[dict[str, str]], wanted: Sequence[dict[str, str]]) -> dict[str, float]:
    """The share of clips of which each part was read right."""
    pairs = list(zip(found, wanted, strict=True))
    return {name: sum(left[name] == right[name] for left, right in pairs) / len(pairs) for name in PARTS}


def train(root: Path, path: Path, model: str) -> None:
    """Trains a reader on whole cycles that begin anywhere, a little blurred or noised, as generated ones may be."""
    torch.manual_seed(0)
    rows, clips = clips_of(root, "train")
    values = {name: sorted({row[name] for row in rows}) for name in PARTS}
    targets = {name: torch.tensor([own.index(row[name]) for row in rows] * 2) for name, own in values.items()}
    autoencoder, reader = VideoGenerator.load(model), Reader(values)
    clips = torch.cat((clips, autoencoder.reconstruct(clips)))
    steps = EPOCHS * (len(clips) // BATCH)
    optimizer = torch.optim.AdamW(reader.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(clips), (BATCH,))
        batch = torch.stack([_moved(clip) for clip in clips[chosen]])
        logits = reader(_disturbed(batch))
        loss = sum(functional.cross_entropy(logits[name], targets[name][chosen]) for name in PARTS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    torch.save({"values": values, "weights": reader.state_dict()}, path)
    rows, clips = clips_of(root, "val")
    for what, shown in (("real", clips), ("reconstructed", autoencoder.reconstruct(clips))):
        print(what, {name: round(share, 3) for name, share in accuracy(reader.read(shown), rows).items()}, len(rows))


def _moved(clip: Tensor) -> Tensor:
    """The clip from another moment of its cycle on, and by up to two pixels elsewhere."""
    return clip.roll((int(torch.randint(16, ())), *torch.randint(-2, 3, (2,)).tolist()), dims=(1, 2, 3))


def _disturbed(clips: Tensor) -> Tensor:
    """Half the clips with noise, and half of these blurred before."""
    noisy = clips.float()
    if torch.rand(()) < 0.3:
        small = functional.avg_pool2d(noisy.flatten(0, 1), 2)
        noisy = functional.interpolate(small, scale_factor=2, mode="bilinear").view_as(noisy)
    strength = 12 * (torch.rand(len(clips), 1, 1, 1, 1) < 0.5) * torch.rand(len(clips), 1, 1, 1, 1)
    return (noisy + strength * torch.randn_like(noisy)).round().clamp(0, 255).byte()


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
