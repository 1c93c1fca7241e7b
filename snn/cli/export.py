"""Write a trained network to a file of another program; the file's ending says which.

  .nir   a graph in NIR, for simulators and neuromorphic chips
  .pt2   one step of inference as a program of torch.export
  .onnx  the same for ONNX's runtimes

docs/export.md shows how each is used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from snn.errors import ExportError

ENDINGS = (".nir", ".pt2", ".onnx")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="directory of a run, or a checkpoint in it")
    parser.add_argument("file", type=Path, help=f"to be written; ends in {', '.join(ENDINGS)}")
    parser.add_argument("--weights", choices=("best", "last"), help="of a run's directory")
    nir = parser.add_argument_group("NIR")
    nir.add_argument("--dt", type=float, help="seconds per step, for the simulator too [1e-4]")
    nir.add_argument("--portable", action="store_true", help="as simulators' importers want it")
    nir.add_argument(
        "--allow-difference",
        action="store_true",
        help="export what NIR cannot say exactly, and print what differs",
    )


def execute(options: argparse.Namespace) -> int:
    from snn.runs.loading import load

    ending = options.file.suffix
    if ending not in ENDINGS:
        raise ExportError(f"{options.file}: must end in {', '.join(ENDINGS)}")
    only_nir = options.dt is not None or options.portable or options.allow_difference
    if only_nir and ending != ".nir":
        raise ExportError(f"{options.file}: --dt, --portable, --allow-difference are for .nir")
    network = load(options.run, options.weights).network
    if ending == ".nir":
        from snn.export.nir import DT, differences, save_nir, to_nir

        graph = to_nir(
            network,
            DT if options.dt is None else options.dt,
            portable=options.portable,
            allow_difference=options.allow_difference,
        )
        for text in differences(network):
            print(f"difference: {text}")
        save_nir(graph, options.file)
    else:
        from snn.export.program import save_onnx, save_step

        (save_step if ending == ".pt2" else save_onnx)(network, options.file)
    print(options.file)
    return 0
