"""A comparison as JUnit XML, which CI servers show as test results.

A suite is a system, a case what it was measured by on one target; the attributes are those that GitHub's and GitLab's
readers use. Cases have no time of their own: it is 0.
"""

from collections import defaultdict
from xml.etree import ElementTree

from sgbench.records import Record
from sgbench.regression.differences import Comparison, Difference

Case = tuple[str, str, str]


def to_junit(comparison: Comparison) -> str:
    """The XML document, with a case for each system, target and metric, and a failure with a line for each figure."""
    failures: dict[Case, list[Difference]] = defaultdict(list)
    for difference in comparison.failures:
        failures[_case(difference.row)].append(difference)
    suites: dict[str, dict[Case, None]] = defaultdict(dict)
    for row in comparison.rows:
        suites[row.system][_case(row)] = None
    root = ElementTree.Element(
        "testsuites", _counts("sgbench.regress", [c for s in suites.values() for c in s], failures)
    )
    for system, cases in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", _counts(system, list(cases), failures))
        for case in cases:
            _, target, metric = case
            name = f"{target}: {metric}" if target else metric
            element = ElementTree.SubElement(suite, "testcase", name=name, classname=system, time="0")
            if found := failures.get(case):
                lines = [_line(d) for d in found]
                failure = ElementTree.SubElement(element, "failure", message=lines[0], type=found[0].verdict)
                failure.text = "\n".join(lines)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _case(row: Record) -> Case:
    return row.system, row.target, row.metric


def _counts(name: str, cases: list[Case], failures: dict[Case, list[Difference]]) -> dict[str, str]:
    failed = sum(case in failures for case in cases)
    return {"name": name, "tests": str(len(cases)), "failures": str(failed), "errors": "0", "skipped": "0", "time": "0"}


def _line(d: Difference) -> str:
    basis = f", {d.basis}" if d.basis else ""
    return f"{d.verdict}: {d.reference:.6g} -> {d.new:.6g}{basis}: {d.label}"
