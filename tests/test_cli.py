import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from agent import cli
from agent.errors import EngineUnavailable, UnreadableInput, UsageError

ROOT = Path(__file__).parents[1]


def kural(*args, env=None, **options):
    return subprocess.run(
        [sys.executable, "-m", "agent", *args],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, **(env or {})},
        **options,
    )


def run_with(body, *, env=None):
    """Run ``kural probe`` in a fresh interpreter, where ``body`` is the command."""
    program = (
        "import asyncio, logging, os, signal, sys, click\n"
        "from agent import cli, errors\n"
        "class Probe:\n"
        "    @staticmethod\n"
        "    def load(name):\n"
        "        @click.command()\n"
        "        @click.argument('word', default='')\n"
        "        def command(word):\n"
        + "".join(f"            {line}\n" for line in body.splitlines())
        + "        return type('Module', (), {'command': command})\n"
        "cli.COMMANDS['probe'] = ('probe', 'A command of this test.')\n"
        "cli.importlib = type('Loader', (), {'import_module': staticmethod(Probe.load)})\n"
        "cli.main(prog_name='kural')\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, "probe", "தண்ணீர்"],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, **(env or {})},
    )


def test_help_lists_every_command_without_importing_one():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, atexit\n"
            "atexit.register(lambda: print(sorted(n for n in sys.modules if n in wanted)))\n"
            "from agent import cli\n"
            "wanted = {m for m, _ in cli.COMMANDS.values()} | {'livekit', 'numpy', 'sqlmodel'}\n"
            "cli.main(['--help'], prog_name='kural')\n",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name, (_, line) in cli.COMMANDS.items():
        assert name in done.stdout
        assert line.split()[0] in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_the_module_behind_a_name_has_the_command(name):
    module, line = cli.COMMANDS[name]
    assert isinstance(importlib.import_module(module).command, click.Command)
    assert line.endswith(".")


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_explains_itself(name):
    result = CliRunner().invoke(importlib.import_module(cli.COMMANDS[name][0]).command, ["--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_python_m_agent_is_kural():
    done = kural("--version")
    assert done.stdout.startswith(b"kural, version ")


@pytest.mark.parametrize("args", [["nonsense"], ["--nonsense"]])
def test_a_wrong_command_line_is_exit_2(args):
    done = kural(*args)
    assert done.returncode == 2
    assert b"No such" in done.stderr


def test_no_command_shows_the_help():
    done = kural()
    assert b"understand" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError, 2), (UnreadableInput, 2), (EngineUnavailable, 1)]
)
def test_an_error_on_purpose_is_one_sentence_and_its_exit_code(error, code):
    done = run_with(f"raise errors.{error.__name__}('Say it again.')")
    assert done.returncode == code
    assert done.stderr.decode() == "kural: Say it again.\n"
    assert done.stdout == b""


def test_a_file_that_cannot_be_used_is_one_sentence():
    done = run_with("open('/proc/self/mem/x')")
    assert done.returncode == 1
    assert done.stderr.decode() == "kural: cannot use /proc/self/mem/x: Not a directory.\n"


def test_a_bug_shows_its_class_and_no_words():
    done = run_with("raise ValueError(word)")
    assert done.returncode == 1
    line = json.loads(done.stderr)
    assert (line["message"], line["error"]) == ("uncaught exception", "ValueError")
    assert "தண்ணீர்".encode() not in done.stderr


def test_a_wrong_setting_stops_every_command_with_one_sentence():
    done = kural("understand", "x", env={"LOG__LEVEL": "hunter2"})
    assert done.returncode == 2
    assert done.stderr.decode().count("\n") == 1
    assert b"LOG__LEVEL" in done.stderr
    assert b"hunter2" not in done.stderr


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=["bare C", "C", "latin-1"],
)
def test_tamil_goes_in_and_out_whatever_the_locale(locale):
    done = run_with("click.echo(word)", env=locale)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("utf-8") == "தண்ணீர்\n"


def test_an_interrupt_is_quiet_and_130():
    done = run_with("os.kill(os.getpid(), signal.SIGINT)\nasyncio.run(asyncio.sleep(5))")
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_a_reader_that_goes_away_is_quiet():
    reading, writing = os.pipe()
    os.close(reading)
    program = "from agent.cli import main; main(['--help'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert done.stderr == b""


def test_a_reader_that_goes_away_while_a_command_writes_is_quiet():
    body = (
        "reading, writing = os.pipe()\n"
        "os.dup2(writing, 1)\n"
        "os.close(writing)\n"
        "os.close(reading)\n"
        "for _ in range(10_000):\n"
        "    click.echo(word)\n"
    )
    done = run_with(body)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_socket_that_breaks_is_not_taken_for_our_reader():
    done = run_with("raise BrokenPipeError(32, 'gone')")
    assert done.returncode == 1
    assert done.stderr.startswith(b"kural: another process ended the connection")


LOG_BOTH = "log = logging.getLogger('x')\nlog.info('low')\nlog.warning('high')"


@pytest.mark.parametrize(
    ("env", "expected"),
    [({}, ["high"]), ({"LOG__LEVEL": "INFO"}, ["low", "high"]), ({"LOG__LEVEL": "ERROR"}, [])],
)
def test_commands_log_warnings_unless_asked(env, expected):
    done = run_with(LOG_BOTH, env=env)
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == expected


def test_the_form_of_log_lines_is_a_setting():
    done = run_with(LOG_BOTH, env={"LOG__FORMAT": "text"})
    assert done.stderr.decode().rstrip().endswith("WARNING x  high")


def test_a_full_disk_behind_the_output_is_one_sentence():
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "agent", "understand", "தண்ணி வரல"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.decode() == "kural: the output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("command", [("understand",), ("say", "-", "--out", "never.wav")])
def test_a_closed_standard_input_is_one_sentence(command):
    done = kural(*command, preexec_fn=lambda: os.close(0))
    assert done.returncode == 2
    assert done.stderr.decode().startswith("kural: ")
    assert done.stderr.count(b"\n") == 1
