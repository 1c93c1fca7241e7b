"""Data modules: download, encode once, split, and hand out batches of spikes."""

from snn.data.base import SpikeDataModule, Split
from snn.data.fashion_mnist import FashionMNIST
from snn.data.randman import Randman
from snn.data.shd import SHD
from snn.data.tbl import TBL

__all__ = ["SHD", "TBL", "FashionMNIST", "Randman", "SpikeDataModule", "Split"]
