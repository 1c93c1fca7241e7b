"""Builds the CPU kernels where a C++ compiler is found, and puts conf/ into the package.

Everything else is in pyproject.toml.

The functions of the neurons are written out from their declarations first. Each instruction set
becomes a shared library of its own, called through ctypes: neither Python's
nor PyTorch's headers are needed. The best one that the machine has is chosen at run time.

``SNN_SANITIZE=address,undefined`` builds them with the compiler's checks (docs/kernels.md).
"""

import os
import shutil
import sys
from glob import glob
from pathlib import Path
from types import ModuleType

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

for package in ("snn", "snn.neurons", "snn.kernels", "snn.kernels.cpu"):
    # their own __init__ needs PyTorch, which is not there yet; what is imported below does not
    sys.modules[package] = module = ModuleType(package)
    module.__path__ = [str(Path(__file__).parent.joinpath(*package.split(".")))]

from snn.kernels.cpu.flags import COMMON, INSTRUCTION_SETS, OPENMP  # noqa: E402
from snn.kernels.written import cpp  # noqa: E402
from snn.neurons.declaration import shipped  # noqa: E402

SOURCES = "snn/kernels/cpu/cpp"
NEURONS = "build/neurons/neurons_{}.cpp"
SANITIZE = []
if os.environ.get("SNN_SANITIZE"):
    checks = f"-fsanitize={os.environ['SNN_SANITIZE']}"
    SANITIZE = [checks, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1", "-O1"]


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
        written = cpp.library(shipped.programs())
        for name in INSTRUCTION_SETS:  # a file for each, so that each has an object file
            path = Path(NEURONS.format(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text() != written:  # else all is compiled again
                path.write_text(written)
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
        return {f"snn.kernels.cpu._{name}": COMMON + own for name, own in INSTRUCTION_SETS.items()}

    def get_export_symbols(self, ext: Extension) -> list[str]:
        return []  # these are plain libraries, without Python's module initialisation

    @staticmethod
    def say(message: str) -> None:
        print(f"snn: {message}", file=sys.stderr, flush=True)


setup(
    ext_modules=[
        Extension(
            f"snn.kernels.cpu._{name}",
            [f"{SOURCES}/{name}.cpp", NEURONS.format(name)],
            include_dirs=[SOURCES],
            depends=[
                *sorted(glob(f"{SOURCES}/*.hpp")),
                *glob("snn/neurons/**/*.py", recursive=True),
            ],
            language="c++",
            optional=True,
        )
        for name in INSTRUCTION_SETS
    ],
    cmdclass={"build_ext": BuildKernels, "build_py": BuildPackage},
)
