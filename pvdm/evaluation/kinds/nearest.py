"""Diversity and memorization: the nearest training clip to each sample in feature space."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pvdm.errors import InputError
from pvdm.evaluation.clips import ClipSource
from pvdm.evaluation.copies import FEWEST_HELD_OUT, WIDTH, Thumbnails, find_copies, too_few
from pvdm.evaluation.kinds.setting import Setting
from pvdm.evaluation.nearest import Pair, diversity, nearer_than_held_out, nearest
from pvdm.evaluation.results import Figure, Outcome

TRAINING, HELD_OUT = "training clips", "held-out clips"
LISTED = 16
"""Pairs of the smallest distance that a result lists."""


def measure(real: ClipSource, fake: ClipSource, setting: Setting) -> Outcome:
    """`diversity`, `copied_share`, `nearest_distance` and, where there are such clips, `nearer_than_held_out`.

    See the functions of these names in `pvdm.evaluation.nearest`, and of copies `pvdm.evaluation.copies`; the real
    clips are those that were trained on. Of held-out clips the distance is told as that of real ones, and the share of
    copies is the one that is expected of new clips. `pairs` are the nearest.
    """
    training = setting.real_features(real, TRAINING)
    rows = setting.rows(fake, lambda video: _features_and_thumbnails(video, setting), "generated clips")
    held = None if setting.held_out is None else setting.real_features(setting.held_out, HELD_OUT)
    found = rows[:, :-WIDTH]
    index, distance = nearest(found, training)
    usual = None if held is None else float(nearest(held, training)[1].mean())
    figures = {
        "diversity": Figure(diversity(found, training), "like real", real=1.0),
        "copied_share": _copied(real, rows[:, -WIDTH:], setting),
        "nearest_distance": Figure(float(distance.mean()), "like real", real=usual),
    }
    if held is not None:
        figures["nearer_than_held_out"] = Figure(nearer_than_held_out(found, held, training), "like real", real=0.5)
    return Outcome(figures, {"pairs": listed(real, fake, index, distance)})


def _features_and_thumbnails(video: Tensor, setting: Setting) -> Tensor:
    """(b, d + 768): both of clips that are sampled once."""
    return torch.cat([rows.cpu().double() for rows in (setting.detector(video), Thumbnails()(video))], dim=1)


def _copied(real: ClipSource, found: np.ndarray, setting: Setting) -> Figure:
    """The share of copies by thumbnails; without a value, and with the reason, where too few clips are held out."""
    held = setting.held_out
    if held is None or len(held) < FEWEST_HELD_OUT:
        return Figure(None, "lower", missing=too_few(0 if held is None else len(held)))
    sides = {TRAINING: real, HELD_OUT: held}
    training, new = (
        setting.real_features(side, f"thumbnails of {what}", detector=Thumbnails()) for what, side in sides.items()
    )
    try:
        copies = find_copies(found, training, new)
    except InputError as error:
        return Figure(None, "lower", missing=str(error))
    return Figure(copies.share, "lower", real=copies.expected, note=copies.note)


def listed(real: ClipSource, fake: ClipSource, index: np.ndarray, distance: np.ndarray) -> list[dict]:
    """The nearest pairs first: names, numbers in their sources, and distance."""
    pairs = [(n, int(index[n]), float(distance[n])) for n in np.argsort(distance, kind="stable")[:LISTED].tolist()]
    return [
        {
            "sample": fake.name(sample),
            "training": real.name(training),
            "distance": found,
            "sample_index": sample,
            "training_index": training,
        }
        for sample, training, found in pairs
    ]


def pairs(real: ClipSource, fake: ClipSource, found: list[dict]) -> list[Pair]:
    """The clips of listed pairs, for `pvdm.evaluation.nearest.pairs_picture`."""
    samples = fake.read([pair["sample_index"] for pair in found])
    training = real.read([pair["training_index"] for pair in found])
    triples = zip(samples, training, found, strict=True)
    return [Pair(a.video, b.video, a.name, b.name, pair["distance"]) for a, b, pair in triples]
