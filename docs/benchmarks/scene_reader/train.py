"""Trains the networks that read scenes, in less than 10 minutes on one core, and writes them with their digest.

OMP_NUM_THREADS=1 python docs/benchmarks/scene_reader/train.py pvdm/evaluation/scene_reading/scene_reader.safetensors

Training scenes have a seed of their own. The recognizer and the follower learn from the masks that the painter finds.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, smooth_l1_loss

from pvdm.data.scenes import DIRECTIONS, scene
from pvdm.data.scenes.scene_facts import facts_of
from pvdm.evaluation.scene_reading.body_views import GLANCES, crops_of, glances_of, track_of
from pvdm.evaluation.scene_reading.scene_networks import COLOR_NAMES, MIRRORED, REVERSED, SHAPE_NAMES
from pvdm.evaluation.scene_reading.scene_reader import FRAMES, LEAST, SIDE, SceneReader
from pvdm.files.weights import sha256_of

SEED, CLIPS = 1_000_003, 3600
BODIES = (None, 1, 2)
PAINTER, RECOGNIZER, FOLLOWER = 4000, 1600, 3000
"""Updates of each network."""

logger = logging.getLogger(__name__)


@dataclass
class Scenes:
    """Clips (n, 16, 64, 64, 3), the colors of their bodies (n, 16, 64, 64), and a row for each body."""

    clips: np.ndarray
    colors: np.ndarray
    bodies: list[dict]


def render_all() -> Scenes:
    """The training scenes."""
    clips = np.zeros((CLIPS, FRAMES, SIDE, SIDE, 3), np.uint8)
    colors, bodies = np.zeros(clips.shape[:-1], np.uint8), []
    for number in range(CLIPS):
        made = scene(SEED, number, start=number * 37 % 85, bodies=BODIES[number // 5 % 3])
        clips[number], segments = made.frames, made.segments()
        for index, body in enumerate(made.world.bodies, 1):
            mask = segments == index
            if not mask.any():
                continue
            camera = made.world.camera
            facts = facts_of(body, mask, camera, made.times)
            way, poses = np.diff(body.positions(made.times)[[0, -1]], axis=0)[0], camera.poses(made.times[8:9])
            color = COLOR_NAMES.index(facts.color)
            colors[number][mask] = 1 + color
            direction = DIRECTIONS.index(facts.direction)
            known = {"clip": number, "color": color, "shape": SHAPE_NAMES.index(facts.shape), "direction": direction}
            bodies.append({**known, "clear": facts.is_clear, "way": (way @ poses.right[0], way @ poses.forward[0])})
    return Scenes(clips, colors, bodies)


def pixels(clips: np.ndarray) -> Tensor:
    """(..., h, w, 3) uint8 as (..., 3, h, w) in [-1, 1]."""
    return torch.from_numpy(np.moveaxis(clips, -1, -3).copy()).float() / 127.5 - 1


def noisy(frames: Tensor, random: torch.Generator) -> Tensor:
    """With noise of random strength."""
    strength = torch.rand(len(frames), *[1] * (frames.ndim - 1), generator=random)
    return frames + 0.03 * strength * torch.randn(frames.shape, generator=random)


def train(network: nn.Module, updates: int, rate: float, loss_of: Callable[[], Tensor]) -> None:
    """Trains a network by a loss that draws its own batch."""
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-2, betas=(0.9, 0.98))
    network.train()
    recent = []
    for update in range(updates):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, update / 100) * (1 - update / updates) + 1e-5
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recent.append(loss.item())
        if update % 400 == 399:
            logger.info("%6d %.4f %5.0f s", update + 1, np.mean(recent[-200:]), time.process_time())
    network.eval()


def train_painter(reader: SceneReader, scenes: Scenes, random: torch.Generator) -> None:
    """On single frames."""
    weight = torch.full((1 + len(COLOR_NAMES),), 2.0)
    weight[0] = 1

    def loss_of() -> Tensor:
        clip, frame = (torch.randint(n, (16,), generator=random).numpy() for n in (CLIPS, FRAMES))
        frames, colors = noisy(pixels(scenes.clips[clip, frame]), random), torch.from_numpy(scenes.colors[clip, frame])
        if torch.rand((), generator=random) < 0.5:
            frames, colors = frames.flip(-1), colors.flip(-1)
        logits = reader.painter(frames.contiguous(memory_format=torch.channels_last))
        return cross_entropy(logits, colors.long(), weight=weight)

    train(reader.painter, PAINTER, 6e-3, loss_of)


@torch.inference_mode()
def paint(reader: SceneReader, scenes: Scenes) -> tuple[np.ndarray, list[dict]]:
    """The colors that the painter finds, and a row for each body that it finds: the true one that covers it most."""
    found = np.stack([reader.painter(pixels(clip)).argmax(1).numpy().astype(np.uint8) for clip in scenes.clips])
    known = {(body["clip"], 1 + body["color"]): body for body in scenes.bodies}
    rows = []
    for number, painted in enumerate(found):
        for color in np.flatnonzero(np.bincount(painted.ravel(), minlength=11) >= LEAST * FRAMES):
            there = np.bincount(scenes.colors[number][painted == color], minlength=11)
            if color and there.argmax() and there.max() > 0.5 * there.sum():
                rows.append({**known[number, there.argmax()], "painted": color})
    return found, rows


def columns(rows: list[dict], *names: str) -> list[Tensor]:
    """Values of all rows by their names."""
    return [torch.from_numpy(np.array([row[name] for row in rows])) for name in names]


def train_recognizer(reader: SceneReader, scenes: Scenes, painted: np.ndarray, rows: list[dict], random) -> None:
    """On pictures around bodies in single frames."""
    clips, own, colors, shapes = columns(rows, "clip", "painted", "color", "shape")

    def loss_of() -> Tensor:
        some, frame = torch.randint(len(rows), (64,), generator=random), torch.randint(16, (64,), generator=random)
        masks = torch.from_numpy(painted[clips[some], frame]) == own[some, None, None]
        some, frame, masks = (value[masks.sum((1, 2)) > 8] for value in (some, frame, masks))
        crops = crops_of(noisy(pixels(scenes.clips[clips[some], frame]), random), masks.float())
        if torch.rand((), generator=random) < 0.5:
            crops = crops.flip(-1)
        color, shape = reader.recognizer(crops.contiguous(memory_format=torch.channels_last))
        return cross_entropy(color, colors[some]) + cross_entropy(shape, shapes[some])

    train(reader.recognizer, RECOGNIZER, 6e-3, loss_of)


def train_follower(reader: SceneReader, scenes: Scenes, painted: np.ndarray, rows: list[dict], random) -> None:
    """On whole clips, mirrored and backwards as well."""
    clips, own, directions, ways, clear = columns(rows, "clip", "painted", "direction", "way", "clear")
    ways, weights = ways.float(), 0.3 + 0.7 * clear.float()
    gray = scenes.clips.mean(-1, dtype=np.float32).round().astype(np.uint8)
    mirrored, backwards = torch.tensor(MIRRORED), torch.tensor(REVERSED)

    def loss_of() -> Tensor:
        some = torch.randint(len(rows), (64,), generator=random)
        masks = (torch.from_numpy(painted[clips[some]]) == own[some, None, None, None]).float()
        frames = torch.from_numpy(gray[clips[some]]).float()
        aims, way = directions[some], ways[some]
        if torch.rand((), generator=random) < 0.5:
            masks, frames, aims, way = masks.flip(-1), frames.flip(-1), mirrored[aims], way * torch.tensor([-1.0, 1.0])
        if torch.rand((), generator=random) < 0.5:
            masks, frames, aims, way = masks.flip(1), frames.flip(1), backwards[aims], -way
        glances = glances_of(frames[:, :, None], masks)
        pictures = noisy(glances[:, : len(GLANCES)] / 127.5 - 1, random)
        direction, moved = reader.follower(torch.cat([pictures, glances[:, len(GLANCES) :]], dim=1), track_of(masks))
        loss = (weights[some] * cross_entropy(direction, aims, reduction="none")).mean()
        return loss + smooth_l1_loss(moved, way)

    train(reader.follower, FOLLOWER, 4e-3, loss_of)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(0)
    reader = SceneReader().to(memory_format=torch.channels_last)
    logger.info("%d parameters", sum(value.numel() for value in reader.parameters()))
    scenes = render_all()
    logger.info("%d clips %.0f s", len(scenes.clips), time.process_time())
    train_painter(reader, scenes, random)
    painted, rows = paint(reader, scenes)
    logger.info("%d bodies %.0f s", len(rows), time.process_time())
    train_recognizer(reader, scenes, painted, rows, random)
    train_follower(reader, scenes, painted, rows, random)
    state = {
        name: value.half().contiguous() for name, value in reader.state_dict().items() if value.is_floating_point()
    }
    save_file(state, sys.argv[1])
    logger.info("%s %.0f s", sha256_of(sys.argv[1]), time.process_time())


if __name__ == "__main__":
    main()
