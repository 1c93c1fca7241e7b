"""What stands for CUDA graphs of training steps where there is no GPU."""

import torch

from snn.kernels.gpu import graphs, steps
from tests.kernels.gpu_case import DEVICE


class StandIn:
    """Replays a function as a graph would: into the tensors of its first results."""

    def __init__(self, run):
        self.run, self.results = run, run()

    def replay(self):
        with torch.enable_grad():
            for old, new in zip(self.results, self.run(), strict=True):
                if old is not None:
                    old.copy_(new)


def stand_in(monkeypatch):
    """Let steps be captured and replayed without a GPU too."""
    if DEVICE.type == "cuda":
        return

    def record(run):
        random = torch.get_rng_state()
        graph = StandIn(run)
        torch.set_rng_state(random)
        return graph, graph.results

    monkeypatch.setattr(steps, "usable", lambda device: True)
    monkeypatch.setattr(graphs, "_record", record)
