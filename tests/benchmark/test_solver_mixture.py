"""Data in closed form: its denoiser by numerical integration, and where its flow ends."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from benchmark.gaussian_mixture import Mixture, of_mixture

from pvdm.benchmark.solver_study import PAPER, SOLVERS, cases, default_case, distance
from pvdm.diffusion import DiffusionConfig, NoiseSchedule, VideoNoise, sample_unipc


@pytest.fixture(scope="module")
def schedule() -> NoiseSchedule:
    return NoiseSchedule(DiffusionConfig())


@pytest.mark.parametrize("time", [0, 100, 700])
def test_the_denoiser_is_the_mean_of_what_may_have_been(schedule, time):
    mixture, x = Mixture(), torch.linspace(-1.5, 1.5, 7, dtype=torch.float64)
    level, clean = schedule.level(time), torch.linspace(-3, 3, 20001, dtype=torch.float64)
    parts = zip(mixture.weights, mixture.means, mixture.deviations, strict=True)
    density = sum(w / d * torch.exp(-0.5 * ((clean - m) / d) ** 2) for w, m, d in parts)
    likely = density * torch.exp(-0.5 * ((x[:, None] - level.alpha * clean) / level.sigma) ** 2)
    wanted = (likely * clean).sum(-1) / likely.sum(-1)
    found = mixture.predict(x.view(1, 1, -1), torch.tensor([time]), schedule)
    torch.testing.assert_close(found.clean.flatten(), wanted, rtol=0, atol=1e-9)
    torch.testing.assert_close(level.alpha * found.clean + level.sigma * found.noise, x.view(1, 1, -1))


def test_one_gaussian_is_carried_by_a_straight_line(schedule):
    mixture, x = Mixture((0.4,), (0.5,), (1.0,)), torch.linspace(-3, 3, 9, dtype=torch.float64)
    level = schedule.level(999)
    deviation = (level.alpha_bar * 0.25 + 1 - level.alpha_bar) ** 0.5
    wanted = 0.4 + 0.5 * (x - level.alpha * 0.4) / deviation
    torch.testing.assert_close(mixture.transported(x, schedule), wanted)


def test_the_map_of_quantiles_is_where_many_steps_end(schedule):
    mixture, x = Mixture(), torch.linspace(-2.5, 2.5, 50, dtype=torch.float64).view(1, 1, -1)
    denoise = partial(mixture.predict, schedule=schedule)
    found = sample_unipc(denoise, x, schedule=schedule, steps=200, grid="cubic")
    # The times end at 0, where noise of 0.04 is left, which the last step takes away by a mean.
    torch.testing.assert_close(found, mixture.transported(x, schedule), rtol=0, atol=0.02)


def test_few_steps_of_the_default_come_closer_than_100_of_ddim(schedule):
    mixture, x = Mixture(), VideoNoise([(1,)]).normal((1, 512)).double()
    denoise, exact = partial(mixture.predict, schedule=schedule), mixture.transported(x, schedule)

    def error(solver: str, grid: str, steps: int) -> float:
        return distance(SOLVERS[solver](denoise, x, schedule=schedule, grid=grid, steps=steps), exact)

    assert error(*default_case()) < error(*PAPER) / 2


def test_a_study_measures_every_case_from_the_same_noise():
    found = of_mixture(Mixture(), seed=1, values=8, grids=("uniform", "cubic"), steps=(2, 5), reference_steps=20)
    assert {(row["solver"], row["grid"], row["steps"]) for row in found["rows"]} == set(
        cases((2, 5), ("uniform", "cubic"))
    )
    again = of_mixture(Mixture(), seed=1, values=8, grids=("cubic",), steps=(5,), reference_steps=20)
    assert all(row in found["rows"] for row in again["rows"])
    assert found["from_reference"]["ddim"] == again["from_reference"]["ddim"] > 0


def test_the_table_of_the_document_is_found_again():
    file = Path(__file__).parents[2] / "docs" / "benchmarks" / "solvers.json"
    rows = json.loads(file.read_text(encoding="utf-8"))["subjects"]["mixture"]["rows"]
    wanted = {(row["solver"], row["grid"], row["steps"]): row["error"] for row in rows}
    for row in of_mixture(Mixture(), seed=0, values=4096, grids=("cubic",), steps=(10, 20))["rows"]:
        assert row["error"] == pytest.approx(wanted[row["solver"], row["grid"], row["steps"]], rel=1e-4, abs=1e-6)
