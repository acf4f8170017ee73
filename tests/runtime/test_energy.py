"""Energy by stand-ins of the driver's counter, of RAPL's files and of codecarbon, and by the estimate."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from pvdm.errors import InputError
from pvdm.runtime.energy import counters
from pvdm.runtime.energy.carbon import carbon_of
from pvdm.runtime.energy.counters import CpuCounter, CpuEstimate, cpu_counter, gpu_counter
from pvdm.runtime.energy.meter import NO_COUNTER, Energy, EnergyMeter, watt_hours

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


class NVMLError(Exception):
    """As NVML raises it."""


def nvml(millijoules: list[int], *, has_counter: bool = True) -> ModuleType:
    """A stand-in of the module pynvml: each reading of the counter takes the next value."""
    module = ModuleType("pynvml")
    readings = iter(millijoules)

    def read(handle: str) -> int:
        assert handle == "GPU-1234"
        if not has_counter:
            raise NVMLError
        return next(readings)

    module.NVMLError, module.nvmlInit = NVMLError, lambda: None
    module.nvmlDeviceGetHandleByUUID = lambda uuid: uuid
    module.nvmlDeviceGetTotalEnergyConsumption = read
    return module


@pytest.fixture
def gpu(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="1234"))


@pytest.fixture
def rapl(tmp_path) -> Path:
    """Two processors at 1 J and a part of the first, which is counted with it."""
    for name, kind in (("intel-rapl:0", "package-0"), ("intel-rapl:1", "package-1"), ("intel-rapl:0:0", "core")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(f"{kind}\n")
        (tmp_path / name / "energy_uj").write_text("1000000\n")
        (tmp_path / name / "max_energy_range_uj").write_text("9999999\n")
    return tmp_path


def test_the_drivers_counter_is_in_millijoules(gpu, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml([1000, 2000, 9500]))
    found = EnergyMeter([CUDA], watts=0)
    energy = found.read()
    assert energy.gpu == pytest.approx(7.5) and energy.cpu == 0 and energy.kwh == pytest.approx(7.5 / 3.6e6)
    assert energy.notes == ("CPU: an estimate, 0 W for each busy core", "GPU: the driver's counter (NVML)")


def test_a_gpu_without_counter_is_said_not_to_be_measured(gpu, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml([], has_counter=False))
    assert gpu_counter([CUDA]) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)  # not installed
    energy = EnergyMeter([CUDA]).read()
    assert energy.gpu is None and NO_COUNTER in energy.notes and energy.record()["gpu_kwh"] is None
    assert EnergyMeter([CPU]).read().gpu == 0


def test_rapl_counts_processors_and_survives_the_end_of_their_range(rapl):
    counter = CpuCounter(rapl)
    (rapl / "intel-rapl:0" / "energy_uj").write_text("3000000")
    (rapl / "intel-rapl:0:0" / "energy_uj").write_text("3000000")
    assert counter.joules() == pytest.approx(2)
    (rapl / "intel-rapl:1" / "energy_uj").write_text("500000")  # from 1 J to 10 J, and to 0.5 J
    assert counter.joules() == pytest.approx(2 + 9.5)


def test_counters_are_preferred_to_an_estimate_unless_watts_are_given(rapl, tmp_path, monkeypatch):
    monkeypatch.setattr(counters, "POWERCAP", rapl)
    assert isinstance(cpu_counter(), CpuCounter) and isinstance(cpu_counter(5), CpuEstimate)
    assert EnergyMeter(has_cpu=False).read().notes == ()  # another process of this machine counts them
    monkeypatch.setattr(counters, "POWERCAP", tmp_path / "none")
    assert isinstance(cpu_counter(), CpuEstimate)


def test_the_estimate_is_cpu_seconds_times_watts():
    counter = CpuEstimate(10)
    start, spent = counter.joules(), time.process_time()
    while time.process_time() - spent < 0.05:
        pass
    assert counter.joules() - start == pytest.approx(0.5, rel=0.5)


def test_energies_add_up_and_what_is_unknown_stays_unknown():
    a = Energy(10, cpu=3.6e6, gpu=7.2e6, co2=5, notes=("x",))
    b = Energy(20, cpu=3.6e6, gpu=None, co2=1, notes=("x", "y"))
    both = a + b
    assert both == Energy(30, 7.2e6, None, 6, ("x", "y")) and both.kwh == 2
    assert a.beside(b).seconds == 20 and Energy() + a == a
    assert Energy.of_record(a.record()) == a and a.record()["kwh"] == 3
    assert str(a) == "3 kWh, 5 g of CO2 (x)" and str(Energy(cpu=36, co2=None, notes=("y",))) == "10 mWh (y)"
    assert [*map(watt_hours, (2, 0.5, 0.0001))] == ["2 kWh", "500 Wh", "100 mWh"]


def test_co2_is_that_of_the_country(monkeypatch):
    module = ModuleType("codecarbon.input")
    table = {"DEU": {"carbon_intensity": 381.0, "year": 2023}, "FRA": {"carbon_intensity": 56.0, "year": 2023}}
    module.DataSource = lambda: SimpleNamespace(get_global_energy_mix_data=lambda: table)
    monkeypatch.setitem(sys.modules, "codecarbon.input", module)
    found = EnergyMeter(carbon=carbon_of("fra"), watts=1)
    monkeypatch.setattr(found, "_now", lambda: (0.0, 3.6e6 + found._start[1], 0.0))
    assert found.read().co2 == pytest.approx(56) and "CO2: FRA, 56 g for a kWh in 2023" in found.read().notes
    with pytest.raises(InputError, match="GER is not the code of a country; give three letters, as in DEU"):
        carbon_of("GER")
    monkeypatch.setitem(sys.modules, "codecarbon.input", None)
    with pytest.raises(InputError, match=r"needs codecarbon; pip install 'pvdm\[energy\]'"):
        carbon_of("DEU")
