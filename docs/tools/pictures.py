"""Draws the two pictures of the README, from a run and a sweep.

python train.py hydra.run.dir=outputs/picture
python train.py -m sweep=randman model.nb_hidden=20,40 model.scale=10,100 seed=1,2 \
    trainer.max_epochs=3 hydra.sweep.dir=outputs/pictures
python sweep_summary.py outputs/pictures
python docs/tools/pictures.py outputs/picture outputs/pictures

The raster is the last one that the run logged to TensorBoard; the other picture is what a Chromium
shows of the sweep's report.
"""

from __future__ import annotations

import argparse
import base64
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).resolve().parents[2]
COLOURS = 64  # of drawings with few; a file of a third of the size
WIDTH, LEFT_OUT = 1400, 12  # pixels of the screen; rows of the table below those shown


def raster(run: Path) -> Image.Image:
    """The last raster of a run."""
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return Image.open(io.BytesIO(events.Images("spikes")[-1].encoded_image_string))


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
        ("images/raster.png", raster(options.run)),
        ("report.png", report(options.sweep)),
    ):
        file = options.into / name
        file.parent.mkdir(parents=True, exist_ok=True)
        image.convert("RGB").quantize(COLOURS).save(file, optimize=True)
        print(f"{file}: {image.width} x {image.height}, {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
