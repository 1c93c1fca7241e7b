"""A terminal of 80 columns: commands run in it, and what stands on its screen."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading
import time

from tests.commands import ROOT, started

COLUMNS = 80
_CODE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")


class Screen:
    """What a terminal shows of the text that is written to it, as far as this program uses one.

    Lines that leave it at the top are kept.
    """

    def __init__(self, columns: int = COLUMNS) -> None:
        self.columns = columns
        self.cells: list[list[str]] = [[]]
        self.row = self.column = 0
        self.most_bars = 0
        """The most lines with a bar that stood there at once."""
        self._rest = ""

    @property
    def lines(self) -> list[str]:
        lines = ["".join(row).rstrip() for row in self.cells]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def feed(self, text: str) -> None:
        """Write to it."""
        text = self._rest + text
        self._rest = ""
        place = 0
        while place < len(text):
            if text[place] == "\x1b":
                match = _CODE.match(text, place)
                if match is None:
                    self._rest = text[place:]
                    return
                self._obey(match[2], match[3])
                place = match.end()
            else:
                self._put(text[place])
                place += 1

    def _obey(self, number: str, code: str) -> None:
        count = int(number) if number.isdigit() else 1
        if code == "A":
            self.row = max(0, self.row - count)
        elif code == "K":
            assert number == "2", number
            self.cells[self.row] = []
        else:
            assert code in "mhl", code  # colours, and whether there is a cursor

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
            return
        if character == "\n":
            self._down()
            return
        if self.column == self.columns:
            self._down()
            self.column = 0
        row = self.cells[self.row]
        row += [" "] * (self.column + 1 - len(row))
        row[self.column] = character
        self.column += 1
        if character in "━─":
            drawn = (index for index in range(len(self.cells)) if self._has_bar(index))
            self.most_bars = max(self.most_bars, sum(1 for _ in drawn))

    def _has_bar(self, index: int) -> bool:
        return re.match(r"(epoch|measuring) .*[━─]", "".join(self.cells[index])) is not None

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.cells):
            self.cells.append([])


class Session:
    """A command in such a terminal.

    Args:
        arguments: of ``train.py``.
    """

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._master, terminal = pty.openpty()
        size = struct.pack("HHHH", 24, COLUMNS, 0, 0)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
        surroundings = {"TERM": "xterm", "COLUMNS": str(COLUMNS), **environment}
        self.process = started(*arguments, cwd=ROOT, terminal=terminal, **surroundings)
        os.close(terminal)
        self.screen, self.raw = Screen(), ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        decode = codecs.getincrementaldecoder("utf-8")().decode
        while True:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # nobody has it open any more
                piece = b""
            if not piece:
                return
            text = decode(piece)
            self.raw += text
            self.screen.feed(text)

    def await_text(self, text: str) -> None:
        """Wait until it has been written."""
        deadline = time.monotonic() + 300
        while text not in self.raw:
            assert self.process.poll() is None, self.screen.lines
            assert time.monotonic() < deadline, self.screen.lines
            time.sleep(0.01)

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> list[str]:
        """Wait for its end; the lines on the screen."""
        try:
            self.process.wait(300)
        finally:
            self.process.kill()
        self._reader.join(60)
        os.close(self._master)
        return self.screen.lines
