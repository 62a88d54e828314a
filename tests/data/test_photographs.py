"""Photographs: formats, sizes, orientation, and metadata that is nobody's business."""

import io
import os
import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image

from sgbench.data.sources.celeba import CelebA
from sgbench.data.sources.decoding import FORMATS, size_of_photograph
from sgbench.data.sources.photographs import centred_square, read_photograph, sample_bytes
from sgbench.support.errors import UserError

GRADIENT = np.stack([np.tile(np.arange(64, dtype=np.uint8) * 3, (48, 1))] * 3, 2)
GRADIENT[:24, :, 0] = 255
ORIENTATION, GPS = 0x0112, 0x8825


def read(path):
    return read_photograph(path, centred_square, 32)


def jpeg(path, exif=b""):
    Image.fromarray(GRADIENT).save(path, "JPEG", quality=95, exif=exif)
    return path


def exif_with(orientation=None, gps=None):
    exif = Image.Exif()
    if orientation:
        exif[ORIENTATION] = orientation
    if gps:
        exif.get_ifd(GPS).update(gps)
    return exif.tobytes()


def broken_gps():
    """A latitude of 0/0, and one of a signed type that GPS has not."""
    exif = exif_with(6, {2: (0.25, 1.0, 1.0)})
    at = exif.index(struct.pack("<II", 1, 4) if exif[6:8] == b"II" else struct.pack(">II", 1, 4))
    return exif[:at] + bytes(8) + exif[at + 8 :]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read(kind, tmp_path):
    path = tmp_path / "x"
    Image.fromarray(GRADIENT).save(path, kind)
    assert np.abs(read(path).astype(int) - read(jpeg(tmp_path / "y")).astype(int)).mean() < 16


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright_as_its_tag_says(orientation, tmp_path):
    from PIL import ImageOps

    path = jpeg(tmp_path / "x.jpg", exif_with(orientation))
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
    upright.save(tmp_path / "upright.png")
    assert np.array_equal(read(path), read(tmp_path / "upright.png"))
    assert size_of_photograph(path) == upright.size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_with_a_tag_is_turned_once(orientation, tmp_path):
    expected = read(jpeg(tmp_path / "x.jpg", exif_with(orientation)))
    for kind, options in {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}.items():
        path = tmp_path / kind
        Image.fromarray(GRADIENT).save(path, kind, exif=exif_with(orientation), **options)
        assert np.abs(read(path).astype(int) - expected).mean() < 4, kind
        assert size_of_photograph(path) == size_of_photograph(tmp_path / "x.jpg"), kind


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_pixels_whose_range_nothing_says_are_refused(dtype, tmp_path):
    Image.fromarray(GRADIENT[..., 1].astype(dtype)).save(tmp_path / "x.tif")
    with pytest.raises(UserError, match=r"x\.tif: not a readable image \(.*, whose range nothing says\)"):
        read(tmp_path / "x.tif")


def test_a_broken_number_of_a_place_does_not_matter(tmp_path):
    expected = read(jpeg(tmp_path / "a.jpg", exif_with(6)))
    assert np.array_equal(read(jpeg(tmp_path / "b.jpg", broken_gps())), expected)


@pytest.mark.parametrize("exif", [b"", b"II*\0\xff\xff", b"Exif\0\0MM\0*", bytes(9)])
def test_broken_metadata_does_not_matter(exif, tmp_path):
    assert np.array_equal(read(jpeg(tmp_path / "x.jpg", b"Exif\0\0" + exif)), read(jpeg(tmp_path / "y.jpg")))


def test_a_drawing_called_jpg_starts_no_other_program(tmp_path, monkeypatch):
    path = tmp_path / "x.jpg"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n")

    def started(*arguments, **settings):
        raise AssertionError(arguments)

    monkeypatch.setattr(subprocess, "Popen", started)
    with pytest.raises(UserError, match=r"x\.jpg: not a readable image \(it is none of JPEG, PNG, .*; replace or"):
        read(path)


def says(width, height):
    """A PNG of few pixels whose header says this size."""
    file = io.BytesIO()
    Image.fromarray(GRADIENT).save(file, "PNG")
    content = file.getvalue()
    header = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


