"""Print the kernels' source of a neuron: ``python -m snn.kernels show SEAdLIF form=euler``."""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import fields

import yaml

from snn.errors import SnnError
from snn.kernels.written import cpp, triton
from snn.neurons import Neuron
from snn.neurons.declaration import shipped
from snn.neurons.declaration.program import program


def main(arguments: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m snn.kernels", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="print generated source code")
    names = ", ".join(kind.__name__ for kind in shipped.SHIPPED)
    show.add_argument("neuron", help=f"{names}, or another's full name, package.module.Name")
    show.add_argument("options", nargs="*", metavar="OPTION=VALUE", help="of the neuron")
    show.add_argument("--triton", action="store_true", help="the GPU's instead of the CPU's")
    show.add_argument("--bias", action="store_true", help="with a bias of the drive")
    given = parser.parse_args(arguments)
    try:
        made = program(_neuron(given.neuron, given.options), given.bias)
    except SnnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(triton.source(made) if given.triton else cpp.source(made))
    return 0


def _neuron(name: str, options: list[str]) -> Neuron:
    known = {kind.__name__: kind for kind in shipped.SHIPPED}
    module, _, attribute = name.rpartition(".")
    try:
        kind = known.get(name) or getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError):
        names = ", ".join(known)
        raise SnnError(f"{name}: must be {names}, or the full name of another") from None
    if not (isinstance(kind, type) and issubclass(kind, Neuron)):
        raise SnnError(f"{name}: must be a class derived from snn.neurons.Neuron")
    values = {}
    for option in options:
        key, _, value = option.partition("=")
        wanted = ", ".join(f.name for f in fields(kind))
        if key not in {f.name for f in fields(kind)}:
            raise SnnError(f"{option}: {name} has no option {key}: must be one of {wanted}")
        values[key] = yaml.safe_load(value)
    return kind(**values)


if __name__ == "__main__":
    sys.exit(main())
