import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRET = "Murugan"

# The word comes in as an argument: a literal of the logging function may be written.
PRELUDE = (
    "import asyncio, logging, sys, warnings, threading\n"
    "from agent.observability import logs\n"
    "who = sys.argv[1]\n"
)


def run(code, *, check=True):
    """Run code in a fresh interpreter, since logging is global; return its stderr and stdout."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, SECRET],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done.stderr, done.stdout


def lines(stderr):
    return [json.loads(line) for line in stderr.splitlines()]


def test_each_event_is_one_json_line_with_its_fields():
    err, _ = run(
        "logs.configure('INFO', 'json')\n"
        "logging.getLogger('agent.x').info('turn finished', extra={'stt_s': 0.2, 'turns': 3})\n"
    )
    [line] = lines(err)
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "agent.x", "turn finished")
    assert (line["stt_s"], line["turns"]) == (0.2, 3)
    assert line["time"].endswith("+00:00")


def test_the_text_form_is_one_line_for_people():
    err, _ = run(
        "logs.configure('INFO', 'text')\n"
        "logging.getLogger('agent.x').warning('slow', extra={'stt_s': 2.5})\n"
    )
    [line] = err.splitlines()
    assert line.endswith("WARNING agent.x  slow  stt_s=2.5")


def test_the_call_id_is_on_each_line_of_a_call_and_on_none_outside():
    err, _ = run(
        "logs.configure()\n"
        "log = logging.getLogger('agent.x')\n"
        "async def call():\n"
        "    with logs.bound_call('local-1'):\n"
        "        log.info('inside')\n"
        "        await asyncio.to_thread(log.info, 'in a thread')\n"
        "    log.info('after')\n"
        "asyncio.run(call())\n"
    )
    assert [line.get("call_id") for line in lines(err)] == ["local-1", "local-1", None]


@pytest.mark.parametrize(
    "leak",
    [
        "log.info('heard', extra={'lk.pii.transcript': who, 'text': who})",
        "log.info('hello %s', who)",
        "log.info(f'hello {who}')",
        "log.info(who)",
        "log.info({'who': who})",
        "log.info('broken %d', who)",
        "log.error('failed', exc_info=ValueError(who))",
        "log.error('failed', stack_info=True, extra={'reason': who + ' ' + who})",
        "warnings.warn(who)",
        "logging.getLogger('livekit.agents').error(f'{who} left')",
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_nothing_a_caller_said_is_written(leak, form):
    err, _ = run(f"logs.configure('INFO', '{form}')\nlog = logging.getLogger('x')\n{leak}\n")
    assert len(err.splitlines()) == 1


def test_an_uncaught_exception_shows_its_class_only():
    err, _ = run("logs.configure()\nraise ValueError(who)\n", check=False)
    [line] = lines(err)
    assert (line["message"], line["error"]) == ("uncaught exception", "ValueError")


def test_an_uncaught_exception_of_a_thread_shows_its_class_only():
    err, _ = run(
        "logs.configure()\n"
        "def work():\n    raise ValueError(who)\n"
        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()\n"
    )
    assert [line["error"] for line in lines(err)] == ["ValueError"]


def test_an_exception_nobody_awaited_in_a_loop_shows_its_class_only():
    err, _ = run(
        "logs.configure()\n"
        "def fail():\n    raise ValueError(who)\n"
        "async def main():\n"
        "    loop = asyncio.get_running_loop()\n    logs.guard_loop(loop)\n"
        "    loop.call_soon(fail)\n    await asyncio.sleep(0)\n"
        "asyncio.run(main())\n"
    )
    assert [line["error"] for line in lines(err)] == ["ValueError"]


def test_livekit_cannot_add_a_second_writer():
    err, out = run(
        "logs.configure()\n"
        "from livekit.agents.cli.log import setup_logging\n"
        "setup_logging('DEBUG', devmode=False, console=False)\n"
        "logging.getLogger('livekit.agents').info('starting', extra={'lk.pii.x': who})\n"
        "logging.getLogger('livekit.agents').debug('below our level')\n"
    )
    assert [line["message"] for line in lines(err)] == ["starting"]
    assert out == ""


def test_livekits_console_view_replaces_our_lines_and_is_guarded():
    """In ``console`` the job runs in the same process and configures logs once more."""
    err, out = run(
        "logs.configure()\n"
        "from livekit.agents.cli import _legacy\n"
        "_legacy._configure_logger(_legacy.AgentsConsole.get_instance(), 'INFO')\n"
        "logs.configure()\n"
        "logging.getLogger('agent.x').info('hello %s', who, extra={'lk.pii.x': who})\n"
    )
    assert err == ""
    assert out.count("hello ***") == 1


def test_a_handler_added_before_or_after_the_guard_writes_clean_lines():
    """Job processes get LiveKit's queue handler first and may get an exporter later."""
    _, out = run(
        "class Raw(logging.StreamHandler):\n"
        "    def emit(self, record):\n"
        "        print(record.getMessage(), sorted(k for k in vars(record) if k == 'text'))\n"
        "class Late(Raw): pass\n"
        "root = logging.getLogger()\nroot.setLevel('INFO')\n"
        "root.addHandler(Raw())\n"
        "logs.guard_root_handlers()\nlogs.guard_root_handlers()\n"
        "root.addHandler(Late())\n"
        "root.info('hello %s', who, extra={'text': who})\n"
    )
    assert out.splitlines() == ["hello *** []", "hello *** []"]


def test_a_record_cleaned_in_a_job_process_keeps_its_message_in_the_worker():
    """The queue handler pickles the cleaned record; the worker must not mask it again."""
    err, _ = run(
        "import pickle\n"
        "class Queue(logging.Handler):\n"
        "    def emit(self, record):\n        sent.append(pickle.dumps(record))\n"
        "sent = []\nroot = logging.getLogger()\nroot.setLevel('INFO')\nroot.addHandler(Queue())\n"
        "logs.guard_root_handlers()\n"
        "try:\n    raise ValueError(who)\n"
        "except ValueError:\n    root.exception('call failed', extra={'turns': 2})\n"
        "logs.configure()\n"
        "root.handle(pickle.loads(sent[0]))\n"
    )
    [line] = lines(err)
    assert (line["message"], line["turns"], line["error"]) == ("call failed", 2, "ValueError")


def test_a_record_of_an_unguarded_process_is_masked_whole():
    err, _ = run(
        "logs.configure()\n"
        "record = logging.makeLogRecord({'name': 'x', 'levelno': 40, 'levelname': 'ERROR',"
        " 'msg': 'caller ' + who + ' hung up', 'pathname': 'elsewhere.py'})\n"
        "logging.getLogger('x').handle(record)\n"
    )
    [line] = lines(err)
    assert line["message"] == "***"
