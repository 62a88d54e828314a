"""LaTeX that compiles: read by a small parser, and by pdflatex where there is one."""

import re
import shutil
import subprocess
from dataclasses import replace
from math import nan

import pandas as pd
import pytest
from frames import (
    AGREEMENT,
    BACKGROUND,
    CELEBA,
    LAYOUT,
    by_jury,
    comparisons,
    judges,
    record,
    small_frame,
    small_records,
    with_paper,
)

from sgbench.report.beyond import comparisons_table
from sgbench.report.contents import Page
from sgbench.report.latex import escape, frame_to_latex, to_latex
from sgbench.report.layout import Layout
from sgbench.report.page import write_report
from sgbench.report.tables import accuracy_table, jury_table, score_table, target_table
from sgbench.results.records import to_frame
from sgbench.results.report_folder import ReportFolder

NASTY = r"50 % of A&B_{c} #1 $x$ ~ ^ \ † – ± φ"


def environments(text):
    """Bodies of the tables; environments and braces must be balanced, and every row have all its cells."""
    stack = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        assert kind == "begin" or stack.pop() == name
        stack += [name] * (kind == "begin")
    assert not stack
    depth = 0
    for character in re.sub(r"\\.", "", text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    bodies = re.findall(r"\\begin\{tabular\}\{@\{\}(l r*)@\{\}\}\n(.*?)\\end\{tabular\}".replace(" ", ""), text, re.S)
    assert len(bodies) == text.count(r"\begin{table}") == text.count(r"\caption{") == text.count(r"\label{")
    for columns, body in bodies:
        for line in body.strip().splitlines():
            if line not in {r"\toprule", r"\midrule", r"\bottomrule"}:
                assert line.endswith(r" \\"), line
                assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1, line
        assert body.startswith("\\toprule\n")
        assert body.endswith("\\bottomrule\n")
    return [body for _, body in bodies]


def has_nothing_to_misread(text):
    """No special character outside of commands, no character that pdflatex does not know."""
    body = "".join(line for line in text.splitlines(True) if not line.startswith("% Needs"))
    words = re.sub(r"\$[^$]*\$", "", re.sub(r"\\[%#_&$]", "", body))
    words = re.sub(r"Table~|^\\begin\{tabular.*$", "", words, flags=re.M)
    return text.isascii() and not re.search(r"[%#_~^$]", words)


def full_frame():
    """Records of every table: names that TeX would misread, eight attributes, most metrics."""
    attributes = [f"a{k}" for k in range(8)]
    layout = Layout(
        {"m_1": "A_B & C%", "m2": r"#2 \~^{x}$", "copy": "[copy]", "real": "Real"},
        {a: f"Hair_{a} & 1 %" for a in attributes},
        frozenset({("a0", "a1")}),
    )
    records = []
    for method, origin in (("m_1", "measured"), ("m2", "measured"), ("copy", "control")):
        for target in attributes:
            own = [(a, "accuracy", "share") for a in attributes]
            own += [("background", m, "levels") for m in ("background_mae", "true_background_error")]
            own += [("image", m, "score") for m in ("judge_score", "lpips", "ssim", "identity", "fid", "kid")]
            records += [
                record(method, "all", target, on, 0.5, 0.1, metric=m, unit=u, origin=origin) for on, m, u in own
            ]
            records += [by_jury(method, "all", target, a, 0.5, 0.1, origin=origin) for a in attributes]
            records.append(record(method, "all", target, target, 0.5, 0.1, origin=origin, **AGREEMENT))
            records.append(record(method, "all", target, "background", 0.5, 0.1, origin=origin, **BACKGROUND))
            missing = {"metric": "inception_score", "unit": "score", "origin": origin, "note": f"not scored: {NASTY}"}
            records.append(record(method, "all", target, "image", nan, **missing))
            records += [
                by_jury(method, "all", target, target, 0.4, 0.1, direction=f"v_{k}", origin=origin) for k in "12"
            ]
    return to_frame(records), layout


def losing():
    """Paired tests of longer names, each figure with three minus signs, which are wider than digits."""
    row = comparisons().iloc[0].to_dict() | {"difference": -0.223, "low_adjusted": -0.244, "high_adjusted": -0.203}
    row["p_adjusted"] = 1e-5
    row |= {"first": "SG-GAN (500)", "second": "ResidualGAN (500)"}
    return pd.DataFrame([row | {"measured_on": a} for a in ("smile", "hair_color", "background", "image")])


def test_every_table_of_a_full_report_is_well_formed(tmp_path):
    cost = pd.DataFrame({"System_1": ["A_B & C%", "[x]"], "Parameters (M)": [1.5, nan], "On": ["50 % CPU", "#2"]})
    frame, layout = full_frame()
    page = Page("Full", layout, cost=cost, comparisons=comparisons(), judges=judges(layout))
    write_report(ReportFolder(tmp_path), frame, page)
    files = {p.stem: p.read_text(encoding="utf-8") for p in tmp_path.glob("*.tex")}
    assert len(files) == len(list(tmp_path.glob("*.csv"))) == 14
    for text in files.values():
        assert text.startswith("% Needs \\usepackage{booktabs}; fits text 6.27 in wide at 10 pt")
        assert text.count("% Needs") == 1
        assert environments(text)
        assert has_nothing_to_misread(text)
    for name in ("table2_accuracy", "jury_accuracy"):
        lines = [line for line in files[name].splitlines() if not line.startswith(r"\caption")]
        assert max(map(len, lines)) < 700  # eight attributes go on below
        assert files[name].count(r"\begin{table}") > 1  # and on further pages
    labels = re.findall(r"\\label\{(.*?)\}", "".join(files.values()))
    assert len(set(labels)) == len(labels)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex")
def test_pdflatex_sets_every_table_within_a_page(tmp_path):
    for number, (frame, layout) in enumerate((full_frame(), with_paper(), (small_frame(), LAYOUT))):
        page = Page("Full", layout, comparisons=comparisons(), judges=judges(layout))
        write_report(ReportFolder(tmp_path / str(number)), frame, page)
    (tmp_path / "signs.tex").write_text(to_latex(comparisons_table(losing(), LAYOUT)))
    names = [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*.tex"))]
    head = r"\documentclass{article}\usepackage[a4paper,margin=1in]{geometry}\usepackage{booktabs}\begin{document}"
    body = "\n".join(rf"\input{{{name}}}\clearpage" for name in names)
    (tmp_path / "all.tex").write_text(f"{head}\n{body}\n\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Float too large" not in done.stdout
    assert "Overfull" not in done.stdout


def test_values_are_those_of_the_markdown_with_the_best_in_bold():
    (body,) = environments(to_latex(target_table(small_frame(), LAYOUT)))
    lines = [line.removesuffix(r" \\").split(" & ") for line in body.splitlines() if "&" in line]
    assert lines[0] == ["", "Smile", "Hair colour"]
    assert ["Beta-GAN (all)", r"\textbf{99.0}\,{\scriptsize [98.6, 99.4]}", "--"] in lines
    assert ["Alpha (500)", r"93.4\,{\scriptsize [92.1, 94.7]}", r"not scored\textsuperscript{1}"] in lines
    (scores,) = environments(to_latex(score_table(small_frame(), LAYOUT)))
    assert r"Alpha (500) & 3.50 $\pm$ 0.220\,{\scriptsize [3.25, 3.75]} \\" in scores


def test_reasons_caption_and_label_stand_around_the_table():
    text = to_latex(target_table(small_frame(), LAYOUT))
    assert r"\label{tab:table3-target-accuracy}" in text
    assert r"\caption{Target accuracy, ResNet-18. By the paper's protocol: share of results (\%) that" in text
    after = text.split(r"\end{tabular}")[1]
    assert r"\textsuperscript{1} balanced accuracy 0.81 on hair\_color, floor 0.9" in after
    text = to_latex(jury_table(small_frame(), LAYOUT))
    assert r"\label{tab:jury-accuracy}" in text
    assert r"\caption{Accuracy and background. Share of results (\%) that the judges of a jury see" in text
    assert (
        r"on average over the cells, images 75 \% + judges 25 \%. In brackets of the other columns: 95 \% interval"
        in text
    )
    after = text.split(r"\end{tabular}")[1]
    assert r"\textsuperscript{1} 1 of 3 judges of the jury sit (balanced accuracy 0.81 on hair\_color)" in after


def test_daggers_and_signs_are_set():
    assert r"Hair colour $^\dagger$" in to_latex(accuracy_table(small_frame(), LAYOUT))
    assert escape(NASTY) == (
        r"50 \% of A\&B\_\{c\} \#1 \$x\$ \textasciitilde{} \textasciicircum{} \textbackslash{} "
        r"$^\dagger$ -- $\pm$ $\varphi$"
    )


def test_published_rows_are_never_bold():
    frame, _ = with_paper()
    published = frame[frame["definition"] == "table 2 of the paper"]
    assert "textbf{9" not in to_latex(accuracy_table(published, CELEBA))


def test_a_row_that_begins_with_a_bracket_is_no_argument():
    body = environments(frame_to_latex("cost", "Cost.", pd.DataFrame({"": ["a", "[b]"], "c": [1, 2]})))[0]
    assert "{}[b] & 2" in body


def test_equal_figures_are_all_bold_and_a_lone_one_is_not():
    records = [record(m, "all", "smile", "smile", v) for m, v in (("alpha", 0.9996), ("beta", 1.0))]
    text = to_latex(target_table(to_frame(records), LAYOUT))
    assert text.count(r"\textbf{100.0}") == 2
    assert r"\textbf" not in to_latex(target_table(to_frame(records[:1]), LAYOUT))
    best = replace(small_records()[0], origin="control", method="copy", value=1.0)
    assert r"\textbf" not in to_latex(target_table(to_frame([records[0], best]), LAYOUT))
