"""The sound of a scene: a click at each impact, at its exact time."""

from __future__ import annotations

import numpy as np

from pvdm.data.scenes.world import Body, World

RINGING = {"matt": 0.018, "glossy": 0.035, "metallic": 0.16}
"""Seconds in which a click fades to 1/e, by the finish of the body."""

PARTIALS = ((1.0, 1.0), (2.76, 0.45), (5.4, 0.2))
"""Frequency and strength of the tones of a struck body, those of a bar."""

LOUDEST, AT_SPEED = 0.22, 5.5
"""Strength of a click at this speed (metres per second) and above; four at once stay within [-1, 1]."""


def waveform(world: World, start: float, count: int, rate: float) -> np.ndarray:
    """(count,) float32 in [-1, 1], mono: the sound from `start` (seconds) on, at `rate` samples per second.

    Clips that follow each other join: a sample depends on its time alone.
    """
    times = start + np.arange(count) / rate
    sound = np.zeros(count)
    for body in world.bodies:
        for moment, speed in zip(*body.motion.impacts, strict=True):
            sound += LOUDEST * min(1.0, speed / AT_SPEED) * _click(body, times - moment)
    return sound.astype(np.float32)


def _click(body: Body, since: np.ndarray) -> np.ndarray:
    """The sound of an impact, by the seconds since it; smaller bodies sound higher."""
    tone, fade = 240 / body.scale, RINGING[body.surface.finish]
    after = np.maximum(since, 0)
    loudness = np.exp(-after / fade) * np.minimum(1, after / 0.0005)
    waves = sum(strength * np.sin(2 * np.pi * ratio * tone * after) for ratio, strength in PARTIALS)
    return loudness * waves / sum(strength for _, strength in PARTIALS)
