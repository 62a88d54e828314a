"""All checks of a method on embedded faces, as ``sgbench check`` prints them."""

from small import Small

from sgbench.methods.contract import MethodSettings
from sgbench.trials.contract import CASES, check_contract

SETTINGS = MethodSettings(iterations=8, constant_iterations=4, batch_size=4)


def found(cls):
    return {finding.check: finding for finding in check_contract(cls, SETTINGS)}


def like(**changed):
    return type("Mine", (Small,), {"key": "mine", "__module__": __name__} | changed)


def test_a_method_that_keeps_the_contract_passes_every_check():
    findings = found(Small)
    assert {finding.state for finding in findings.values()} == {"ok"}
    assert next(iter(findings)) == "declarations"
    assert {case.title for case in CASES[1:]} <= findings.keys()


def test_what_is_not_declared_is_all_that_is_said():
    (finding,) = found(like(display_name=None)).values()
    assert (finding.check, finding.state) == ("declarations", "failed")


def test_nothing_is_tried_after_what_failed():
    findings = found(like(edit=lambda self, x, *_: x * 100))
    assert [f.check for f in findings.values() if f.state == "failed"] == ["results of each group"]
    assert list(findings)[-1] == "results of each group"


def test_what_a_method_does_not_take_is_not_applicable():
    class Large(Small):
        key = "large"

        def __init__(self, attributes, image_size, settings, labels):
            if image_size < 64:
                raise ValueError("images have at least 64x64")
            super().__init__(attributes, image_size, settings, labels)

    findings = found(Large)
    assert {f.check for f in findings.values() if f.state == "not applicable"} == {
        case.title for case in CASES if case.image_size == 32
    }
    assert findings["the same after a break"].state == "ok"


def test_what_takes_nothing_has_failed():
    def init(self, *_):
        raise ValueError("nothing")

    assert list(found(like(__init__=init)).values())[-1].state == "failed"


def test_a_method_of_one_attribute_gets_one():
    told = []

    def init(self, attributes, *others):
        told.append([a.name for a in attributes])
        Small.__init__(self, attributes, *others)

    found(like(__init__=init, one_attribute=True))
    assert {len(names) for names in told} == {1}
    assert ["hair_color"] in told


def test_what_reads_values_when_it_is_built_fails_on_the_meta_device():
    def init(self, attributes, image_size, settings, labels):
        Small.__init__(self, attributes, image_size, settings, labels)
        self.generator.weight.sum().item()

    findings = found(like(__init__=init))
    assert findings["shapes alone"].state == "failed"
    assert "meta" in findings["shapes alone"].words
