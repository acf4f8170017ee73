"""The BCH code (63, 16), which corrects any 11 wrong bits of 63."""

from __future__ import annotations

from functools import cache

import numpy as np

DATA_BITS, CODE_BITS, CORRECTED = 16, 63, 11
FIELD_POLYNOMIAL = 0b1000011
"""x^6 + x + 1, whose root generates GF(64)."""


@cache
def codewords() -> np.ndarray:
    """(65536, 63) int8: the code of each payload as signs, 1 for a bit 0 and -1 for a bit 1; any two differ in 23."""
    generator = _generator()
    rows = np.zeros((DATA_BITS, CODE_BITS), np.uint8)
    for bit in range(DATA_BITS):
        rows[bit, bit : bit + len(generator)] = generator
    payloads = np.arange(1 << DATA_BITS)[:, None] >> np.arange(DATA_BITS) & 1
    return (1 - 2 * (payloads.astype(np.uint8) @ rows % 2).astype(np.int8)).astype(np.int8)


def _generator() -> list[int]:
    """The product of (x - root) over alpha^1 ... alpha^22 and their conjugates; coefficients from that of x^0 on."""
    powers = [1]
    while len(powers) < CODE_BITS:
        doubled = powers[-1] << 1
        powers.append(doubled ^ FIELD_POLYNOMIAL if doubled & 64 else doubled)
    logs = {value: exponent for exponent, value in enumerate(powers)}
    roots = {exponent * 2**conjugate % CODE_BITS for exponent in range(1, 2 * CORRECTED + 1) for conjugate in range(6)}
    polynomial = [1]
    for root in sorted(roots):
        product = [0, *polynomial]
        for place, value in enumerate(polynomial):
            product[place] ^= powers[(logs[value] + root) % CODE_BITS] if value else 0
        polynomial = product
    return polynomial
