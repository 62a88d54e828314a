"""The command writes the files and says what comes next."""

from sgbench.commands.door import main


def test_the_files_are_named_and_the_next_commands_said(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "method", "AttGAN", "-o", "mine"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ["mine/attgan.py", "mine/attgan.yaml"]
    assert err.splitlines() == [
        "next in mine: sgbench check attgan:AttGAN --config attgan.yaml",
        "then in mine: sgbench run --config attgan.yaml",
    ]
    assert main(["new", "method", "AttGAN", "-o", "mine"]) == 2
    assert "is there already" in capsys.readouterr().err
