"""Draws the two pictures of the README, from a run and a sweep.

python train.py hydra.run.dir=outputs/picture
python train.py -m model.nb_hidden=20,40 data.nb_steps=30,60,100 model.scale=10,100 \
    model.regularizer=1e-6,1e-5,1e-4 seed=1,2 trainer.max_epochs=3 optimizer.lr=2e-3 \
    hydra.sweep.dir=outputs/pictures
python sweep_summary.py outputs/pictures
python docs/tools/pictures.py outputs/picture outputs/pictures

The raster is of four samples of the run's validation part; the other picture is what a Chromium
shows of the sweep's report.
"""

from __future__ import annotations

import argparse
import base64
import io
import sys
import tempfile
from pathlib import Path

import torch
from PIL import Image

import snn
from snn.plots import raster

ROOT = Path(__file__).resolve().parents[2]
COLOURS = 64  # of drawings with few; a file of a third of the size
WIDTH, LEFT_OUT = 1400, 12  # pixels of the screen; rows of the table below those shown


def spikes(run: Path) -> Image.Image:
    """Input and hidden spikes of a trained network."""
    trained = snn.load(run, "last")
    trained.data.setup("fit")
    inputs, labels = trained.data.val[torch.linspace(0, len(trained.data.val) - 1, 4).long()]
    titles = [f"class {trained.class_names[label]}" for label in labels.tolist()]
    content = io.BytesIO()
    raster(trained.trace(inputs), titles, trained.data.time_step).savefig(content)
    return Image.open(content)


def report(sweep: Path) -> Image.Image:
    """The part of a sweep's report that can be touched."""
    sys.path.insert(0, str(ROOT))
    from tests.analysis.browser import browser

    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as opened:
        page = opened.page()
        page.view(WIDTH, 1200)
        page.open(sweep / "summary" / "report.html")
        page.wait("document.querySelectorAll('#runs tbody tr').length > 0")
        page.run(
            "document.getElementById('best-five').click();"
            f"document.querySelectorAll('#runs tbody tr:nth-child(n + {LEFT_OUT})')"
            ".forEach(row => row.remove())"
        )
        box = page.run(
            "(b => ({x: 0, y: b.top + scrollY, width: innerWidth, height: b.height, scale: 1}))"
            "(document.getElementById('app').getBoundingClientRect())"
        )
        shot = page.call("Page.captureScreenshot", clip=box, captureBeyondViewport=True)
    return Image.open(io.BytesIO(base64.b64decode(shot["data"])))


def main() -> None:
    """Both of them, into docs/."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--into", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    for name, image in (
        ("images/raster.png", spikes(options.run)),
        ("report.png", report(options.sweep)),
    ):
        file = options.into / name
        file.parent.mkdir(parents=True, exist_ok=True)
        image.convert("RGB").quantize(COLOURS).save(file, optimize=True)
        print(f"{file}: {image.width} x {image.height}, {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
