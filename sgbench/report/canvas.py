"""The canvas of figures, and how it is saved: without time or version, so that the same input gives the same bytes.

As PNG, or as PDF with letters and lines as such, to be printed.

matplotlib's global state is not used: figures are drawn in ``style.own_style``, by the backends Agg and PDF.
"""

import warnings
import zlib
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Affine2D
from PIL import Image

from sgbench.report.fonts import families
from sgbench.report.style import INK, MUTED
from sgbench.support.atomic import replacing, write_buffered

DPI = 100
PRINT = 3
"""The scale of figures that are printed: 300 pixels an inch."""
_NOTHING = dict.fromkeys(("Creator", "Producer", "CreationDate"))
"""What a PDF says of its making."""
_ROWS_AT_ONCE = 256
_PACKED_TIGHTLY = 2**23
"""Pixels of a picture up to which a file is made as small as it can be, which takes three times as long."""


def new_figure(width: float, height: float, scale: int = 1) -> Figure:
    """A figure of ``width * scale`` by ``height * scale`` pixels, ``scale`` times finer than on a screen."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI * scale, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    FigureCanvasAgg(figure)
    return figure


class Pixels(Artist):
    """Pixels that fill a part of a figure: ``figimage`` would resample them, with eighty bytes for each.

    A PNG has a square of pixels for each, a PDF the pixels themselves.
    """

    def __init__(self, pixels: np.ndarray, place: tuple[int, int, int, int], dpi: float):
        """Show uint8 [H, W, 3].

        Args:
            place: left, top, width and height in the figure's pixels; whole multiples of W and H.
            dpi: of these pixels.
        """
        super().__init__()
        self.set_zorder(0)
        self._rgba = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        self._place, self._dpi = place, dpi

    def draw(self, renderer: RendererBase) -> None:
        """Put the pixels on the canvas; it counts rows from below."""
        left, top, width, height = self._place
        own, unit = self._rgba[::-1], self.figure.dpi / self._dpi
        gc = renderer.new_gc()
        if renderer.option_scale_image():
            to_place = Affine2D().scale(width * unit, height * unit)
            renderer.draw_image(gc, left * unit, self.figure.bbox.height - (top + height) * unit, own, to_place)
        else:
            below = round(self.figure.bbox.height) - top - height
            renderer.draw_image(gc, left, below, own.repeat(height // len(own), 0).repeat(width // own.shape[1], 1))


def plain(axes: Axes, title: str) -> None:
    """Remove the frame of axes, and put a title to the left."""
    axes.set_title(title, fontsize=10.5, color=INK, loc="left", fontweight="bold")
    axes.tick_params(colors=MUTED, labelsize=9, length=0)
    axes.spines[:].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Write the figure, completely or not at all, as PDF if the path says so, else as PNG.

    Texts are drawn as they are, not as mathematics.
    """
    texts = figure.findobj(Text)
    fonts = families(text.get_text() for text in texts)
    for text in texts:
        text.set(parse_math=False, usetex=False, fontfamily=fonts)
    with warnings.catch_warnings(), replacing(path) as partial:
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # fonts has told of it
        if path.suffix == ".pdf":
            with rc_context({"pdf.fonttype": 42}):
                write_buffered(partial, lambda file: FigureCanvasPdf(figure).print_pdf(file, metadata=_NOTHING))
        else:
            figure.canvas.draw()
            opaque = _taken(figure.canvas)
            small = opaque.width * opaque.height <= _PACKED_TIGHTLY
            write_buffered(partial, lambda file: opaque.save(file, format="PNG", optimize=small))


def _taken(canvas: FigureCanvasAgg) -> Image.Image:
    """The pixels of a canvas, which loses them: 200 systems have 36 million, and there is memory for them once.

    So they are packed, a few rows at a time, before there is memory for the picture; most are white.
    """
    width, height = canvas.get_width_height()
    pixels = np.asarray(canvas.buffer_rgba())
    packed = {y: zlib.compress(pixels[y : y + _ROWS_AT_ONCE], 1) for y in range(0, height, _ROWS_AT_ONCE)}
    del pixels
    vars(canvas.renderer).clear()  # texts keep the renderer, but its pixels are not needed any more
    picture = Image.new("RGB", (width, height))
    for y, data in packed.items():
        size = width, min(_ROWS_AT_ONCE, height - y)
        picture.paste(Image.frombytes("RGB", size, zlib.decompress(data), "raw", "RGBX"), (0, y))
    return picture
