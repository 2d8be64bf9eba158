"""GIF (GIF89a): a screen, then images and extensions in blocks of up to 255 bytes, up to the trailer."""

from typing import Final

import attrs

from crm_core.rules.image_files.steps import Give, Pass, Program, Step, Take, Window
from crm_core.rules.images import not_an_image

_EXTENSION: Final = 0x21
_IMAGE: Final = 0x2C
_TRAILER: Final = 0x3B
_COMMENT: Final = 0xFE
_APPLICATION: Final = 0xFF
#: Application extensions that affect how the picture looks: repetitions and colours.
_APPLICATIONS_KEPT: Final = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"})
_HAS_PALETTE: Final = 0x80


@attrs.define
class Blocks(Step):
    """Keep or remove a chain of blocks, which ends with an empty block."""

    keeps: bool
    _left: int = 0

    def advance(self, window: Window) -> bool:
        """Process the blocks that have arrived; many small blocks cost no more than their bytes."""
        data, end, place = window.data, len(window.data), window.start + self._left
        while place < end and (size := data[place]):
            place += size + 1
        is_over = place < end
        passed = window.take(place + 1 if is_over else end)
        self._left = 0 if is_over else place - end
        if self.keeps:
            window.kept.append(passed)
        return is_over


def read_gif() -> Program:
    """Read a GIF; keep images, and extensions that affect how they look."""
    screen = yield Take(13)
    yield Give(screen)
    yield Pass(_palette_bytes(screen[10]))
    while (introducer := (yield Take(1)))[0] != _TRAILER:
        if introducer[0] == _IMAGE:
            yield from _image(introducer)
        elif introducer[0] == _EXTENSION:
            yield from _extension(introducer)
        else:
            raise not_an_image()
    yield Give(introducer)


def _image(introducer: bytes) -> Program:
    descriptor = yield Take(9)
    yield Give(introducer + descriptor)
    yield Pass(_palette_bytes(descriptor[8]) + 1)  # and the size of the first codes
    yield Blocks(keeps=True)


def _extension(introducer: bytes) -> Program:
    head = yield Take(2)  # which extension, and the size of its first block
    first = (yield Take(head[1])) if head[1] else b""
    is_foreign = head[0] == _APPLICATION and first not in _APPLICATIONS_KEPT
    keeps = head[0] != _COMMENT and not is_foreign
    if keeps:
        yield Give(introducer + head + first)
    if head[1]:
        yield Blocks(keeps)


def _palette_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & _HAS_PALETTE else 0
