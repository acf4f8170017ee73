"""Tone mapping: PQ and HLG pixels to the range and colors of ordinary video (BT.709)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc

PQ, HLG = int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)
TRANSFERS = (PQ, HLG)
PEAK = 1000.0  # cd/m2 of the display that HLG is defined for and most PQ is graded on
WHITE = 203.0  # cd/m2 of diffuse white, ITU-R BT.2408
GAMMA = 2.4  # of an ordinary display, ITU-R BT.1886
LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020's red, green and blue
TO_BT709 = {
    int(ColorPrimaries.BT2020): np.array(
        [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]],
        np.float32,
    ),
    int(ColorPrimaries.SMPTE432): np.array(
        [[1.224940, -0.224940, 0.0], [-0.042057, 1.042057, 0.0], [-0.019638, -0.078636, 1.098274]], np.float32
    ),
}
"""From linear light in BT.2020 and Display P3; other primaries are not converted."""


def to_sdr(pixels: np.ndarray, transfer: int, primaries: int) -> np.ndarray:
    """pixels: (h, w, 3) uint16 RGB in full range, encoded by PQ or HLG -> (h, w, 3) uint8, BT.709.

    Light up to about 95 cd/m2 is unchanged; brighter light is compressed towards white by the curve of BT.2390.
    """
    light = _light(transfer)[pixels]
    if transfer == HLG:
        light *= PEAK * np.maximum(light @ LUMINANCE, 1e-6)[..., None] ** np.float32(0.2)  # BT.2100's system gamma
    light *= _roll_off(light.max(axis=-1))[..., None] / np.float32(WHITE)
    if primaries in TO_BT709:
        light = light @ TO_BT709[primaries].T
    return (light.clip(0, 1) ** np.float32(1 / GAMMA) * 255 + 0.5).astype(np.uint8)


@lru_cache
def _light(transfer: int) -> np.ndarray:
    """(65536,) float32: the light of each code value, in cd/m2 (PQ) or relative to the scene, 0 to 1 (HLG)."""
    code = np.linspace(0, 1, 1 << 16)
    return (pq_light(code) if transfer == PQ else hlg_light(code)).astype(np.float32)


def pq_light(code: np.ndarray) -> np.ndarray:
    """[0, 1] -> cd/m2; the EOTF of SMPTE ST 2084."""
    root = code ** (1 / 78.84375)
    return 10_000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)


def pq_code(light: np.ndarray) -> np.ndarray:
    """cd/m2 -> [0, 1], the inverse of `pq_light`."""
    power = (light / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg_light(code: np.ndarray) -> np.ndarray:
    """[0, 1] -> the scene's light in [0, 1]; the inverse OETF of BT.2100."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)


def _roll_off(light: np.ndarray) -> np.ndarray:
    """The factor in (0, 1] by which light of this luminance, in cd/m2, is dimmed; float32."""
    luminances, factors = _roll_off_table()
    return np.interp(light, luminances, factors).astype(np.float32)


@lru_cache
def _roll_off_table() -> tuple[np.ndarray, np.ndarray]:
    """(luminances, factors): the EETF of ITU-R BT.2390, section 5.4.1, from `PEAK` to `WHITE`."""
    codes = np.linspace(0, 1, 4096)
    luminances = pq_light(codes)
    code = np.minimum(codes / pq_code(PEAK), 1)
    top = pq_code(WHITE) / pq_code(PEAK)
    knee = 1.5 * top - 0.5
    t = (code - knee) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * top
    mapped = pq_light(np.where(code < knee, code, spline) * pq_code(PEAK))
    return luminances, np.divide(mapped, luminances, out=np.ones_like(mapped), where=luminances > 0)
