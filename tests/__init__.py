"""Tests; what must happen before any of them imports a kernel."""

import os

import torch

# Triton reads this when it is imported: without a GPU its kernels are interpreted on the CPU.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
