"""Work on numbered clips in chunks, each stored when it is done and done by one of the processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pvdm.benchmark.bench import Bench
from pvdm.errors import InputError

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Chunked:
    """Rows of numbers for clips 0 to `count` - 1.

    A chunk is always the same clips, so that its rows have the same bits in any number of processes, and after an
    interruption only what is missing is done.

    Args:
        bench: Says where they are stored, and how large a chunk is.
        name: Of their folder.
        count: Clips.
        measured: The numbers of a chunk's clips -> arrays by name, a row for each clip (or for some of the first).
        key: All that the rows depend on besides what is the benchmark's; JSON-able.
        cost: Of all, see `Task.cost`.
        files: A chunk's clips -> the files, below the report, that are written as they are measured: a chunk of which
            one is gone is measured again.
    """

    bench: Bench
    name: str
    count: int
    measured: Callable[[Sequence[int]], Arrays]
    key: Any = None
    cost: float = 0.0
    files: Callable[[Sequence[int]], Sequence[str]] = lambda numbers: ()

    @property
    def chunks(self) -> list[range]:
        """The clips of each."""
        size = self.bench.plan.batch_size
        return [range(start, min(start + size, self.count)) for start in range(0, self.count, size)]

    def run(self) -> Arrays:
        """The rows of all clips by name, of which those that are missing are measured; all processes must call it."""
        chunks, each = self.chunks, self.cost / max(1, len(self.chunks))
        missing = self.bench.alone(lambda _: [n for n in range(len(chunks)) if not self._is_done(n)])
        self.bench.tick(each * (len(chunks) - len(missing)))
        for number in self.bench.processes.share(missing):
            self.bench.work.store_arrays(self._file(number), self.measured(chunks[number]), self.key)
            self.bench.tick(each)
        self.bench.processes.barrier()
        return self._all()

    def _all(self) -> Arrays:
        loaded = [self._load(number) for number in range(len(self.chunks))]
        if any(rows is None for rows in loaded):
            raise InputError(
                f"a part of {self.name} that another process has made is not in {self.bench.work.report}",
                "give an --output that all processes see",
            )
        names = loaded[0] if loaded else ()
        return {name: np.concatenate([rows[name] for rows in loaded if name in rows]) for name in names}

    def _is_done(self, number: int) -> bool:
        return self.bench.work.has(self.files(self.chunks[number])) and self._load(number) is not None

    def _load(self, number: int) -> Arrays | None:
        return self.bench.work.load_arrays(self._file(number), self.key)

    def _file(self, number: int) -> str:
        return f"{self.name}/{number:06d}"
