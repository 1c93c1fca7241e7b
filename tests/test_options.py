"""Options in groups, given by their plain names."""

import inspect
import typing
from dataclasses import dataclass

import pytest

from snn.checks import Positive
from snn.options import Options, grouped


@dataclass(frozen=True, kw_only=True)
class Pitch(Options):
    hertz: Positive = 440.0
    name: str = "a"


@dataclass(frozen=True, kw_only=True)
class Volume(Options):
    decibel: float = 60.0


@grouped
def play(*, seconds: float, pitch: Pitch, volume: Volume, twice: bool = False):
    """Plays."""
    return seconds, pitch, volume, twice


def test_fields_of_groups_are_keywords():
    assert play(seconds=1.0, hertz=220.0) == (1.0, Pitch(hertz=220.0), Volume(), False)
    assert play(seconds=2.0, decibel=3.0, twice=True) == (2.0, Pitch(), Volume(decibel=3.0), True)


def test_signature_and_annotations_are_those_of_the_fields():
    parameters = inspect.signature(play).parameters
    assert list(parameters) == ["seconds", "twice", "hertz", "name", "decibel"]
    assert parameters["hertz"].default == 440.0
    assert parameters["seconds"].default is inspect.Parameter.empty
    hints = typing.get_type_hints(play, include_extras=True)
    assert hints["hertz"] == Positive
    assert play.__doc__ == "Plays."


def test_what_nobody_knows_is_refused():
    with pytest.raises(TypeError, match="tempo"):
        play(seconds=1.0, tempo=3)
    with pytest.raises(TypeError, match="seconds"):
        play()


def test_a_name_may_occur_once():
    with pytest.raises(TypeError, match="two options hertz"):

        @grouped
        def hum(*, hertz: float, pitch: Pitch): ...
