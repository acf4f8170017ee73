"""Items computed by a thread are those without one, at most one in advance, and nothing of it stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import torch

from pvdm.runtime.prefetch import Abandoned, prefetch

CPU = torch.device("cpu")
PATIENCE = 30


def threads() -> list[str]:
    """Names of the threads of `prefetch`."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_items_come_in_order_from_another_thread():
    computed_by = set()

    def produce(check) -> Iterator[int]:
        for number in range(5):
            check()
            computed_by.add(threading.current_thread())
            yield number

    assert list(prefetch(produce, device=CPU)) == list(range(5))
    assert len(computed_by) == 1 and threading.current_thread() not in computed_by
    assert not threads()
    assert list(prefetch(lambda check: (item for item in ()), device=CPU)) == []


def test_the_next_item_is_computed_while_the_caller_has_the_one_before():
    """And no more than that one, however long the caller takes."""
    begun = [threading.Event() for _ in range(4)]

    def produce(check) -> Iterator[int]:
        for number in range(4):
            begun[number].set()
            yield number

    items = prefetch(produce, device=CPU)
    assert not begun[0].is_set()  # nothing before it is asked for
    assert next(items) == 0
    assert begun[1].wait(PATIENCE) and not begun[2].wait(0.05)
    assert next(items) == 1
    assert begun[2].wait(PATIENCE) and not begun[3].wait(0.05)
    assert list(items) == [2, 3]


def test_the_first_item_does_not_wait_for_the_second():
    handed_out = threading.Event()

    def produce(check) -> Iterator[int]:
        yield 0
        assert handed_out.wait(PATIENCE)
        yield 1

    items = prefetch(produce, device=CPU)
    assert next(items) == 0
    handed_out.set()
    assert next(items) == 1
    items.close()


def test_an_exception_comes_as_itself_after_the_items_before_it():
    error = ValueError("the third")

    def produce(check) -> Iterator[int]:
        yield from (0, 1)
        raise error

    items, found = prefetch(produce, device=CPU), []
    with pytest.raises(ValueError, match="the third") as raised:
        found.extend(items)
    assert raised.value is error and not threads()
    with closing(prefetch(produce, device=CPU)) as items:
        assert [next(items), next(items)] == [0, 1]  # those are whole, and nobody asks for the third


@pytest.mark.parametrize("end", [GeneratorExit, KeyboardInterrupt, SystemExit])
def test_a_caller_that_stops_ends_the_thread_in_the_midst_of_an_item(end):
    ended, second = [], threading.Event()

    def produce(check) -> Iterator[int]:
        try:
            yield 0
            second.set()
            while True:
                check()
        except Abandoned:
            ended.append(threading.current_thread().name)
            raise

    def consume() -> None:
        with closing(prefetch(produce, device=CPU)) as items:
            for _ in items:
                assert second.wait(PATIENCE)
                raise end

    with pytest.raises(end):
        consume()
    assert len(ended) == 1 and not threads()


def test_one_that_waits_for_an_item_may_be_interrupted(monkeypatch):
    """As by Ctrl-C, which is raised where the caller waits."""
    result = threading.Event()

    def produce(check) -> Iterator[int]:
        result.set()
        while True:
            check()
        yield 0

    def interrupted(self, timeout=None):
        assert result.wait(PATIENCE)
        raise KeyboardInterrupt

    monkeypatch.setattr("concurrent.futures.Future.result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(prefetch(produce, device=CPU))
    assert not threads()


@pytest.mark.parametrize("dtype", [torch.bfloat16, None])
def test_it_computes_as_its_caller_does(dtype):
    def produce(check) -> Iterator[tuple]:
        product = torch.ones(2, 2, requires_grad=True) @ torch.ones(2, 2)
        yield product.dtype, product.requires_grad, torch.get_num_threads()

    with torch.autocast("cpu", dtype, enabled=dtype is not None), torch.no_grad():
        found = list(prefetch(produce, device=CPU))
    assert found == [(dtype or torch.float32, False, torch.get_num_threads())]
    assert next(prefetch(produce, device=CPU))[1]
