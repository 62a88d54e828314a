"""A comparison as JUnit XML, which CI servers show as test results.

Each system is a suite, and each metric of a target is a case. The XML attributes are those that GitHub and GitLab read.
Cases are not timed, so their time is 0.
"""

from collections import defaultdict
from collections.abc import Collection
from xml.etree import ElementTree

from sgbench.regression.differences import Comparison, Difference
from sgbench.results.records import Record
from sgbench.support.text import printable

Case = tuple[str, str, str]


def to_junit(comparison: Comparison) -> str:
    """The XML document, with a case for each system, target and metric, and a failure with a line for each figure."""
    failures: dict[Case, list[Difference]] = defaultdict(list)
    unjudged: dict[Case, Difference] = {}
    for difference in comparison.differences:
        if difference.failed:
            failures[_case(difference.row)].append(difference)
        elif difference.verdict == "unjudged":
            unjudged[_case(difference.row)] = difference
    for case in failures:
        unjudged.pop(case, None)
    suites: dict[str, dict[Case, None]] = defaultdict(dict)
    for row in comparison.rows:
        suites[row.system][_case(row)] = None
    root = ElementTree.Element(
        "testsuites", _counts("sgbench.commands.regress", [c for s in suites.values() for c in s], failures, unjudged)
    )
    for system, cases in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", _counts(system, list(cases), failures, unjudged))
        for case in cases:
            _, target, metric = case
            name = f"{target}: {metric}" if target else metric
            element = ElementTree.SubElement(suite, "testcase", name=name, classname=system, time="0")
            if case in failures:
                lines = [_line(d) for d in failures[case]]
                failure = ElementTree.SubElement(element, "failure", message=lines[0], type=failures[case][0].verdict)
                failure.text = "\n".join(lines)
            elif case in unjudged:
                ElementTree.SubElement(element, "skipped", message=_line(unjudged[case]))
    return _document(root)


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
