"""What of a page is the same wherever it is made: pictures by their pixels, losses where they are known, all else."""

import base64
import hashlib
import io
import re

from PIL import Image

_MOST_PIXELS = 2**26
"""Of a picture that is decoded; of a larger one the text is compared."""
_PNG = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
_JPEG = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+")
_BLANK = re.compile(r"\n{2,}")
_LOSSES = re.compile(r'<section id="losses">.*?</section>|<li><a href="#losses">.*?</li>', re.DOTALL)


def comparable(text: str, with_losses: bool) -> str:
    """A page without what depends on the machine that made it.

    The same pixels make other bytes with another version of a library, so lossless pictures are replaced by hashes of
    their pixels; those that were compressed with loss are left to the checksum of the file.

    Args:
        with_losses: whether losses are kept, which are known only where the jobs are at hand.
    """
    text = _JPEG.sub("a picture", _PNG.sub(lambda found: _pixels(found[1]) or found[0], text))
    return text if with_losses else _BLANK.sub("\n", _LOSSES.sub("", text))


def _pixels(encoded: str) -> str:
    """The hash of a PNG's pixels; empty if it is none that can be read."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(encoded)), formats=("PNG",)) as image:
            if image.width * image.height > _MOST_PIXELS:
                return ""
            about = f"{image.mode} {image.size}"
            return f"{about} {hashlib.sha256(image.tobytes()).hexdigest()}"
    except Exception:  # a broken picture may raise any error
        return ""
