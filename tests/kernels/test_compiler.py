"""Neurons that are compiled when they are first used: once for all, or not at all and said so."""

import multiprocessing
import os
import shutil

import pytest
import torch

from snn.errors import ConfigError
from snn.kernels.cpu import compiler, library
from snn.network import SpikingNetwork
from snn.network.layers import LeakyReadout
from snn.network.neuron_layer import NeuronLayer
from snn.neurons.declaration.program import program
from tests.kernels.random_neurons import drawn
from tests.requirements import absent, needs

pytestmark = needs("cpu")
COMPILER = shutil.which(os.environ.get("CXX", "c++"))


def network_of(seed: int, backend: str) -> SpikingNetwork:
    layer = NeuronLayer(4, 5, drawn(seed))
    return SpikingNetwork([layer], LeakyReadout(5, 2, 0.8, 0.9), backend=backend)


@pytest.mark.parametrize(
    ("seed", "named", "message"),
    [
        (901, "no-such-compiler", "there is no C++ compiler here"),
        (904, "false", "false cannot compile it for the CPU kernels"),
    ],
)
def test_without_a_compiler_the_reference_runs_and_the_reason_is_said(
    seed, named, message, monkeypatch, tmp_path, caplog
):
    monkeypatch.setenv("CXX", named)
    monkeypatch.setenv("SNN_CACHE", str(tmp_path))
    x = torch.rand(2, 3, 4)
    network = network_of(seed, "auto")
    with caplog.at_level("INFO"):
        network(x)
    assert network.last_backend == "einsum"
    assert message in caplog.text
    assert not list(tmp_path.rglob("*.so"))
    with pytest.raises(ConfigError, match=r"model\.backend=.cpu.: must be auto or einsum"):
        network_of(seed, "cpu")(x)


def test_a_folder_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "neurons").write_text("in the way")
    monkeypatch.setenv("SNN_CACHE", str(tmp_path))
    with pytest.raises(compiler.CompilerError, match="environment variable SNN_CACHE"):
        compiler.library(program(drawn(902)), library.loaded())


def _compile(seed: int) -> None:
    compiler.library(program(drawn(seed)), library.loaded())


def test_many_processes_compile_a_neuron_once(monkeypatch, tmp_path):
    if not COMPILER:
        absent("cpu", "no C++ compiler")
    log = tmp_path / "log"
    script = tmp_path / "cxx"
    script.write_text(f'#!/bin/sh\necho once >> {log}\nexec {COMPILER} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    monkeypatch.setenv("SNN_CACHE", str(tmp_path / "cache"))
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_compile, args=(903,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert log.read_text().splitlines() == ["once"]
    assert len(list((tmp_path / "cache" / "neurons").glob("*.so"))) == 1
