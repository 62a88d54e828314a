"""The command writes the files and says what comes next."""

from sgbench.commands.door import main


def test_the_files_are_named_and_the_next_commands_said(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "method", "MyGAN", "-o", "mine"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ["mine/mygan.py", "mine/mygan.yaml"]
    assert err.splitlines() == [
        "next in mine: sgbench check mygan:MyGAN --config mygan.yaml",
        "then in mine: sgbench run --config mygan.yaml",
    ]
    assert main(["new", "method", "MyGAN", "-o", "mine"]) == 2
    assert "is there already" in capsys.readouterr().err
