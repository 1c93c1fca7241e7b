"""Data modules: download, encode once, split, and hand out batches of spikes.

A data set's module, with Lightning and its file format, is imported when it is asked for.
"""

from snn.lazy import lazy

_HOMES = {
    "SHD": "snn.data.shd",
    "TBL": "snn.data.tbl",
    "FashionMNIST": "snn.data.fashion_mnist",
    "Randman": "snn.data.randman",
    "SpikeDataModule": "snn.data.base",
    "Split": "snn.data.samples",
}
__all__ = ["SHD", "TBL", "FashionMNIST", "Randman", "SpikeDataModule", "Split"]

__getattr__, __dir__ = lazy(__name__, _HOMES)
