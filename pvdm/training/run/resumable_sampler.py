"""The order of training, resumed at any batch, and the moment between two batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from pytorch_lightning import Trainer
from torch.utils.data import DataLoader, Sampler

from pvdm.data import EpochSampler, SampleKey


class ResumableSampler(Sampler[SampleKey]):
    """One epoch of samples from the batch that the run has reached, so that a resumed run sees the same batches.

    Lightning's own epoch count has no influence: with workers Lightning fetches the first batches before it tells a
    sampler the epoch. A StatefulDataLoader would not do either: its state counts the batches of one world size.

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


class TrainingLoader(DataLoader):
    """A loader that calls `on_between_batches(trainer)` of the callbacks that have it, as the trainer fetches a batch.

    No hook of Lightning's runs there, and there alone do its counters say the same for every batch of an epoch, the
    first and the last included: so many batches are done, none is begun, and every validation due is over.
    """

    trainer: Trainer | None = None

    def __iter__(self) -> Iterator[Any]:
        for batch in super().__iter__():
            for callback in self.trainer.callbacks if self.trainer else ():
                if hasattr(callback, "on_between_batches"):
                    callback.on_between_batches(self.trainer)
            yield batch
