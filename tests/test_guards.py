import socket
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest

from tests import guards
from tests.conftest import Command


def reach_out() -> None:
    try:
        urllib.request.urlopen("http://example.com", timeout=1)
    except URLError as error:
        print(error)


def test_no_test_reaches_another_machine_nor_does_a_command_that_it_starts(command: Command, tmp_path: Path) -> None:
    with pytest.raises(URLError, match="tests have no network"):
        urllib.request.urlopen("http://example.com", timeout=1)
    assert socket.getaddrinfo("localhost", 80)
    command("benchmark", "--help", folder=tmp_path, prepare=reach_out)
    assert "tests have no network" in (tmp_path / "output.txt").read_text()


def test_a_thread_that_a_test_leaves_behind_fails_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards, "PATIENCE", 0.1)
    pytester.makepyfile(
        """
        import threading
        from tests.guards import leaves_nothing_running

        enough = threading.Event()

        def test_leaves_a_thread():
            threading.Thread(target=enough.wait).start()

        def test_ends_it():
            enough.set()
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*still running*"])
