"""Grams of CO2 of a kilowatt hour of electricity, by country, from the tables of codecarbon; no network."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

from pvdm.errors import InputError


@dataclass(frozen=True)
class Carbon:
    """How much CO2 the electricity of a country makes, as a mean of a year.

    Args:
        country: ISO 3166-1 alpha-3 code.
        grams: CO2 equivalent of a kilowatt hour.
        year: Of which it is the mean.
    """

    country: str
    grams: float
    year: int

    @property
    def note(self) -> str:
        return f"CO2: {self.country}, {self.grams:.0f} g for a kWh in {self.year}"


def carbon_of(country: str) -> Carbon:
    """InputError for an unknown country, or without the extra `energy`."""
    try:
        source = import_module("codecarbon.input").DataSource()
    except ImportError as error:
        raise InputError("the CO2 of a country needs codecarbon", "pip install 'pvdm[energy]'") from error
    known = source.get_global_energy_mix_data()
    code = country.upper()
    if code not in known:
        close = get_close_matches(code, known, n=1) or ["DEU"]
        raise InputError(f"{country} is not the code of a country", f"give three letters, as in {close[0]}")
    return Carbon(code, float(known[code]["carbon_intensity"]), int(known[code]["year"]))
