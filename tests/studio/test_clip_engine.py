"""The engine's thread: batches, fair turns, failures, cancelled work."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from studio_stubs import GrayModel, make_gray, stub_engine, until

from pvdm.studio.streams.clip_batch import ClipRequest
from pvdm.studio.streams.stream_settings import StreamSettings

SETTINGS = StreamSettings(steps=4)


def request(owner: str, **settings) -> ClipRequest:
    return ClipRequest(owner, replace(SETTINGS, **settings), (0, 0, 0))


class Gate:
    """A `make` that notes its batches; each waits until it is let through."""

    def __init__(self) -> None:
        self.batches, self._gate = [], threading.Semaphore(0)

    def __call__(self, generator, requests):
        self.batches.append([one.owner for one in requests])
        assert self._gate.acquire(timeout=5)
        return make_gray(generator, requests)

    def let_through(self, batches: int = 1) -> None:
        self._gate.release(batches)


def run(scenario, **options) -> Gate:
    """Runs `scenario(engine, gate)` in an event loop with an engine that is started."""

    async def started() -> Gate:
        gate = Gate()
        engine = stub_engine(gate, **options)
        engine.start()
        try:
            await scenario(engine, gate)
        finally:
            gate.let_through(100)
            await asyncio.to_thread(engine.close)
        return gate

    return asyncio.run(started())


def asked(engine, *requests: ClipRequest) -> list[asyncio.Task]:
    return [asyncio.ensure_future(engine.clip(one)) for one in requests]


def test_clips_that_wait_with_the_same_settings_make_one_batch():
    async def scenario(engine, gate):
        tasks = asked(engine, request("first"))
        await until(lambda: gate.batches)
        tasks += asked(
            engine, request("a"), request("b", steps=8), request("c", prompt="x", prompt_guidance=0.0), request("d")
        )
        await until(lambda: engine.place("d"))
        assert [engine.place(name) for name in "abcd"] == [1, 2, 3, 4] and engine.place("first") == 0
        gate.let_through(4)
        assert [made.batch for made in await asyncio.gather(*tasks)] == [1, 2, 1, 2, 1]

    assert run(scenario, max_batch=2).batches == [["first"], ["a", "c"], ["b"], ["d"]]


def test_owners_take_turns_however_much_one_asks_for():
    async def scenario(engine, gate):
        tasks = asked(engine, request("first"))
        await until(lambda: gate.batches)
        tasks += asked(engine, *[request("greedy")] * 3, request("modest"))
        await until(lambda: engine.place("modest"))
        gate.let_through(5)
        await asyncio.gather(*tasks)

    assert run(scenario, max_batch=1).batches == [["first"], ["greedy"], ["modest"], ["greedy"], ["greedy"]]


def test_a_job_lets_clips_pass_at_each_yield():
    order = []

    def work(generator, report):
        for step in range(3):
            order.append(f"step {step}")
            report(step / 3)
            yield
        return "done"

    async def scenario(engine, gate):
        tasks = asked(engine, request("first"))
        await until(lambda: gate.batches)
        shares = []
        job = asyncio.ensure_future(engine.run("job", work, shares.append))
        await asyncio.sleep(0.01)
        tasks += asked(engine, request("a"))
        await asyncio.sleep(0.01)
        gate.let_through()
        await until(lambda: len(gate.batches) == 2)
        assert order == ["step 0"]
        gate.let_through()
        assert await job == "done" and shares == [0, 1 / 3, 2 / 3]
        assert isinstance(await engine.run("plain", lambda generator, report: generator), GrayModel)
        await asyncio.gather(*tasks)

    run(scenario)


def test_a_failure_is_told_to_its_own_client():
    async def scenario(engine, gate):
        gate.let_through(100)
        tasks = asked(engine, request("a"), request("b", seed=13), request("c"))
        made = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one).__name__ for one in made] == ["MadeClip", "RuntimeError", "MadeClip"]
        with pytest.raises(KeyError, match="a bug"):
            await engine.run("job", lambda generator, report: {}["a bug"])
        assert (await engine.clip(request("a"))).batch == 1

    run(scenario)


def test_who_stops_waiting_gives_up_its_turn():
    ended = []

    def endless(generator, report):
        try:
            while True:
                begun.append("endless")
                yield
        finally:
            ended.append("steps")

    def long(generator, report):
        begun.append("long")
        while True:
            report(0.5)

    begun = []

    async def scenario(engine, gate):
        (first,) = asked(engine, request("first"))
        await until(lambda: gate.batches)
        tasks = asked(engine, request("a"), request("b"))
        await asyncio.sleep(0.01)
        tasks[0].cancel()
        await until(lambda: (engine.place("a"), engine.place("b")) == (0, 1))
        gate.let_through(2)
        await asyncio.gather(first, tasks[1])
        for work in (endless, long):
            job = asyncio.ensure_future(engine.run("job", work))
            await until(lambda work=work: work.__name__ in begun)
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
        gate.let_through()
        await engine.clip(request("c"))
        assert ended == ["steps"]

    assert run(scenario).batches == [["first"], ["b"], ["c"]]


@pytest.mark.parametrize("is_closed", [False, True])
def test_work_that_waits_for_its_next_turn_is_ended_when_nobody_waits_for_it(is_closed):
    begun, ended = threading.Event(), threading.Event()

    def endless(generator, report):
        try:
            while True:
                begun.set()
                yield
        finally:
            ended.set()

    async def scenario(engine, gate):
        job = asyncio.ensure_future(engine.run("job", endless))
        await until(begun.is_set)
        (clip,) = asked(engine, request("first"))
        await until(lambda: gate.batches and engine.place("job"))
        if not is_closed:
            job.cancel()
            gate.let_through()
            await clip
            await until(ended.is_set)
        else:
            gate.let_through()
            await asyncio.to_thread(engine.close)
        await asyncio.gather(job, clip, return_exceptions=True)

    run(scenario)
    assert ended.is_set()


def test_a_request_that_waits_can_be_amended():
    async def scenario(engine, gate):
        tasks = asked(engine, request("first"))
        await until(lambda: gate.batches)
        tasks += asked(engine, request("a"))
        await asyncio.sleep(0.01)
        assert engine.amend(request("a", seed=3)) and not engine.amend(request("first"))
        gate.let_through(2)
        assert [made.request.settings.seed for made in await asyncio.gather(*tasks)] == [0, 3]

    run(scenario)


def test_a_closed_engine_leaves_nobody_waiting():
    async def closed():
        gate = Gate()
        engine = stub_engine(gate)
        engine.start()
        tasks = asked(engine, request("first"))
        await until(lambda: gate.batches)
        tasks += asked(engine, request("a"))
        await asyncio.sleep(0.01)
        closing = asyncio.ensure_future(asyncio.to_thread(engine.close))
        await until(lambda: tasks[1].done())
        gate.let_through()
        await closing
        return await asyncio.gather(*tasks, engine.clip(request("late")), return_exceptions=True)

    first, *others = asyncio.run(closed())
    assert first.batch == 1 and [type(one) for one in others] == [asyncio.CancelledError] * 2
