"""Which settings are other ones: keys that only one side has count, where keys are the user's."""

import pytest

from sgbench.settings.differing import NOT_GIVEN, changed, differences, notes_that_hold

ONE = {"data": {"class": "folder", "values": {"smile": ["no", "yes"]}}, "methods": {"a": {"rate": 1, "own": {"x": 1}}}}


def other(data=None, **method):
    return {"data": ONE["data"] | (data or {}), "methods": {"a": ONE["methods"]["a"] | method}}


DIFFERENT = {
    "a key more": (other({"values": ONE["data"]["values"] | {"hat": ["no", "yes"]}}), "data.values.hat"),
    "a key less": (other({"values": {}}), "data.values.smile"),
    "a key of a mapping of a class of the user's": (other(own={"x": 1, "y": 2}), "methods.a.own.y"),
    "no value where one was": (other(own={"x": None}), "methods.a.own.x"),
}


@pytest.mark.parametrize(("now", "key"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_key_that_one_side_has_is_another_setting(now, key):
    assert [found for found, _, _ in differences(ONE, now)] == [key]
    assert [found for found, _, _ in differences(now, ONE)] == [key]
    ((_, old, new),) = differences(ONE, now)
    assert (NOT_GIVEN in (old, new)) == (new is not None)
    (told,) = changed(ONE, now, "quick")
    assert told.startswith(f"{key}: ")
    assert ("not given" in told) == (new is not None)


def test_of_methods_those_count_that_both_have():
    more = ONE | {"methods": ONE["methods"] | {"b": {"rate": 2}}}
    assert not list(differences(ONE, more))
    assert not list(differences(more, ONE))


def test_a_note_does_not_hold_where_a_key_was_added():
    assert notes_that_hold(("Tuned.",), ONE, other(own={"x": 1, "y": 2}), "quick", False) == (
        "The settings are those of the config quick but for methods.a.own.y; so changed they were not tuned.",
    )
    assert notes_that_hold(("Tuned.",), ONE, other(levels=[5]), "quick", False) == ("Tuned.",)
