"""Single settings of the command line: what they change, and that wrong ones are one line."""

import re

import pytest

from sgbench.settings.changes import Changes
from sgbench.settings.config_files import CONFIGS
from sgbench.settings.reading import read_settings
from sgbench.support.errors import UserError

QUICK = CONFIGS / "quick.yaml"


def changed(*texts, iterations=None, overrides=None, data=None):
    return read_settings(QUICK, overrides or {}, data or {}, Changes(texts, iterations))


@pytest.fixture(scope="module")
def quick():
    return read_settings(QUICK, {}, {})


def test_a_setting_is_changed_and_told_with_the_one_before(quick):
    own = changed("methods.sggan.lambda_cls=5", "jury.epochs=60", "seeds=[1, 2]", "scoring.composition=7")
    assert own.methods[0].settings == quick.methods[0].settings.model_copy(update={"lambda_cls": 5.0})
    assert (own.jury.epochs, own.seeds, own.scoring.composition) == (60, (1, 2), 7)
    assert set(own.changed) == {
        "jury.epochs: 60 (6 in quick)",
        "scoring.composition: 7 (0 in quick)",
        "methods.sggan.lambda_cls: 5.0 (2.0 in quick)",
    }
    assert own.study == "quick"
    assert quick.changed == ()


def test_the_value_before_may_be_a_default():
    assert changed("judge.seed=3").changed == ("judge.seed: 3 (0 in quick)",)


def test_iterations_of_all_methods_keep_the_share_that_is_constant(quick):
    own = changed(iterations=500)
    for before, now in zip(quick.methods, own.methods, strict=True):
        assert now.settings.iterations == 500
        share = before.settings.constant_iterations / before.settings.iterations
        assert now.settings.constant_iterations == pytest.approx(500 * share, abs=0.5)
    assert "methods.residualgan.iterations: 500 (568 in quick)" in own.changed
    (entry,) = changed(iterations=10, overrides={"methods": ["sggan"]}).methods
    assert (entry.settings.iterations, entry.settings.constant_iterations) == (10, 5)


def test_a_method_is_named_whatever_dots_its_name_has():
    own = changed("methods.test_settings:Custom.iterations=7", overrides={"methods": ["test_settings:Custom"]})
    assert own.methods[0].settings.iterations == 7


def test_null_takes_a_method_away_and_gives_defaults_back():
    own = changed("methods.stargan=null", "jury.size=null")
    assert [m.key for m in own.methods] == ["sggan", "residualgan"]
    assert own.jury.size == 5


def test_a_note_says_that_settings_were_changed():
    (note,) = changed(iterations=500).notes
    assert note.startswith("The settings are those of the config quick but for methods.sggan.iterations, ")


BAD = {
    "no value": (["jury.size"], "--set 'jury.size': must be KEY=VALUE, such as methods.sggan.lambda_cls=2"),
    "no key": (["=3"], "--set '=3': must be KEY=VALUE"),
    "an empty part": (["jury..size=3"], "must be KEY=VALUE"),
    "twice": (["jury.size=3", "jury.size=4"], "--set jury.size: is given twice"),
    "an unknown key": (["jury.epoch=3"], "command line: unknown key jury.epoch; did you mean epochs? known are "),
    "an unknown part": (["jurry.size=3"], "command line: unknown key jurry; did you mean jury? known are "),
    "an unknown method": (
        ["methods.sgan.lambda_cls=3"],
        "--set methods.sgan.lambda_cls: unknown method 'sgan'; did you mean sggan? ",
    ),
    "a method's unknown key": (
        ["methods.sggan.lambda_clz=3"],
        "command line: unknown key methods.sggan.lambda_clz; did you mean lambda_cls?",
    ),
    "a wrong value": (
        ["methods.sggan.lambda_cls=-1"],
        "command line: methods.sggan.lambda_cls: Input should be greater than or equal to 0, not -1",
    ),
    "a text": (["jury.size=big"], "command line: jury.size: Input should be a valid integer"),
    "no YAML": (["jury.size=[1"], "--set jury.size: cannot be read as YAML"),
    "below a number": (["jury.size.x=1"], "command line: jury.size: Input should be a valid integer"),
    "the whole of a part": (["jury=3"], "command line: jury must be a mapping of settings, not 3"),
    "what a config extends": (["extends=paper"], "command line: unknown key extends"),
}


@pytest.mark.parametrize(("texts", "message"), BAD.values(), ids=BAD)
def test_a_wrong_change_is_one_line(texts, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        changed(*texts)
    assert "\n" not in str(caught.value)


def test_iterations_are_given_once():
    with pytest.raises(UserError, match=r"--iterations and --set methods\.sggan\.iterations=3 say two things"):
        changed("methods.sggan.iterations=3", iterations=5)
    with pytest.raises(UserError, match="--iterations 0: must be a whole number from 1 to 2,147,483,647"):
        changed(iterations=0)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("seeds=[3]", {"overrides": {"seeds": [0, 1]}}),
        ("jury.size=3", {"overrides": {"jury": {"size": 2}}}),
        ("scoring.inception.path=a", {"overrides": {"scoring": {"inception": {"path": "b", "sha256": None}}}}),
        ("data.attributes=[smile]", {"data": {"attributes": ["gender"]}}),
        ("methods.sggan.levels=[7]", {"overrides": {"levels": [5]}}),
        ("device=cpu", {"overrides": {"device": "cuda"}}),
    ],
)
def test_a_setting_that_an_option_of_its_own_gives_too_is_refused(text, options):
    with pytest.raises(UserError, match=re.escape(f"--set {text.split('=')[0]}: an option of its own says another")):
        changed(text, **options)


def test_options_and_changes_of_other_settings_go_together():
    own = changed(
        "jury.epochs=60", "data.num_test=9", "device=cpu", overrides={"jury": {"size": 2}, "device": None}, data={}
    )
    assert (own.jury.epochs, own.jury.size, own.data.num_test, own.device) == (60, 2, 9, "cpu")
