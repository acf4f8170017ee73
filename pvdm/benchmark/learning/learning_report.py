"""The results of `pvdm benchmark learning` as a table, a comparison and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from einops import rearrange
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from pvdm.evaluation.metrics.appearance import INTERVAL

SHOWN, FRAMES, MARGIN, LINE, SCALE = 6, 4, 8, 18, 2
HEAD = (
    *("recipe", "updates", "PSNR", "SSIM", "sharpness", "grid", "one step at 0", "appearance-motion", "motion"),
    *("flicker", "diversity", "nearest", "64 frames: appearance-motion", "motion", "flicker", "seams"),
)
OF_SAMPLES = ("motion", "flicker", "diversity", "nearest")

Runs = Sequence[Mapping[str, Any]]


def comparison(runs: Runs) -> dict[str, Any]:
    """The appearance-motion of each later recipe over the first one's, with the 95 % interval of a paired bootstrap.

    Means over the seeds on both sides; by recipe, of `samples` and of `extension`.
    """
    names = list(dict.fromkeys(run["recipe"] for run in runs if "samples" in run))
    return {name: {part: _ratio(runs, name, names[0], part) for part in ("samples", "extension")} for name in names[1:]}


def _ratio(runs: Runs, name: str, base: str, part: str) -> dict[str, Any]:
    draws, values = {}, {}
    for recipe in (name, base):
        own = [run for run in runs if run["recipe"] == recipe]
        draws[recipe] = _mean_draws(own, part)
        values[recipe] = np.mean([run[part]["appearance_motion"] for run in own])
    low, high = np.nanpercentile(draws[name] / draws[base], INTERVAL)
    return {"over": base, "ratio": float(values[name] / values[base]), "interval": [float(low), float(high)]}


def table(runs: Runs, compared: Mapping[str, Any], beside: Mapping[str, Any]) -> str:
    """Markdown: a row for each recipe, the means over its seeds; the cosine transform; the comparison."""
    rows = [HEAD, ("---",) * len(HEAD)]
    for name in dict.fromkeys(run["recipe"] for run in runs):
        rows.append(_row(name, [run for run in runs if run["recipe"] == name]))
    transforms = {run["latent_values"]: run["cosine_transform"] for run in runs}
    lines = {f"cosine transform, {values:,} values": psnr for values, psnr in transforms.items()}
    lines |= {f"linear code of {run['recipe']}": run["linear_code"] for run in runs if run["linear_code"] is not None}
    rows += [(name, "", f"{psnr:.2f}", *[""] * (len(HEAD) - 3)) for name, psnr in lines.items()]
    text = ["| " + " | ".join(row) + " |" for row in rows]
    floors = (beside["floors"] or {}).get("appearance_motion")
    real = f"{floors:.3f}" if floors is not None else "unknown"
    frozen = beside["frozen_real"]["appearance_motion"]
    notes = [f"Appearance-motion of real clips against other real ones: {real}; of frozen real clips: {frozen:.3f}."]
    notes += [
        f"{name} over {found['over']}, {part}: {found['ratio']:.2f} [{found['interval'][0]:.2f}, "
        f"{found['interval'][1]:.2f}]."
        for name, parts in compared.items()
        for part, found in parts.items()
    ]
    return "\n".join([*text, "", *notes]) + "\n"


def _row(name: str, runs: Runs) -> tuple[str, ...]:
    """Means over the seeds of a recipe."""
    updates = " + ".join(f"{np.mean([run['stages'][i]['updates'] for run in runs]):.0f}" for i in _stages(runs))
    found = [_mean(runs, "reconstruction", key) for key in ("psnr", "ssim", "sharpness", "grid")]
    seeds = f" ({len(runs)} seeds)" if len(runs) > 1 else ""
    if "samples" not in runs[0]:
        return (f"{name}{seeds}", updates, *found, *[""] * (len(HEAD) - 6))
    return (
        f"{name}{seeds}",
        updates,
        *found,
        _mean(runs, "one_step", "+0"),
        _with_interval(runs, "samples"),
        *(_mean(runs, "samples", key) for key in OF_SAMPLES),
        _with_interval(runs, "extension"),
        *(_mean(runs, "extension", key) for key in ("motion", "flicker", "seams")),
    )


def _stages(runs: Runs) -> range:
    return range(len(runs[0]["stages"]))


def _mean(runs: Runs, part: str, key: str) -> str:
    values = [run[part][key] for run in runs]
    return "-" if None in values else f"{np.mean(values):.{2 if key in ('psnr', '+0') else 3}f}"


def _with_interval(runs: Runs, part: str) -> str:
    """The mean over the seeds, with the interval of the mean."""
    low, high = np.nanpercentile(
        np.mean(np.array([run[part]["draws"] for run in runs], dtype=float), axis=0), (2.5, 97.5)
    )
    return f"{_mean(runs, part, 'appearance_motion')} [{low:.3f}, {high:.3f}]"


def _mean_draws(runs: Runs, part: str) -> np.ndarray:
    """The bootstrap's draws of the mean over the seeds."""
    return np.mean(np.array([run[part]["draws"] for run in runs], dtype=np.float64), axis=0)


def strip(rows: Sequence[tuple[str, Tensor]]) -> Image.Image:
    """Frames of the first clips (n, 3, t, h, w) uint8 of each row, below its title; equal seeds below each other."""
    pictures = [(title, _frames(clips)) for title, clips in rows]
    width, height = max(p.shape[1] for _, p in pictures), sum(p.shape[0] + LINE + MARGIN for _, p in pictures)
    sheet = Image.new("RGB", (width + 2 * MARGIN, height + MARGIN), (255, 255, 255))
    draw, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(12), MARGIN
    for title, picture in pictures:
        draw.text((MARGIN, top), title, (20, 20, 20), font=font)
        sheet.paste(Image.fromarray(picture), (MARGIN, top + LINE))
        top += picture.shape[0] + LINE + MARGIN
    return sheet


def _frames(clips: Tensor) -> np.ndarray:
    """(h, w, 3) uint8: evenly spaced frames of clips side by side, enlarged, a white gap after each clip."""
    chosen = np.linspace(0, clips.shape[2] - 1, FRAMES).round().astype(int)
    strips = rearrange(clips[:SHOWN, :, chosen].numpy(), "b c t h w -> b h (t w) c")
    strips = strips.repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    gaps = np.full_like(strips[:, :, :MARGIN], 255)
    return rearrange(np.concatenate([strips, gaps], axis=2), "b h w c -> h (b w) c")
