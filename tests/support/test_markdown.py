"""Texts in Markdown: nothing of them is a mark, and what is no mark stays as it is."""

import pytest

from sgbench.support.markdown import anchor, as_code, in_a_cell, in_a_line

PAYLOADS = {
    "a link": ("[x](http://a)", r"\[x\](http://a)"),
    "a picture": ("![x](http://a)", r"!\[x\](http://a)"),
    "a tag": ("<img src=x>", "&lt;img src=x>"),
    "a comment": ("<!-- a", "&lt;!-- a"),
    "an entity": ("&lt;b&#62;", r"\&lt;b\&#62;"),
    "stress": ("**a** _b_ ~~c~~", r"\*\*a\*\* \_b\_ \~\~c\~\~"),
    "code": ("`a`", r"\`a\`"),
    "mathematics": ("$x$", r"\$x\$"),
    "an escape": (r"\*a\b", r"\\\*a\b"),
    "lines": ("a\n# b", "a # b"),
    "an escape code": ("\x1b[1m", r"\x1b\[1m"),
}


@pytest.mark.parametrize(("text", "escaped"), PAYLOADS.values(), ids=PAYLOADS)
def test_marks_are_escaped(text, escaped):
    assert in_a_line(text) == escaped


@pytest.mark.parametrize(
    "text",
    ["hair_color", "p < 0.001", "97.0 [96.0, 98.0]", "-1.2 [-3.0, 0.5], p = 0.02", "A & B", "a > b", "性别"],
)
def test_what_is_no_mark_stays(text):
    assert in_a_line(text) == in_a_cell(text) == text


def test_a_bar_ends_no_cell():
    assert in_a_cell("a|b") == as_code("a|b").strip("`") == r"a\|b"
    assert as_code("a`b") == "`a'b`"


@pytest.mark.parametrize(
    ("heading", "link"),
    [
        ("Target accuracy", "target-accuracy"),
        ("Accuracy and background, ResNet-18", "accuracy-and-background-resnet-18"),
        ("Target x measured attribute", "target-x-measured-attribute"),
        ("Inception (custom weights)", "inception-custom-weights"),
        ("hair_color & C", "hair_color--c"),
    ],
)
def test_a_heading_is_linked_as_github_names_it(heading, link):
    assert anchor(heading) == link
