"""Bytes that autograd keeps for the backward pass, and bytes that are alive, counted without a GPU."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

FAKE_DEVICE = torch.device("cuda", 0)
"""Where imagined tensors lie: what autocast casts, and what kernels keep, is then what it is on a GPU."""


class SavedBytes(saved_tensors_hooks):
    """Within it, the bytes of what is kept for the backward pass: each storage once, whole, parameters not counted.

    What is checkpointed counts by the inputs that are kept for it.

    Args:
        parameters: What is in memory anyway, as parameters and buffers.
    """

    def __init__(self, parameters: Iterable[Tensor] = ()) -> None:
        super().__init__(self._pack, lambda kept: kept)
        self._known = {_storage(value) for value in parameters}
        self._alive: list[Tensor] = []  # so that no storage is freed and its address given to another
        self.total = 0

    def __enter__(self) -> SavedBytes:
        super().__enter__()
        return self

    def _pack(self, tensor: Tensor) -> Tensor:
        if _storage(tensor) not in self._known:
            self._known.add(_storage(tensor))
            self._alive.append(tensor.detach())
            self.total += tensor.untyped_storage().nbytes()
        return tensor


class LiveBytes(TorchDispatchMode):
    """Within it, the bytes of all tensors that operations have made and that still live: `now`, and the `peak`.

    Nothing that a kernel takes for itself, and no fragmentation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self._add(value.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen:
            return

        def forget(_: Any) -> None:
            del self._seen[key]
            self.now -= size

        self._seen[key] = weakref.ref(storage, forget)
        self.now += size
        self.peak = max(self.peak, self.now)


@contextmanager
def imagined(*, bf16: bool = True, dtype: torch.dtype = torch.float32) -> Iterator[None]:
    """Within it tensors have sizes but no values, and are made on a GPU that need not exist.

    bf16: in autocast. dtype: of what is made.
    """
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda"), torch.get_default_dtype()
    with FakeTensorMode(allow_non_fake_inputs=True), FAKE_DEVICE, _FusedAttention():
        # Not torch.autocast, which switches itself off where there is no GPU.
        _set_types(bf16, torch.bfloat16, dtype)
        try:
            yield
        finally:
            torch.clear_autocast_cache()
            _set_types(*before)


class _FusedAttention(TorchFunctionMode):
    """The attention kernels of a GPU, which PyTorch does not choose where there is none."""

    def __torch_function__(self, function: Callable, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is functional.scaled_dot_product_attention:
            return _attention(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    if torch.is_autocast_enabled("cuda"):
        query, key, value = (part.to(torch.get_autocast_dtype("cuda")) for part in (query, key, value))
    if query.dtype == torch.float32:
        return torch.ops.aten._scaled_dot_product_efficient_attention(query, key, value, None, query.requires_grad)[0]
    return torch.ops.aten._scaled_dot_product_flash_attention(query, key, value)[0]


def _set_types(autocast: bool, autocast_dtype: torch.dtype, dtype: torch.dtype) -> None:
    torch.set_autocast_enabled("cuda", autocast)
    torch.set_autocast_dtype("cuda", autocast_dtype)
    torch.set_default_dtype(dtype)


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
