"""Builds the CPU kernels where a C++ compiler is found, and puts conf/ into the package.

Everything else is in pyproject.toml.

Each instruction set becomes a shared library of its own, called through ctypes: neither Python's
nor PyTorch's headers are needed. The best one that the machine has is chosen at run time.

``SNN_SANITIZE=address,undefined`` builds them with the compiler's checks (docs/kernels.md).
"""

import os
import platform
import shutil
import sys
from glob import glob

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

SOURCES = "snn/kernels/cpu/cpp"
FLAGS = ["-std=c++17", "-O3", "-fvisibility=hidden", "-fno-math-errno", "-g0", "-Wno-psabi"]
OPENMP = "-fopenmp"
SANITIZE = []
if os.environ.get("SNN_SANITIZE"):
    checks = f"-fsanitize={os.environ['SNN_SANITIZE']}"
    SANITIZE = [checks, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1", "-O1"]
AVX2 = ["-mavx2", "-mfma", "-mbmi", "-mbmi2"]
AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"]
AMX = ["-mamx-tile", "-mamx-bf16"]

INSTRUCTION_SETS = {"baseline": []}
if platform.machine().lower() in ("x86_64", "amd64"):
    INSTRUCTION_SETS |= {"avx2": AVX2, "avx512": AVX2 + AVX512, "amx": AVX2 + AVX512 + AMX}


class BuildPackage(build_py):
    """Copies the configuration files into the package; an editable install reads them in place."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            inside = os.path.join(self.build_lib, "snn", "conf")
            shutil.rmtree(inside, ignore_errors=True)
            shutil.copytree("conf", inside)


class BuildKernels(build_ext):
    """Builds what this machine's compiler can build, and says what is lost with the rest."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or True  # libraries beside each other, on all cores

    def run(self) -> None:
        self.missing: dict[str, Exception] = {}
        super().run()
        if self.missing:
            problems = "; ".join(f"{name}: {error}" for name, error in self.missing.items())
            self.say(
                f"CPU kernels that could not be built: {problems}. Without any, training "
                "runs on plain PyTorch operations: the same results, many times slower on a CPU. "
                "Install a C++17 compiler (GCC or clang; for amx GCC 11 or clang 12) and install "
                "snn again to get them."
            )

    def build_extension(self, ext: Extension) -> None:
        for openmp in [OPENMP], []:
            ext.extra_compile_args = [*self.flags[ext.name], *SANITIZE, *openmp]
            ext.extra_link_args = [*SANITIZE, *openmp]
            try:
                super().build_extension(ext)
            except Exception as error:
                problem = error
                continue
            if not openmp:
                self.say(f"{ext.name} is built without OpenMP: it will use one thread.")
            return
        self.missing[ext.name] = problem

    @property
    def flags(self) -> dict[str, list[str]]:
        return {f"snn.kernels.cpu._{name}": FLAGS + own for name, own in INSTRUCTION_SETS.items()}

    def get_export_symbols(self, ext: Extension) -> list[str]:
        return []  # these are plain libraries, without Python's module initialisation

    @staticmethod
    def say(message: str) -> None:
        print(f"snn: {message}", file=sys.stderr, flush=True)


setup(
    ext_modules=[
        Extension(
            f"snn.kernels.cpu._{name}",
            [f"{SOURCES}/{name}.cpp"],
            depends=sorted(glob(f"{SOURCES}/*.hpp")),
            language="c++",
            optional=True,
        )
        for name in INSTRUCTION_SETS
    ],
    cmdclass={"build_ext": BuildKernels, "build_py": BuildPackage},
)