def test_more_pixels_than_the_limit_are_refused_by_the_header(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(says(9000, 9000))
    with pytest.raises(UserError, match="it has 81,000,000 pixels; at most 67,108,864 are decoded"):
        read(path)


def test_a_pipe_is_refused_and_skipped_at_once(tmp_path):
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(UserError, match=r"x\.jpg: not a readable image \(it is a pipe, not a regular file\)"):
        read(tmp_path / "x.jpg")
    sample_bytes(tmp_path, ["x.jpg"])
    assert size_of_photograph(tmp_path / "x.jpg") is None  # one that opens the pipe never comes here


def celeba(root, **settings):
    return CelebA(CelebA.Settings(path=root, attributes=("gender",), image_size=32, **settings))


def circle(side):
    """A disc in the middle of a square."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    return Image.fromarray(np.repeat((np.hypot(x, y) < 0.4)[..., None] * np.uint8(255), 3, 2))


def test_squares_of_celebamask_hq_are_kept_whole(celeba_copy):
    root = celeba_copy(5, (256, 256))
    (root / "img_align_celeba").rename(root / "CelebA-HQ-img")
    (root / "list_attr_celeba.txt").rename(root / "CelebAMask-HQ-attribute-anno.txt")
    (root / "CelebAMask-HQ-mask-anno").mkdir()
    circle(256).save(root / "CelebA-HQ-img" / "000003.jpg")
    source = celeba(root)
    image = source.read(2)[0].astype(int)
    assert np.abs(image - image.T).max() <= 8
    assert np.abs(image - image[::-1]).max() <= 8
    assert source.notes == ["The images are copies of 256x256 pixels; CelebA's own aligned ones have 178x218."]


def test_the_shape_of_every_image_counts(celeba_copy):
    root = celeba_copy(4)
    before = celeba(root)
    circle(200).save(root / "img_align_celeba" / "000002.jpg")
    circle(200).resize((200, 100)).save(root / "img_align_celeba" / "000003.jpg")
    source = celeba(root)
    assert np.array_equal(source.read(3), before.read(3))
    with pytest.raises(UserError, match=r"000002\.jpg: is 200x200, of another shape than 000001\.jpg; give images of"):
        source.read(1)
    with pytest.raises(UserError, match=r"000003\.jpg: is 200x100, which is neither a square nor of the shape of 178"):
        source.read(2)


def test_squares_and_aligned_images_have_different_fingerprints(celeba_copy):
    root = celeba_copy(2)
    path = root / "img_align_celeba" / "000001.jpg"
    with Image.open(path) as image:
        content, size = image.copy(), path.stat().st_size
    before = celeba(root).fingerprint
    square = io.BytesIO()
    content.resize((64, 64)).save(square, "JPEG")
    path.write_bytes(square.getvalue().ljust(size, b"\0"))
    assert celeba(root).fingerprint != before


def png_of_16_bits(channels):
    """A PNG of these channels, uint16 [h, w, c], which Pillow cannot write with more than one."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, number = channels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[number], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in channels)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data) for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )


def grey_of_16_bits(path, grey, kind):
    Image.fromarray(grey).save(path, kind)


STORED = {
    "grey PNG": lambda path, grey: grey_of_16_bits(path, grey, "PNG"),
    "grey TIFF": lambda path, grey: grey_of_16_bits(path, grey, "TIFF"),
    "colour": lambda path, grey: path.write_bytes(png_of_16_bits(np.dstack([grey, grey // 2, grey // 3]))),
    "see-through grey": lambda path, grey: path.write_bytes(png_of_16_bits(np.dstack([grey, grey * 0 + 65535]))),
    "see-through": lambda path, grey: path.write_bytes(png_of_16_bits(np.dstack([grey, grey, grey, grey * 0 + 65535]))),
}


@pytest.mark.parametrize("store", STORED.values(), ids=STORED)
def test_16_bits_are_read_where_all_are_used_and_refused_where_12_are(store, tmp_path):
    grey = GRADIENT[..., 1].astype(np.uint16)
    store(tmp_path / "whole", grey * 257)
    store(tmp_path / "twelve", grey * 16 + 15)
    store(tmp_path / "eight", grey)
    Image.fromarray(GRADIENT[..., 1]).save(tmp_path / "plain", "PNG")
    assert np.array_equal(read(tmp_path / "whole")[0], read(tmp_path / "plain")[0])
    for name in ("twelve", "eight"):
        with pytest.raises(UserError) as error:
            read(tmp_path / name)
        told = "16-bit pixels of which none is above 4,095, as when 12 bits are stored in 16"
        assert str(error.value) == f"{tmp_path / name}: {told}; scale it to all 16 bits, or save it with 8"


def test_a_dark_photograph_of_few_bits_is_read(tmp_path):
    Image.fromarray(GRADIENT // 32).save(tmp_path / "dark", "PNG")
    assert read(tmp_path / "dark").max() < 16
    Image.fromarray(np.zeros((48, 64), np.uint16)).save(tmp_path / "black", "PNG")
    assert not read(tmp_path / "black").any()
