import re
from importlib import import_module

import pytest

from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import CONF
from portrait_cartoons.cli.start import COMMANDS


def test_the_help_page_lists_every_choice_of_every_group_on_one_screen() -> None:
    for entry in ("train", "validate"):
        page = usage.page(entry)
        assert len(page.splitlines()) <= 45
        assert max(map(len, page.splitlines())) <= 120
        listed = page.partition("Groups")[2].partition("\n\n")[0]
        for group in usage.GROUPS:
            choices = re.search(rf"^  {group} +((?:.|\n {{10}})+)", listed, re.MULTILINE)
            assert choices
            assert re.split(r",\s+", choices[1]) == sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def test_every_folder_of_the_configuration_is_a_group_or_of_another_command() -> None:
    assert {folder.name for folder in CONF.iterdir() if folder.is_dir()} == {*usage.GROUPS, "report", "hydra"}


def test_every_choice_says_what_it_is_or_nothing() -> None:
    assert usage.groups()["model"]["cyclegan"].startswith("CycleGAN")
    assert usage.groups()["logger"]["csv"] == ""
    assert not any("@package" in text for choices in usage.groups().values() for text in choices.values())


def test_help_is_asked_for_in_the_usual_ways() -> None:
    assert all(usage.asked(["model=cyclegan", word]) for word in ("-h", "--help", "help"))
    assert not usage.asked(["run_dir=help"])


@pytest.mark.parametrize("entry", list(COMMANDS))
def test_help_speaks_of_commands_as_they_are_started(
    entry: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    help_page = import_module(f"portrait_cartoons.{entry}").main
    help_page(["--help"])
    assert f"python -m src.{entry}" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["/usr/bin/portrait-cartoons", entry])
    help_page(["--help"])
    shown = capsys.readouterr().out
    assert f"portrait-cartoons {entry}" in shown
    assert "python -m" not in shown
