"""The page of ``train.py --help``: the template of ``conf/hydra/help/train.yaml``, filled in.

Hydra fills in the same page, but composes the configuration a hundred times for it, which takes
seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template

from snn.places import program

WORDS = {"-h", "--help"}


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Whether a command line wants the page, of the configuration as it lies there.

    Hydra answers where other folders of configurations are named.
    """
    elsewhere = any(a.startswith(("--config", "-c", "hydra.", "+hydra.")) for a in arguments)
    return bool(WORDS & set(arguments)) and not elsewhere


def page(config_dir: Path) -> str:
    """The page's text.

    Args:
        config_dir: where the configuration files lie.
    """
    from omegaconf import OmegaConf

    node = OmegaConf.load(config_dir / "hydra" / "help" / "train.yaml")
    node = OmegaConf.to_container(OmegaConf.create({"hydra": {"help": node}}), resolve=True)
    template = Template(node["hydra"]["help"]["template"])
    text = template.substitute(APP_CONFIG_GROUPS="\n".join(groups(config_dir)) + "\n")
    return text.replace("python train.py", program("train"))


def groups(config_dir: Path) -> list[str]:
    """``group: its choices`` for each folder of choices, but for Hydra's own."""
    folders = sorted(folder for folder in config_dir.rglob("*") if folder.is_dir())
    lines = []
    for folder in folders:
        name = folder.relative_to(config_dir).as_posix()
        choices = sorted(file.stem for file in folder.glob("*.yaml"))
        if choices and name.split("/")[0] != "hydra":
            lines.append(f"{name}: {', '.join(choices)}")
    return lines
