"""Hidden characters are written out wherever a text is shown."""

import pytest

from sgbench.support.errors import UserError, one_line
from sgbench.support.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\rb", "a\\rb"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202eexe", "\\u202eexe"),
        ("half \ud83d", "half \\ud83d"),
        ("\ufffe", "\\ufffe"),
        ("\0", "\\x00"),
    ],
)
def test_hidden_characters_are_written_out(text, shown):
    assert printable(text) == shown
    shown.encode()


@pytest.mark.parametrize("text", ["plain", "性别", "a\tb\nc", "é", "👩‍👩‍👧", "50 %"])
def test_all_else_stays(text):
    assert printable(text) == text


def test_messages_have_none():
    assert one_line(UserError("bad\nname \x1b]0;title\x07 \ud800")) == "bad name \\x1b]0;title\\x07 \\ud800"
