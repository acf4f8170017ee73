"""`--energy`: what generating takes, in all and for a minute of video."""

from __future__ import annotations

import argparse
import logging
import os
from typing import TYPE_CHECKING, Any

from pvdm.cli_parser import finite
from pvdm.errors import InputError
from pvdm.runtime.energy.carbon import carbon_of
from pvdm.runtime.energy.meter import Energy, EnergyMeter, watt_hours

if TYPE_CHECKING:
    import torch

    from pvdm.runtime.processes import Processes

logger = logging.getLogger(__name__)


def add_energy(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--energy",
        action="store_true",
        help="measure the energy of the work, without loading the model: of GPUs by the driver's counter, of the CPU "
        "by its counters if they can be read, else as an estimate",
    )
    parser.add_argument(
        "--energy-country",
        metavar="CODE",
        help="country whose electricity is used, by three letters as in DEU, for grams of CO2 (pvdm[energy])",
    )
    parser.add_argument(
        "--energy-watts",
        type=watts,
        metavar="WATTS",
        help="watts of a busy core of the CPU, for an estimate instead of its counters; without counters 12 by default",
    )


def watts(text: str) -> float:
    """A power above 0."""
    number = finite(text)
    if number <= 0:
        raise InputError(f"{text} is not a power", "give the watts of a busy core, above 0")
    return number


class MeasuredEnergy:
    """The energy between `start` and `read`, of all processes, if the options ask for it.

    The constructor refuses an unknown country.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.is_wanted = bool(options.energy or options.energy_country or options.energy_watts)
        self._watts = options.energy_watts
        self._carbon = carbon_of(options.energy_country) if options.energy_country else None
        self._meter: EnergyMeter | None = None

    def start(self, device: torch.device) -> None:
        if self.is_wanted:
            is_first = os.environ.get("LOCAL_RANK", "0") == "0"
            self._meter = EnergyMeter([device], watts=self._watts, carbon=self._carbon, has_cpu=is_first)

    def read(self, shared: Processes, seconds: float) -> dict[str, Any] | None:
        """A record of the energy, which is logged; None if it is not wanted. All processes call it.

        seconds: Of video that all processes have made.
        """
        if self._meter is None:
            return None
        first, *others = shared.gather(self._meter.read())
        for other in others:
            first = Energy.beside(first, other)
        each = first.kwh / (seconds / 60)
        logger.info("energy: %s, and %s for a minute of video", first, watt_hours(each))
        return {**first.record(), "kwh_per_minute": each}
