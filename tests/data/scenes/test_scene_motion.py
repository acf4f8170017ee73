"""Bodies move by the laws: they fall, lose energy at impacts alone, and roll without slipping."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pvdm.data.scenes.body_motion import GRAVITY, LAST_BOUNCE, Motion
from pvdm.data.scenes.world import MOTIONS, World

BOUNCE = Motion("bounce", (0.3, -0.2), drop=1.2, dropped=-0.4, restitution=0.9)
TIMES = np.arange(0, 4, 0.0005)


def test_a_body_falls_from_its_height_and_bounces_lower_each_time():
    moments, speeds = BOUNCE.impacts
    times = np.arange(-0.4, moments[-1] + 1, 0.0005)
    height = BOUNCE.lift(times)
    assert height[0] == pytest.approx(1.2) and height.min() >= 0
    assert moments[0] == pytest.approx(-0.4 + np.sqrt(2 * 1.2 / GRAVITY))
    np.testing.assert_allclose(BOUNCE.lift(moments), 0, atol=1e-9)
    tops = [height[(times > a) & (times < b)].max() for a, b in pairwise(moments)]
    np.testing.assert_allclose(tops, 1.2 * 0.9 ** (2 * np.arange(1, len(moments))), rtol=1e-4)
    np.testing.assert_allclose(speeds, np.sqrt(2 * GRAVITY * np.array([1.2, *tops])), rtol=1e-4)
    assert speeds[-1] >= LAST_BOUNCE > speeds[-1] * 0.9
    assert (height[times > moments[-1]] == 0).all()


def test_energy_is_kept_between_impacts():
    height = BOUNCE.lift(TIMES)
    speed = np.gradient(height, TIMES)
    energy = speed**2 / 2 + GRAVITY * height
    moments = [-np.inf, *BOUNCE.impacts[0], np.inf]
    for a, b in pairwise(moments):
        between = energy[(a + 0.002 < TIMES) & (b - 0.002 > TIMES)]
        if len(between) > 10:
            np.testing.assert_allclose(between, between[0], rtol=2e-3, atol=2e-3)


def bodies_that(kind: str):
    worlds = [World.draw(5, index) for index in range(MOTIONS.index(kind), 100, len(MOTIONS))]
    return [world.bodies[0] for world in worlds]


def test_a_rolling_body_does_not_slip():
    """The point of a wheel that touches the ground stands still: velocity and spin cancel there."""
    bodies = bodies_that("roll")
    assert {body.shape for body in bodies} == {"sphere", "cylinder", "ring"}
    for body in bodies:
        centre, turn = body.positions(TIMES), body.rotations(TIMES)
        speed = np.gradient(centre, TIMES, axis=0)
        spin = np.gradient(turn, TIMES, axis=0) @ turn.transpose(0, 2, 1)  # the matrix of the angular velocity
        contact = speed + spin @ np.array([0, -body.rest, 0])
        np.testing.assert_allclose(contact[2:-2], 0, atol=3e-4)
        assert np.abs(speed).max() > 0.3
        axis = np.einsum("tij,j->ti", turn, [0, 1, 0])
        assert body.shape == "sphere" or np.abs(axis[:, 1]).max() < 1e-9  # wheels stand on their rims


def test_rotations_are_rotations():
    for index in range(20):
        for body in World.draw(1, index).bodies:
            turn = body.rotations(TIMES[::100])
            np.testing.assert_allclose(
                turn @ turn.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turn.shape), atol=1e-9
            )
            np.testing.assert_allclose(np.linalg.det(turn), 1)


def test_bodies_that_turn_turn_at_their_speed_and_others_do_not():
    for body in bodies_that("turn"):
        ahead = body.rotations(np.array([0.0, 0.25])) @ np.array([0, 0, 1])
        angle = np.arctan2(ahead[:, 0], ahead[:, 2])
        assert np.sin(angle[1] - angle[0]) == pytest.approx(np.sin(body.motion.spin * 0.25))
    for body in bodies_that("stand"):
        assert np.ptp(body.positions(TIMES), axis=0).max() == 0 and len(np.unique(body.rotations(TIMES), axis=0)) == 1


def test_nothing_pops_and_nothing_meets():
    """No body jumps between frames, sinks into the ground or comes into another."""
    times = np.arange(0, 6, 1 / 25)
    for index in range(60):
        bodies = World.draw(2, index).bodies
        places = [body.positions(times) for body in bodies]
        for body, place in zip(bodies, places, strict=True):
            assert np.abs(np.diff(place, axis=0)).max() < 6 / 25
            assert place[:, 1].min() >= body.rest - 1e-9
        for i, body in enumerate(bodies):
            for other, place in zip(bodies[:i], places[:i], strict=True):
                away = np.linalg.norm((places[i] - place)[:, [0, 2]], axis=1)
                assert away.min() > body.reach + other.reach


def test_a_world_is_a_function_of_seed_and_index():
    assert World.draw(3, 8) == World.draw(3, 8)
    assert World.draw(3, 8) != World.draw(4, 8) and World.draw(3, 8) != World.draw(3, 13)
    assert replace(World.draw(3, 8), floor="x") != World.draw(3, 8)
    assert [World.draw(0, index).label for index in range(10)] == [0, 1, 2, 3, 4] * 2
