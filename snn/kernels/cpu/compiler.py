"""Neurons that were not compiled when the package was installed: a library each, kept on disk.

Whoever needs one first compiles it with the system's compiler. The file's name stands for all that
decides its content, so that no other process, version or machine takes it for its own.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

from snn.errors import SnnError
from snn.kernels.cpu import flags
from snn.kernels.cpu.library import Library, bind_neurons
from snn.kernels.written import cpp
from snn.kernels.written.folder import folder
from snn.neurons.declaration.program import Program

log = logging.getLogger(__name__)

HEADERS = Path(__file__).parent / "cpp"
_loaded: dict[Path, ctypes.CDLL] = {}


class CompilerError(SnnError):
    """A neuron's functions cannot be compiled here; the message says why and what helps."""


def library(program: Program, kernels: Library) -> ctypes.CDLL:
    """The compiled functions of a neuron, for the instruction set of these kernels.

    Raises:
        CompilerError: there is no compiler, it fails, or the result cannot be kept.
    """
    source = cpp.library([program])
    command = [*_compiler(program), *flags.COMMON, *flags.INSTRUCTION_SETS[kernels.name]]
    content = hashlib.sha256("\n".join([source, *command, _headers()]).encode()).hexdigest()
    path = folder() / f"{cpp.key(program)}_{kernels.name}_{content[:16]}.so"
    if path not in _loaded:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{path}.lock"):
                if not path.exists():
                    _compile(program, source, command, path)
            _loaded[path] = ctypes.CDLL(str(path))
        except OSError as error:
            raise CompilerError(
                f"{program.neuron.place}: its compiled form cannot be kept in {path.parent} "
                f"({error}); name another folder with the environment variable SNN_CACHE"
            ) from None
        bind_neurons(_loaded[path])
    return _loaded[path]


def _compiler(program: Program) -> list[str]:
    named = os.environ.get("CXX")
    candidates = [shlex.split(named)] if named else [["c++"], ["g++"], ["clang++"]]
    for candidate in candidates:
        if candidate and shutil.which(candidate[0]):
            return candidate
    looked = named or "c++, g++, clang++"
    raise CompilerError(
        f"{program.neuron.place}: there is no C++ compiler here to compile it for the CPU kernels "
        f"(looked for {looked}); install GCC or clang, or name one in the environment variable CXX"
    )


def _headers() -> str:
    return "\n".join(path.read_text() for path in sorted(HEADERS.glob("*.hpp")))


def _compile(program: Program, source: str, command: list[str], path: Path) -> None:
    log.info("compiling %s for the CPU kernels", type(program.neuron).__name__)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as scratch:
        file, result = Path(scratch) / f"{cpp.key(program)}.cpp", Path(scratch) / "neuron.so"
        file.write_text(source)
        command = [*command, "-fPIC", "-shared", f"-I{HEADERS}", str(file), "-o", str(result)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            said = next((x for x in run.stderr.splitlines() if "error" in x), run.stderr[-300:])
            raise CompilerError(
                f"{program.neuron.place}: {command[0]} cannot compile it for the CPU kernels: "
                f"{said.strip()}"
            )
        os.replace(result, path)
