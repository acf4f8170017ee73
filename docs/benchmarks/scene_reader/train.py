"""Trains the networks that read scenes, in less than 15 minutes on one core, and writes them with their digest.

OMP_NUM_THREADS=1 python docs/benchmarks/scene_reader/train.py pvdm/evaluation/scene_reading/scene_reader.safetensors

Training scenes have seeds of their own. The recognizer and the follower learn from the masks that the painter finds.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, smooth_l1_loss

from pvdm.data.scenes import DIRECTIONS, RenderedScene, scene
from pvdm.data.scenes.scene_facts import facts_of
from pvdm.evaluation.scene_reading.body_views import GLANCES, changed, crops_of, glances_of, track_of
from pvdm.evaluation.scene_reading.scene_networks import COLOR_NAMES, MIRRORED, REVERSED, SHAPE_NAMES
from pvdm.evaluation.scene_reading.scene_reader import FRAMES, LEAST, SIDE, SceneReader, bodies_in
from pvdm.files.weights import sha256_of

SEED, CLIPS, STILLS = 1_000_003, 3600, 8000
"""Stills, clips of one frame, have the next seed: they show more bodies for the same time."""

BODIES = (None, 1, 2)
PAINTER, RECOGNIZER, FOLLOWER = 4000, 2800, 3500
"""Updates of each network."""

logger = logging.getLogger(__name__)


@dataclass
class Scenes:
    """Clips (n, t, 64, 64, 3), the colors of their bodies (n, t, 64, 64), and a row for each body."""

    clips: np.ndarray
    colors: np.ndarray
    bodies: list[dict]


@dataclass
class Painted:
    """Bodies that the painter finds: their rows, pictures (m, 4, 32, 32) and whose they are; of clips, also more."""

    rows: list[dict]
    crops: Tensor
    owners: Tensor
    glances: Tensor
    tracks: Tensor


def render_all(seed: int, count: int, frames: int, bodies: Sequence[int | None]) -> Scenes:
    """The training scenes."""
    clips = np.zeros((count, frames, SIDE, SIDE, 3), np.uint8)
    scenes = Scenes(clips, np.zeros(clips.shape[:-1], np.uint8), [])
    for number in range(count):
        made = scene(seed, number, frames=frames, start=number * 37 % 85, bodies=bodies[number // 5 % len(bodies)])
        clips[number] = made.frames
        add_bodies(scenes, number, made)
    return scenes


def add_bodies(scenes: Scenes, number: int, made: RenderedScene) -> None:
    """Notes what is known of each body that is seen in a clip."""
    segments, camera = made.segments(), made.world.camera
    poses = camera.poses(made.times[len(made.times) // 2 :][:1])
    for index, body in enumerate(made.world.bodies, 1):
        mask = segments == index
        if not mask.any():
            continue
        facts = facts_of(body, mask, camera, made.times)
        color, shape = COLOR_NAMES.index(facts.color), SHAPE_NAMES.index(facts.shape)
        scenes.colors[number][mask] = 1 + color
        way = body.positions(made.times)
        way = (way - way.mean(axis=0)) @ np.stack([poses.right[0], (0, 1, 0), poses.forward[0]], axis=1)
        known = {"direction": DIRECTIONS.index(facts.direction), "way": way.astype(np.float32)}
        scenes.bodies.append({"clip": number, "color": color, "shape": shape, **known})


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
def paint(reader: SceneReader, scenes: Scenes) -> Painted:
    """Each body that the painter finds, as the true one that covers it most."""
    known = {(body["clip"], 1 + body["color"]): body for body in scenes.bodies}
    rows, crops, owners, glances, tracks = [], [], [], [], []
    for number, clip in enumerate(scenes.clips):
        frames = pixels(clip)
        for mask in bodies_in(reader.painter(frames)):
            there = np.bincount(scenes.colors[number][mask.numpy() > 0.5], minlength=11)
            some = [frame for frame in (GLANCES if len(clip) > 1 else (0,)) if mask[frame].sum() > LEAST / 2]
            if not (some and there.argmax() and there.max() > 0.5 * there.sum()):
                continue
            crops.append(crops_of(frames[some], mask[some]).half())
            owners += len(some) * [len(rows)]
            rows.append(known[number, there.argmax()])
            if len(clip) > 1:
                glances.append(glances_of(frames[None], mask[None]).half())
                tracks.append(track_of(mask[None]))
    empty = [torch.zeros(0)]
    return Painted(
        rows, torch.cat(crops), torch.tensor(owners), torch.cat(glances or empty), torch.cat(tracks or empty)
    )


def train_recognizer(reader: SceneReader, parts: Sequence[Painted], random: torch.Generator) -> None:
    """On pictures around bodies in single frames."""
    crops = torch.cat([part.crops for part in parts])
    owners = [part.rows[owner] for part in parts for owner in part.owners]
    colors, shapes = (torch.tensor([row[name] for row in owners]) for name in ("color", "shape"))

    def loss_of() -> Tensor:
        some = torch.randint(len(crops), (64,), generator=random)
        pictures = crops[some].float()
        pictures = torch.cat([noisy(pictures[:, :3], random), pictures[:, 3:]], dim=1)
        if torch.rand((), generator=random) < 0.5:
            pictures = pictures.flip(-1)
        color, shape = reader.recognizer(pictures.contiguous(memory_format=torch.channels_last))
        return cross_entropy(color, colors[some]) + cross_entropy(shape, shapes[some])

    train(reader.recognizer, RECOGNIZER, 6e-3, loss_of)


def train_follower(reader: SceneReader, clips: Painted, random: torch.Generator) -> None:
    """On whole clips, mirrored and backwards as well."""
    directions = torch.tensor([row["direction"] for row in clips.rows])
    ways = torch.from_numpy(np.stack([row["way"] for row in clips.rows]))
    names = {"mirrored": torch.tensor(MIRRORED), "backwards": torch.tensor(REVERSED)}

    def loss_of() -> Tensor:
        some = torch.randint(len(clips.rows), (64,), generator=random)
        aims, way = directions[some], ways[some]
        turned = {name: bool(torch.rand((), generator=random) < 0.5) for name in names}
        for name in (name for name in names if turned[name]):
            aims = names[name][aims]
        way = way * torch.tensor([-1.0, 1, 1]) if turned["mirrored"] else way
        way = way.flip(1) if turned["backwards"] else way
        glances, track = changed(clips.glances[some].float(), clips.tracks[some], **turned)
        found, moved = reader.follower(glances, track)
        return cross_entropy(found, aims) + smooth_l1_loss(moved, way, beta=0.05)

    train(reader.follower, FOLLOWER, 4e-3, loss_of)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    reader = SceneReader().to(memory_format=torch.channels_last)
    logger.info("%d parameters", sum(value.numel() for value in reader.parameters()))
    scenes = [render_all(SEED, CLIPS, FRAMES, BODIES), render_all(SEED + 1, STILLS, 1, (None,))]
    logger.info("rendered %.0f s", time.process_time())
    train_painter(reader, scenes[0], torch.Generator().manual_seed(0))
    painted = [paint(reader, each) for each in scenes]
    logger.info("painted %.0f s", time.process_time())
    train_recognizer(reader, painted, torch.Generator().manual_seed(0))
    train_follower(reader, painted[0], torch.Generator().manual_seed(0))
    state = {
        name: value.half().contiguous() for name, value in reader.state_dict().items() if value.is_floating_point()
    }
    save_file(state, sys.argv[1])
    logger.info("%s %.0f s", sha256_of(sys.argv[1]), time.process_time())


if __name__ == "__main__":
    main()
