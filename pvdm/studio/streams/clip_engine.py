"""The thread that owns the model: it makes the clips of many streams in batches, in fair turns with jobs."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from pvdm.studio.streams.clip_batch import ClipRequest, MadeClip, make_clips

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator

Result = TypeVar("Result")
Make = Callable[[Any, Sequence[ClipRequest]], list[MadeClip]]
Report = Callable[[float], None]
"""Takes the share of a job that is done, 0 ... 1; raises `CancelledError` if nobody waits for the job any more."""
Work = Callable[["VideoGenerator", Report], Result | Generator[None, None, Result]]
"""A job's work: a function of the generator; or a generator function, whose `yield` lets others take their turn."""

MAX_BATCH = 8
PATIENCE = 10.0
"""Seconds that `close` waits for the work in progress."""

logger = logging.getLogger(__name__)


class ClipEngine:
    """Makes clips and does jobs in one thread of its own.

    Owners, which are streams and jobs, take turns; each has one clip, or one step of its work, in a turn. Clips that
    others wait for and that have the same `batch_key` are made with the clip whose turn it is.

    Args:
        generator: The model; nobody else may use it while the engine runs.
        max_batch: The most clips of a batch.
        precision: Of the networks, see `LatentModel.precision`.
        make: What makes the clips of a batch.
    """

    def __init__(
        self, generator: VideoGenerator, *, max_batch: int = MAX_BATCH, precision: str = "32", make: Make = make_clips
    ) -> None:
        self._generator, self._max_batch, self._precision, self._make = generator, max_batch, precision, make
        self._turns: dict[str, deque[_Clip | _Job]] = {}
        """What each owner waits for, in the order of their turns."""
        self._changed, self._is_closed = threading.Condition(), False
        self._thread = threading.Thread(target=self._serve, name="clip-engine", daemon=True)

    @property
    def generator(self) -> VideoGenerator:
        """The model, of which others may read what it is and takes."""
        return self._generator

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread after its current batch or step; what waits is cancelled."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
            for item in self._waiting():
                item.cancel()
        if self._thread.is_alive():
            self._thread.join(PATIENCE)

    async def clip(self, request: ClipRequest) -> MadeClip:
        """The clip, once it is made. Whoever stops waiting for it gives up its turn."""
        return await self._done(request.owner, _Clip(request))

    async def run(self, owner: str, work: Work[Result], progress: Report | None = None) -> Result:
        """What the work returns, done by the engine's thread in the owner's turns; its exception is raised here.

        progress: Called in that thread with what the work reports.
        """
        return await self._done(owner, _Job(work, progress))

    def amend(self, request: ClipRequest) -> bool:
        """Puts the request in place of the one that its owner waits for; False if none is still waiting."""
        with self._changed:
            for item in self._turns.get(request.owner, ()):
                if isinstance(item, _Clip):
                    item.request = request
                    return True
        return False

    def place(self, owner: str) -> int:
        """How many owners' turns come before the end of this one's, 1 if it is the next; 0 if it waits for nothing."""
        with self._changed:
            return list(self._turns).index(owner) + 1 if owner in self._turns else 0

    async def _done(self, owner: str, item: _Clip | _Job) -> Any:
        with self._changed:
            if self._is_closed:
                raise asyncio.CancelledError
            self._turns.setdefault(owner, deque()).append(item)
            self._changed.notify()
        try:
            return await asyncio.wrap_future(item.future)
        finally:
            item.cancel()
            self._withdraw(owner, item)

    def _waiting(self) -> list[_Clip | _Job]:
        return [item for items in self._turns.values() for item in items]

    def _withdraw(self, owner: str, item: _Clip | _Job) -> None:
        """Takes an item out of the turns; work that has begun stays for one more turn, which ends it."""
        with self._changed:
            if not item.has_begun and item in (waiting := self._turns.get(owner, deque())):
                waiting.remove(item)
                if not waiting:
                    del self._turns[owner]

    def _serve(self) -> None:
        with self._generator.precision(self._precision):
            while items := self._take():
                if isinstance(items[0], _Clip):
                    self._make_clips(items)
                elif not items[0].step(self._generator):
                    with self._changed:
                        self._turns.setdefault(items[0].owner, deque()).append(items[0])
        with self._changed:
            left = self._waiting()
        for item in left:
            item.cancel()
            if isinstance(item, _Job):
                item.step(self._generator)

    def _take(self) -> list[Any]:
        """The items of the next turn: a job, or the clips of a batch; none once the engine is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._turns or self._is_closed)
            if self._is_closed:
                return []
            taken = [self._next_of(next(iter(self._turns)))]
            if isinstance(taken[0], _Clip):
                key = taken[0].request.batch_key
                for owner, items in list(self._turns.items()):
                    if len(taken) == self._max_batch:
                        break
                    if isinstance(items[0], _Clip) and items[0].request.batch_key == key:
                        taken.append(self._next_of(owner))
            return taken

    def _next_of(self, owner: str) -> _Clip | _Job:
        """The owner's next item; the owner goes to the end of the turns."""
        items = self._turns.pop(owner)
        item = items.popleft()
        item.owner = owner
        if items:
            self._turns[owner] = items
        return item

    def _make_clips(self, items: list[_Clip]) -> None:
        """Makes the clips of a batch; if it fails, each alone, so that only its own client is told."""
        items = [item for item in items if item.is_wanted]
        if not items:
            return
        try:
            for item, made in zip(items, self._make(self._generator, [item.request for item in items]), strict=True):
                item.resolve(made)
        except Exception as error:  # whatever happens in one client's clip, the others go on
            if len(items) == 1:
                items[0].fail(error)
                return
            logger.warning("a batch of %d clips failed (%s); making each alone", len(items), error)
            for item in items:
                self._make_clips([item])


class _Waiting:
    """What somebody waits for."""

    owner = ""
    has_begun = False
    """Whether something is to be ended when nobody waits any more."""

    def __init__(self) -> None:
        self.future: Future[Any] = Future()

    @property
    def is_wanted(self) -> bool:
        return not self.future.done()

    def cancel(self) -> None:
        self.future.cancel()

    def resolve(self, result: Any) -> None:
        with suppress(InvalidStateError):
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(error)


class _Clip(_Waiting):
    """A clip."""

    def __init__(self, request: ClipRequest) -> None:
        super().__init__()
        self.request = request


class _Job(_Waiting):
    """The work of a job."""

    def __init__(self, work: Work[Any], progress: Report | None) -> None:
        super().__init__()
        self._work, self._progress, self._steps = work, progress, None

    @property
    def has_begun(self) -> bool:
        return self._steps is not None

    def step(self, generator: VideoGenerator) -> bool:
        """Does the next part of the work, or ends it if nobody waits for it; False if there is more to do."""
        try:
            if not self.is_wanted:
                if self._steps is not None:
                    self._steps.close()
                return True
            if self._steps is None:
                result = self._work(generator, self._report)
                if not isinstance(result, Generator):
                    self.resolve(result)
                    return True
                self._steps = result
            next(self._steps)
        except StopIteration as end:
            self.resolve(end.value)
            return True
        except CancelledError:
            return True
        except Exception as error:  # whatever happens in one client's job, the others go on
            self.fail(error)
            return True
        return False

    def _report(self, share: float) -> None:
        if not self.is_wanted:
            raise CancelledError
        if self._progress is not None:
            self._progress(share)
