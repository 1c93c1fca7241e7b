"""Whether Triton can compile and run anything at all here: it needs a C compiler, for one."""

import torch
import triton
import triton.language as tl


@triton.jit
def _add_one(x):
    tl.store(x, tl.load(x) + 1.0)


def run(device: torch.device) -> None:
    """Run a kernel of one line; raises whatever goes wrong."""
    x = torch.zeros(1, device=device)
    with torch.cuda.device_of(x):
        _add_one[(1,)](x)
    if x.item() != 1.0:
        raise RuntimeError("a kernel that adds one has not added one")
