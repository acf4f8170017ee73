"""Stage 2 with its denoiser divided among processes: PyTorch's FSDP2, by Lightning's ModelParallelStrategy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import torch
from lightning_fabric.plugins.collectives.torch_collective import default_pg_timeout
from pytorch_lightning.core.optimizer import LightningOptimizer
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from pvdm.errors import InputError, check_range


class ShardedStrategy(ModelParallelStrategy):
    """Each process holds a part of the denoiser, of its average and of the optimizer's state (stage 2).

    The stages of the U-Net are gathered one by one as they are computed. The checkpoints are those of any other run,
    one file each, so that a run resumes with any number of processes, sharded or not.

    Args:
        copies: Groups of processes that each hold the whole model between them, such as one for each machine, so that
            its parts stay within a machine and gradients alone pass between machines.
        timeout: For which one process waits for the others.
    """

    def __init__(self, copies: int = 1, timeout: timedelta = default_pg_timeout) -> None:
        super().__init__(save_distributed_checkpoint=False, timeout=timeout)
        check_range(1, copies=copies)
        self.copies = copies

    lightning_restore_optimizer = True

    def setup_environment(self) -> None:
        """InputError unless the processes can form the groups."""
        count = self.num_nodes * self.num_processes
        if count % self.copies:
            raise InputError(
                f"trainer.strategy.copies is {self.copies} and there are {count} processes",
                "give a number that divides them, or leave it out",
            )
        # Set here, since the number of processes is not known when the strategy is made. Lightning's second axis is
        # that of tensor parallelism; here the parts of a copy lie along it.
        self._data_parallel_size, self._tensor_parallel_size = self.copies, count // self.copies
        super().setup_environment()

    def shard(self, network: nn.Module) -> None:
        """Divides the network, from now on; not once more if it is divided already."""
        if not isinstance(network, FSDPModule):
            mesh = self.device_mesh if self.copies > 1 else self.device_mesh["tensor_parallel"]
            shard(network, mesh, half=self.precision_plugin.precision == "bf16-mixed")

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Each process reads the whole file, as without sharding, and keeps its part."""
        return self.checkpoint_io.load_checkpoint(checkpoint_path, weights_only=weights_only)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        own = self.lightning_module.state_dict()
        parts = {name: part_like(value, own.get(name)) for name, value in checkpoint["state_dict"].items()}
        self.lightning_module.load_state_dict(parts, strict=strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        for optimizer, saved in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            parameters = [value for group in optimizer.param_groups for value in group["params"]]
            state = {
                index: {name: part_like(value, parameters[index]) for name, value in moments.items()}
                for index, moments in saved["state"].items()
            }
            optimizer.load_state_dict({**saved, "state": state})

    def lightning_module_state_dict(self) -> dict[str, Any]:
        return gathered(self.lightning_module.state_dict(), keep=self.is_global_zero)

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        plain = optimizer.optimizer if isinstance(optimizer, LightningOptimizer) else optimizer
        saved = plain.state_dict()
        state = {index: gathered(moments, keep=self.is_global_zero) for index, moments in saved["state"].items()}
        return {**saved, "state": state}


def shard(network: nn.Module, mesh: DeviceMesh, *, half: bool) -> None:
    """Divides a network with `regions()` along a mesh, each of these and the rest on its own.

    half: Gather the regions in bfloat16, for autocast; gradients are summed in float32, as is what is kept. The norms
    of the regions, which autocast leaves in float32, then have weights that are rounded.
    """
    half_weights = MixedPrecisionPolicy(torch.bfloat16, torch.float32, cast_forward_inputs=False)
    for region in network.regions():
        fully_shard(region, mesh=mesh, mp_policy=half_weights if half else MixedPrecisionPolicy())
    # Not left gathered, as is usual for the rest: its parameters would not be found after a validation.
    fully_shard(network, mesh=mesh, reshard_after_forward=True)


def hold_whole(network: nn.Module) -> None:
    """Gathers all of a network until `hold_part`: processes may then run it alone, and unequally often."""
    for module in _divided(network):
        module.set_reshard_after_forward(False, recurse=False)
        module.unshard()


def hold_part(network: nn.Module) -> None:
    """Frees what `hold_whole` has gathered."""
    for module in _divided(network):
        module.set_reshard_after_forward(True, recurse=False)
        module.reshard()


def whole(value: Tensor) -> Tensor:
    """All of a tensor, which all processes must ask for if it is divided."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def own(value: Tensor) -> Tensor:
    """This process's part of a tensor, in the same memory."""
    return value.to_local() if isinstance(value, DTensor) else value


def part_like(value: Any, like: Tensor | None) -> Any:
    """A whole tensor divided and placed as another of its shape, without the other processes; else as it is."""
    if not isinstance(like, DTensor) or isinstance(value, DTensor) or value.shape != like.shape:
        return value
    # A clone, for a part is a view that would keep the memory of all.
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None).clone()


def gathered(values: Mapping[Any, Any], *, keep: bool) -> dict[Any, Any]:
    """The values with sharded tensors gathered on the CPU one by one; empty without `keep`.

    PyTorch's `get_model_state_dict` does this for a module and its optimizer, but not for an average.
    """
    found = {}
    for name, value in values.items():
        is_divided = isinstance(value, DTensor)
        value = whole(value) if is_divided else value
        if keep:
            found[name] = value.cpu() if is_divided else value
    return found


def _divided(network: nn.Module) -> Iterator[FSDPModule]:
    return (module for module in network.modules() if isinstance(module, FSDPModule))
