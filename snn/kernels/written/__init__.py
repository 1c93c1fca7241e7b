"""Kernels' source code, written out from the declarations of neurons. Needs no PyTorch."""
