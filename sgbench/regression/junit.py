"""A comparison as JUnit XML, which CI servers show as test results.

Each system is a suite, and each metric of a target is a case. A changed definition is a case of a suite of its own, and
the cases of its figures are skipped, for they were not compared. The XML attributes are those that GitHub and GitLab
read. Cases are not timed, so their time is 0.
"""

from collections import defaultdict
from collections.abc import Collection
from xml.etree import ElementTree

from sgbench.regression.comparison import Comparison
from sgbench.regression.differences import Difference
from sgbench.regression.redefinitions import Redefinition
from sgbench.results.records import Record
from sgbench.support.text import printable

Case = tuple[str, str, str]
_DEFINITIONS = "definitions"
"""The suite of changed definitions."""


def to_junit(comparison: Comparison) -> str:
    """The XML document, with a case for each system, target and metric, and a failure with a line for each figure."""
    suites: dict[str, dict[Case, None]] = defaultdict(dict)
    for row in comparison.rows:
        suites[row.system][_case(row)] = None
    for change in comparison.redefined:
        suites[_DEFINITIONS][_redefined(change)] = None
    failures, skipped = _failures(comparison), _skipped(comparison)
    skipped = {case: message for case, message in skipped.items() if case not in failures}
    root = ElementTree.Element(
        "testsuites", _counts("sgbench.commands.regress", [c for s in suites.values() for c in s], failures, skipped)
    )
    for name, cases in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", _counts(name, list(cases), failures, skipped))
        for case in cases:
            _, target, metric = case
            shown = f"{target}: {metric}" if target else metric
            element = ElementTree.SubElement(suite, "testcase", name=shown, classname=name, time="0")
            if case in failures:
                kind, lines = failures[case]
                ElementTree.SubElement(element, "failure", message=lines[0], type=kind).text = "\n".join(lines)
            elif case in skipped:
                ElementTree.SubElement(element, "skipped", message=skipped[case])
    return _document(root)


def _failures(comparison: Comparison) -> dict[Case, tuple[str, list[str]]]:
    """The cases that fail, each with the kind of its first failure and a line for each of them."""
    failures: dict[Case, tuple[str, list[str]]] = {}
    for difference in comparison.failures:
        failures.setdefault(_case(difference.row), (difference.verdict, []))[1].append(_line(difference))
    for change in comparison.redefined:
        line = f"{change.metric}: {change.change} ({change.extent})"
        failures[_redefined(change)] = ("redefined", [line])
    return failures


def _skipped(comparison: Comparison) -> dict[Case, str]:
    """The cases that were not judged, if they do not fail, and why."""
    skipped = {_case(d.row): _line(d) for d in comparison.differences if d.verdict == "unjudged"}
    return skipped | {_case(row): f"not compared: {r.change}" for r in comparison.redefined for row in r.rows}


def error_to_junit(message: str) -> str:
    """The XML document of a comparison that could not be made."""
    counts = {
        "name": "sgbench.commands.regress",
        "tests": "1",
        "failures": "0",
        "errors": "1",
        "skipped": "0",
        "time": "0",
    }
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", counts)
    case = ElementTree.SubElement(suite, "testcase", name="comparison", classname="sgbench.commands.regress", time="0")
    ElementTree.SubElement(case, "error", message=message)
    return _document(root)


def _document(root: ElementTree.Element) -> str:
    """The document; characters that XML cannot hold are written out."""
    for element in root.iter():
        element.attrib.update({name: printable(text) for name, text in element.attrib.items()})
        element.text = element.text and printable(element.text)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _case(row: Record) -> Case:
    return row.system, row.target, row.metric


def _redefined(change: Redefinition) -> Case:
    return _DEFINITIONS, change.metric, change.change


def _counts(name: str, cases: list[Case], failures: Collection[Case], unjudged: Collection[Case]) -> dict[str, str]:
    failed, skipped = (sum(case in kind for case in cases) for kind in (failures, unjudged))
    numbers = {"tests": len(cases), "failures": failed, "errors": 0, "skipped": skipped, "time": 0}
    return {"name": name} | {key: str(number) for key, number in numbers.items()}


def _line(d: Difference) -> str:
    figures = " -> ".join(f"{x:.6g}" for x in d.figures[:2])
    return (
        f"{d.verdict}: {', '.join(filter(None, (figures, d.basis)))}: {d.label}"
        if figures
        else f"{d.verdict}: {d.label}"
    )
