"""The largest batch is found in few tries, and other failures than a full memory are not taken for one."""

import pytest
import torch
from generation.small_models import small_generator

from pvdm.benchmark.speed import largest_batch


@pytest.mark.parametrize("wanted", [0, 1, 2, 3, 7, 8, 9, 63, 64, 100])
def test_the_largest_that_fits_is_found_in_few_tries(wanted):
    tried = []

    def fits(batch):
        tried.append(batch)
        return batch <= wanted

    assert largest_batch.largest(fits, most=64) == min(wanted, 64)
    assert len(tried) == len(set(tried)) <= 13
    assert max(tried) <= 64


def test_the_largest_batch_needs_a_gpu():
    entries = list(largest_batch.largest_batches(small_generator()))
    assert [entry["stage"] for entry in entries] == ["autoencoder", "diffusion"]
    assert all(entry["batch"] is None for entry in entries)
    assert all("the device is cpu; a memory limit can be tried on a GPU" in entry["missing"] for entry in entries)


@pytest.mark.parametrize("update", [largest_batch.autoencoder_update, largest_batch.diffusion_update])
def test_an_update_takes_a_gradient_and_leaves_the_model_as_it_is(update, monkeypatch):
    generator, moved = small_generator(), []
    before = {name: value.clone() for name, value in generator.state_dict().items()}

    def step(optimizer):
        moved.append(all(p.grad is not None for group in optimizer.param_groups for p in group["params"]))

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    update(generator, 2)
    assert moved == [True]
    torch.testing.assert_close(generator.state_dict(), before, rtol=0, atol=0)
    assert not generator.training and all(parameter.grad is None for parameter in generator.parameters())


@pytest.mark.cuda
def test_batches_on_a_gpu():
    entries = list(largest_batch.largest_batches(small_generator().cuda()))
    assert all(entry["batch"] > 0 for entry in entries)


@pytest.fixture
def gpu(monkeypatch):
    """The shares of a GPU's memory that were set, on a machine without one."""
    shares = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share, device: shares.append(share))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    return shares


def test_a_full_memory_ends_the_search_and_the_limit_is_lifted(gpu):
    def update(batch):
        if batch > 5:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    found = largest_batch._largest_on(torch.device("cuda"), 0.25, update)
    assert found == {"batch": 5, "missing": None} and gpu == [0.25, 1.0]


@pytest.mark.parametrize("text", ["CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling", "cuDNN: out of memory"])
def test_a_library_without_memory_ends_the_search_too(gpu, text):
    def update(batch):
        if batch > 2:
            raise RuntimeError(text)

    assert largest_batch._largest_on(torch.device("cuda"), 0.5, update) == {"batch": 2, "missing": None}


def test_another_failure_is_told_and_no_batch(gpu):
    def update(batch):
        raise RuntimeError("Kernel refused. Really.")

    found = largest_batch._largest_on(torch.device("cuda"), 0.5, update)
    assert found["batch"] is None and gpu[-1] == 1.0
    assert found["missing"] == "an update failed for another reason than memory (kernel refused; Really)"


def test_a_mistake_is_not_taken_for_a_full_memory(gpu):
    with pytest.raises(TypeError):
        largest_batch._largest_on(torch.device("cuda"), 0.5, lambda: None)
