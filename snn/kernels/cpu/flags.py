"""Flags of the C++ compiler, for the installation and for neurons that are compiled later."""

from __future__ import annotations

import platform

COMMON = ["-std=c++17", "-O3", "-fvisibility=hidden", "-fno-math-errno", "-g0", "-Wno-psabi"]
OPENMP = "-fopenmp"
_AVX2 = ["-mavx2", "-mfma", "-mbmi", "-mbmi2"]
_AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"]
_AMX = ["-mamx-tile", "-mamx-bf16"]

INSTRUCTION_SETS: dict[str, list[str]] = {"baseline": []}
"""Those of this kind of machine, with their flags."""
if platform.machine().lower() in ("x86_64", "amd64"):
    INSTRUCTION_SETS |= {"avx2": _AVX2, "avx512": _AVX2 + _AVX512, "amx": _AVX2 + _AVX512 + _AMX}
