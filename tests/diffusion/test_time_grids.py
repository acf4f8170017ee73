"""The grids of times: the released one, closed forms of the others, and what all of them keep."""

import numpy as np
import pytest

from pvdm.diffusion import GRIDS, DiffusionConfig, NoiseSchedule, time_grid

each = pytest.mark.parametrize("grid", GRIDS)


@pytest.mark.parametrize("steps", [1, 10, 20, 100, 250, 1000])
def test_uniform_is_the_released_one(schedule, steps):
    assert time_grid(schedule, steps) == np.linspace(-1, 999, steps + 1).astype(int)[::-1].tolist()


def test_uniform_loses_no_integer_to_rounding(schedule):
    assert -1 + 19 * 1000 / 38 == 499 and 499 in time_grid(schedule, 38)
    assert 499 not in np.linspace(-1, 999, 39).astype(int)


@each
@pytest.mark.parametrize("timesteps", [1, 2, 7, 60])
def test_a_grid_falls_strictly_between_its_ends(grid, timesteps):
    schedule = NoiseSchedule(DiffusionConfig(timesteps))
    for steps in range(1, timesteps + 1):
        times = time_grid(schedule, steps, grid=grid)
        assert len(times) == steps + 1 and times[0] == timesteps - 1 and times[-1] == -1
        assert (np.diff(times) < 0).all() and all(type(time) is int for time in times)


@each
def test_as_many_steps_as_times_visit_all(schedule, grid):
    assert time_grid(schedule, 1000, grid=grid) == list(range(999, -2, -1))


@pytest.mark.parametrize(("grid", "power"), [("quadratic", 2), ("cubic", 3)])
def test_a_power_of_what_remains(schedule, grid, power):
    assert time_grid(schedule, 5, grid=grid) == [round(1000 * (n / 5) ** power) - 1 for n in range(5, -1, -1)]


def test_karras_is_even_in_the_seventh_root_of_sigma(schedule):
    noise = [np.exp(-schedule.level(time).half_log_snr) for time in time_grid(schedule, 10, grid="karras")[:-1]]
    # Near time 0 an integer is far from its neighbor in sigma: 0.039 and 0.055.
    np.testing.assert_allclose(
        np.diff(np.power(noise, 1 / 7)[:8]), (noise[-1] ** (1 / 7) - noise[0] ** (1 / 7)) / 9, rtol=0.02
    )


def test_logsnr_is_even_in_the_logarithm(schedule):
    levels = [schedule.level(time).half_log_snr for time in time_grid(schedule, 10, grid="logsnr")[:-1]]
    np.testing.assert_allclose(np.diff(levels)[:6], (levels[-1] - levels[0]) / 9, rtol=0.02)
    assert levels[-1] == schedule.level(0).half_log_snr


@each
@pytest.mark.parametrize("steps", [0, 11])
def test_too_few_and_too_many_steps_are_refused(grid, steps):
    with pytest.raises(ValueError, match=f"{steps} sampling steps; .* choose 1 to 10"):
        time_grid(NoiseSchedule(DiffusionConfig(10)), steps, grid=grid)


def test_an_unknown_grid_is_refused(schedule):
    with pytest.raises(
        ValueError, match="the grid is 'linear'; it must be one of uniform, quadratic, cubic, karras, logsnr"
    ):
        time_grid(schedule, 5, grid="linear")
