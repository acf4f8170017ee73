"""Names within Lightning that are used here and that it promises to nobody: setup.cfg allows the versions with them."""

import inspect

import torch
from miniature import Toy, loader, trainer
from pytorch_lightning.cli import LightningCLI


def test_methods_of_its_command_line():
    used = {"_parse_ckpt_path": [], "_run_subcommand": ["subcommand"], "_get": ["config", "key"]}
    for name, parameters in used.items():
        assert list(inspect.signature(getattr(LightningCLI, name)).parameters)[1:][: len(parameters)] == parameters
    source = inspect.getsource(LightningCLI.__init__)
    assert "self._parse_ckpt_path()" in source and "self._run_subcommand(self.subcommand)" in source


def test_state_of_its_loops(tmp_path):
    run, batches = trainer(tmp_path, max_steps=1), loader(torch.zeros(1, 5, 3))
    run.fit(Toy(), batches, batches)
    validation = run.fit_loop.epoch_loop.val_loop
    assert (validation._has_run, validation.restarting) == (True, False)
    assert run.fit_loop.epoch_loop.max_steps == 1
    assert run._accelerator_connector.cluster_environment is not None
    run.save_checkpoint(tmp_path / "run.ckpt")
    loops = torch.load(tmp_path / "run.ckpt", weights_only=True)["loops"]["fit_loop"]
    counters = {"ready": 1, "started": 1, "processed": 1, "completed": 1}
    assert loops["epoch_progress"] == {"total": counters, "current": counters}
    for name in ("epoch_loop.batch_progress", "epoch_loop.val_loop.batch_progress"):
        assert loops[name].keys() == {"total", "current", "is_last_batch"}
        assert loops[name]["total"] == counters
