"""Tables of labels, and configs, broken in every way: one line, at once, in little memory."""

import os

import pytest

from sgbench.data.sources.celeba_table import read_attribute_file
from sgbench.data.sources.folder_table import read_table

WRONG = {
    "empty": b"",
    "another encoding": "image,smile\nå.png,1\n".encode("utf-16"),
    "another format": b"\x89PNG\r\n\x1a\n" + bytes(999),
    "a line without end": b"image,smile\n" + b"a" * (2**20 + 1),
    "a header without end": b"a" * (2**20 + 1),
    "truncated": b"image,smile\na.png,1\nb.pn",
    "more columns": b"image,smile\na.png,1,1\n",
    "no rows": b"image,smile\n",
}
READ = {"labels.csv": read_table, "list_attr_celeba.txt": read_attribute_file, "list_attr.csv": read_attribute_file}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("what", [*WRONG, "directory", "pipe", "device", "huge"])
def test_a_table_that_is_broken_is_refused(name, what, tmp_path, refused):
    path = tmp_path / name
    if what in WRONG:
        path.write_bytes(WRONG[what])
    elif what == "huge":
        with path.open("wb") as file:
            file.truncate(2**40)
    else:
        make = {"directory": path.mkdir, "pipe": lambda: os.mkfifo(path)}
        make.get(what, lambda: path.symlink_to("/dev/zero"))()
    message = refused(lambda: READ[name](path))
    assert message.startswith(str(path))
    told = {
        "huge": "it has 1,099,511,627,776 bytes; at most 268,435,456 are read",
        "pipe": "it is a pipe, not a regular",
    }
    assert told.get(what, "") in message


def test_a_number_of_images_of_a_million_digits_is_only_told(tmp_path, celeba_copy):
    table = celeba_copy(3) / "list_attr_celeba.txt"
    table.write_text("\n".join(["9" * 10**6, *table.read_text().splitlines()[1:]]))
    with pytest.warns(UserWarning, match="line 1 says 99999999999999999999 images, but 3 are listed"):
        assert len(read_attribute_file(table)[0]) == 3
