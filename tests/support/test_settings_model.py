"""What a setting may be: usable numbers, true and false where they are asked for, paths as users mean them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from sgbench.support.errors import UserError, shown
from sgbench.support.paths import user_path
from sgbench.support.settings_model import SettingsModel, UserPath, first_problem
from sgbench.support.strict import LARGEST


class Example(SettingsModel):
    """Settings of each kind."""

    number: int | None = None
    share: float = 0.5
    numbers: tuple[int, ...] = ()
    switch: bool = False
    either: bool | int = 0
    path: UserPath | None = None


@pytest.mark.parametrize(
    "good",
    [{"number": LARGEST}, {"switch": True}, {"either": True}, {"numbers": [1, 2]}, {"number": None}, {"share": 1}],
)
def test_what_is_usable_is_taken(good):
    assert Example(**good).model_dump(include=set(good)) == {
        k: tuple(v) if k == "numbers" else v for k, v in good.items()
    }


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"number": True}, "number: true is neither a number nor a text"),
        ({"numbers": [1, False]}, "numbers: false is neither"),
        ({"numbers": [LARGEST + 1]}, "numbers: a whole number beyond 2,147,483,647 is too large"),
        ({"number": -(10**5000)}, "number: a whole number beyond"),
        ({"share": float("nan")}, "share: Input should be a finite number"),
        ({"share": float("-inf")}, "share: Input should be a finite number"),
        ({"path": ""}, "path: a path is empty"),
        ({"path": 5}, "path: Input is not a valid path"),
        ({"other": 5}, "other: Extra inputs are not permitted"),
    ],
)
def test_what_is_not_is_refused_with_its_key(bad, says):
    with pytest.raises(ValidationError) as caught:
        Example(**bad)
    assert first_problem(caught.value).startswith(says)


def test_a_path_begins_at_home_only_where_it_says_so(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert Example(path="~/a b").path == user_path("~/a b") == Path("/home/me/a b")
    assert user_path("a/~/b") == Path("a/~/b")
    assert user_path(Path("~")) == Path("/home/me")
    for bad in ("", "a\0", "~nobody-at-all/x"):
        with pytest.raises(UserError):
            user_path(bad)


def test_a_value_in_a_message_is_short_whatever_it_is():
    nested = ["x" * 999]
    for _ in range(50):
        nested = [nested] * 9
    for value in (nested, "x" * 10**6, {k: k for k in range(10**4)}, "a\nb"):
        assert len(shown(value)) <= 200
        assert "\n" not in shown(value)
