"""YAML and JSON: what is good is read as ever, what is repeated or blows up is refused with its line."""

import json
import time

import pytest
import yaml

from sgbench.settings.config_files import CONFIGS
from sgbench.support.strict import MOST_VALUES, parse_json, parse_yaml, read_yaml, yaml_text

GOOD = ["", "a", "a: &x [1]\nb: *x", "[0, 00, 07, -5, 1_000, 09, '010', 1e3, 0.10]"]


@pytest.mark.parametrize("text", [path.read_text() for path in CONFIGS.glob("*.yaml")] + GOOD)
def test_good_yaml_is_read_as_ever(text):
    assert parse_yaml(text) == yaml.safe_load(text)


def test_what_a_mapping_takes_from_another_may_be_replaced():
    assert parse_yaml("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n")["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3", "line 3 repeats the key 'a' of line 1; remove one"),
        ("1: a\n'1': b", "line 2 repeats the key '1' of line 1; remove one"),
        ("yes: a\ntrue: b", "line 2 repeats the key 'True' of line 1; remove one"),
        ("- {a: 1}\n- {b: {c: 1, c: 2}}", "line 2 repeats the key 'c' of line 2; remove one"),
        (
            "levels:\n- 100\n- 010",
            "line 3: 010 is the number 8 in YAML; write 8 if it is meant, or put a text in quotes",
        ),
        ("a: 1:30", "line 1: 1:30 is the number 90 in YAML"),
        ("a: 1:30.5", "line 1: 1:30.5 is the number 90.5 in YAML"),
        ("a: &a\n- *a", "line 1: an alias stands for what it is a part of; write it out"),
    ],
)
def test_yaml_is_refused_in_a_line_that_says_where(text, says):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_yaml(text)
    assert says in str(caught.value)


def test_aliases_that_blow_up_are_refused_at_once():
    text = "a0: &a0 [x, x]\n" + "".join(f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]\n" for k in range(1, 60))
    start = time.process_time()
    with pytest.raises(ValueError, match=f"more than {MOST_VALUES:,} values by its aliases"):
        parse_yaml(text)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("value", [{"a": [1, None, {"a": "a"}]}, [], "x", 1.5])
def test_good_json_is_read_as_ever(value):
    assert parse_json(json.dumps(value, indent=1)) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1,\n "a": 2}', "line 2 repeats the key 'a' of line 1; remove one"),
        ('[{"b": {\n"a": 1,\n\t"a": 2}}]', "the key 'a' is repeated; remove one"),
        ("[" * 10**5, "lie too deep in each other"),
        ("{", "Expecting property name"),
    ],
)
def test_json_is_refused_in_a_line_that_says_where(text, says):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_json(text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_is_named(tmp_path):
    (tmp_path / "c.yaml").write_text("a: 1\na: 2")
    for name, says in (("c.yaml", "line 2 repeats"), ("none.yaml", "cannot be read as YAML in UTF-8")):
        with pytest.raises(ValueError, match=f"{name}: {says}"):
            read_yaml(tmp_path / name)


def test_what_code_from_elsewhere_registers_with_yaml_changes_nothing(monkeypatch):
    for cls, name in ((yaml.SafeDumper, "yaml_representers"), (yaml.SafeLoader, "yaml_constructors")):
        monkeypatch.setattr(cls, name, dict(getattr(cls, name)))
    yaml.add_representer(float, lambda dumper, value: dumper.represent_str("none"), Dumper=yaml.SafeDumper)
    yaml.add_constructor("tag:yaml.org,2002:float", lambda loader, node: 0.0, Loader=yaml.SafeLoader)
    assert yaml.safe_dump(0.5) == "none\n...\n"
    assert yaml_text({"b": 0.00125, "a": [1, "é"]}) == "b: 0.00125\na:\n- 1\n- é\n"
    assert parse_yaml("b: 0.00125") == {"b": 0.00125}
