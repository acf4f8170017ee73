"""The order of training samples, resumed from wherever the run is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from torch.utils.data import Sampler

from pvdm.data import EpochSampler, SampleKey


class ResumableSampler(Sampler[SampleKey]):
    """One epoch of samples from the batch that the run has reached, so that a resumed run sees the same batches.

    Lightning's own epoch count has no influence: it starts a new epoch where a run stopped halfway, and with workers it
    fetches the first batches before it tells a sampler the epoch.

    Args:
        samples: The order of an epoch for this process.
        batch_size: Samples of a batch; an epoch's incomplete last batch is dropped, unless it is the only one.
        batches_done: Returns how many batches the run has been trained on.

    `batches` is the number of batches in an epoch. It depends on the number of processes: a run that is resumed with
    another number continues at the same fraction of the same epoch (see `ExactResume`).
    """

    def __init__(self, samples: EpochSampler, batch_size: int, batches_done: Callable[[], int]) -> None:
        self._samples, self._batch_size, self._batches_done = samples, batch_size, batches_done
        self.batches = max(1, len(samples) // batch_size)

    def __len__(self) -> int:
        return min(self.batches * self._batch_size, len(self._samples))

    def __iter__(self) -> Iterator[SampleKey]:
        epoch, batch = divmod(self._batches_done(), self.batches)
        start = batch * self._batch_size
        yield from self._epoch(epoch, start, len(self))
        yield from self._epoch(epoch + 1, 0, start)

    def _epoch(self, number: int, start: int, stop: int) -> Iterator[SampleKey]:
        self._samples.set_epoch(number)
        return islice(self._samples, start, stop)
