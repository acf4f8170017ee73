"""Pairs of videos for a blind comparison: nothing that a voter sees tells where a video comes from."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing
from pvdm.files.web_page import page_data, page_parts, page_templates
from pvdm.video import write_video

TEMPLATES = Path(__file__).with_name("templates")
FORMAT = "pvdm-blind-pairs"
KEY, PAGE, PAIRS = "key.json", "index.html", "pairs"
SIDES = ("left", "right")


class Pair(NamedTuple):
    """One comparison: its number from 1, the sources of the videos on both sides, and which sample of each it is."""

    number: int
    left: str
    right: str
    sample: int


def write_pairs(
    folder: Path, samples: Mapping[str, Sequence[Tensor]], *, fps: float, question: str, seed: int = 0
) -> list[Pair]:
    """Writes `index.html`, `pairs/0001-left.mp4` and so on, and `key.json`, which alone knows the sources.

    Sample i of each source meets sample i of each other one, see `draw_pairs`.

    Args:
        folder: An existing folder.
        samples: By source, as many videos (3, t, h, w) uint8 of each, all of one size and length.
        fps: Frames per second.
        question: What a voter is asked.
    """
    pairs = draw_pairs(list(samples), min(map(len, samples.values())), seed)
    with replacing(folder / PAIRS, overwrite=True) as videos:
        videos.mkdir()
        for pair in pairs:
            for side in SIDES:
                name = video_name(pair.number, side)
                write_video(videos / name, samples[getattr(pair, side)][pair.sample], fps=fps)
    content = {"format": FORMAT, "sources": list(samples), "seed": seed, "pairs": [pair._asdict() for pair in pairs]}
    with replacing(folder / KEY, overwrite=True) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    with replacing(folder / PAGE, overwrite=True) as temporary:
        temporary.write_text(_page([pair.number for pair in pairs], question), encoding="utf-8")
    return pairs


def video_name(number: int, side: str) -> str:
    """The name of a video in the folder of pairs."""
    return f"{number:04d}-{side}.mp4"


def read_key(folder: Path) -> tuple[list[str], list[Pair]]:
    """The sources and the pairs of a folder; InputError if there are none."""
    try:
        content = json.loads((folder / KEY).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise KeyError("format")
        return content["sources"], [Pair(**pair) for pair in content["pairs"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder} holds no comparison", "give the output of pvdm curate compare") from error


def draw_pairs(sources: Sequence[str], count: int, seed: int) -> list[Pair]:
    """`count` pairs of each two sources in an order by chance; each is on the left in half of them, by chance which."""
    random = np.random.default_rng(seed)
    pairs = []
    for one, other in itertools.combinations(sources, 2):
        is_swapped = random.permutation(count) < (count + random.integers(2)) // 2
        pairs += [(other, one, i) if swapped else (one, other, i) for i, swapped in enumerate(is_swapped)]
    return [Pair(number, *pairs[place]) for number, place in enumerate(random.permutation(len(pairs)), 1)]


def _page(numbers: Sequence[int], question: str) -> str:
    parts = page_parts(TEMPLATES, scripts=["vote.js"], allowed="connect-src 'self'")
    return (
        page_templates(TEMPLATES)
        .get_template("page.html")
        .render(question=question, content=page_data({"pairs": list(numbers)}), **parts)
    )
