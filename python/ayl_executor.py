"""The executor for applications in Python: docs/executor.md is its contract.

    boot ─► import the application's module ─► ready
    run  ─► eval an expression in that module ─► ok, error, decay, bury, exit
    stop, or end of file ─► atexit handlers, exit 0

A job's code is one expression, `clear_stay(3, 32)`, and sees what the module named by `require` sees. A job may
`from ayl_executor import current_job, RequiresJobDecay, RequiresJobBury`.
"""

import fcntl
import importlib
import json
import os
import signal
import socket
import struct
import sys
import traceback

PROTOCOL = 1
EX_SOFTWARE = 70
# The longest frame, in bytes, and what is left of a message, a line of a backtrace, and its lines.
LIMIT = 16 * 1024 * 1024
MESSAGE_LIMIT = 64 * 1024
LINE_LIMIT = 1024
LINES = 200
# From this number on the socket is put, out of the way of what jobs do.
OUT_OF_THE_WAY = 100


class RequiresJobDecay(Exception):
    """Raised by a job that wants to be tried again after `delay` seconds; None means the message's own delay."""

    def __init__(self, delay=None):
        super().__init__(f"the job asks to be tried again, delay {delay}")
        self.delay = delay


class RequiresJobBury(Exception):
    """Raised by a job that wants to be laid aside for a person to look at."""


class Violation(Exception):
    """The worker does not keep to the protocol."""


class Job:
    """The job that is running: its number in beanstalkd, its tube, and its `jti` if it was signed."""

    def __init__(self, frame):
        self.id, self.tube, self.jti = frame.get("id"), frame.get("tube"), frame.get("jti")


_current = None


def current_job():
    """The job that is running in this process, or None."""
    return _current


class Channel:
    """Frames of four bytes of length and JSON."""

    def __init__(self, number):
        try:
            moved = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
            os.close(number)
        except OSError:
            moved = number
        self.socket = socket.socket(fileno=moved)
        self.socket.set_inheritable(False)
        self.socket.setblocking(True)

    def take(self, length):
        """`length` bytes; fewer only at the end."""
        data = bytearray()
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            if not more:
                break
            data += more
        return bytes(data)

    def read(self):
        """The next frame, or None at the end."""
        try:
            head = self.take(4)
        except ConnectionResetError:
            return None
        if not head:
            return None
        if len(head) < 4:
            raise Violation("the end came inside a frame")
        (length,) = struct.unpack(">I", head)
        if not 2 <= length <= LIMIT:
            raise Violation(f"a frame of {length} bytes")
        text = self.take(length)
        if len(text) < length:
            raise Violation("the end came inside a frame")
        try:
            frame = json.loads(text)
        except ValueError as error:
            raise Violation(f"a frame that is not JSON: {error}") from None
        if not isinstance(frame, dict):
            raise Violation("a frame that is no object")
        return frame

    def write(self, frame):
        data = json.dumps(frame).encode()
        self.socket.sendall(struct.pack(">I", len(data)) + data)


def cut(text, limit):
    return str(text).encode("utf-8", "replace")[:limit].decode("utf-8", "replace")


def describe(error):
    """Class, message and backtrace, innermost call first, whatever the exception is made of."""
    kind = type(error)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    try:
        message = str(error)
    except Exception as other:
        message = f"(its message cannot be had: {type(other).__name__})"
    frames = traceback.extract_tb(error.__traceback__)[-LINES:]
    lines = [cut(f"{frame.filename}:{frame.lineno}:in {frame.name}", LINE_LIMIT) for frame in reversed(frames)]
    return {"class": cut(name, LINE_LIMIT), "message": cut(message, MESSAGE_LIMIT), "backtrace": lines}


def exit_status(error):
    """What the interpreter would make of this SystemExit."""
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1


def seconds(delay):
    try:
        return None if delay is None else max(0, int(-(-float(delay) // 1)))
    except (TypeError, ValueError, OverflowError):
        return None


class Executor:
    """Serves one worker until it wants no more."""

    def __init__(self, channel):
        self.channel = channel
        self.pid = os.getpid()
        self.module = None
        self.memory = False

    def serve(self):
        while (frame := self.channel.read()) is not None:
            kind = frame.get("type")
            if kind == "boot":
                if not self.boot(frame):
                    return 1
            elif kind == "run" and self.module:
                self.run(frame)
            elif kind == "stop":
                return 0
            else:
                raise Violation(f"a frame of type {json.dumps(kind)}")
        return 0

    def boot(self, frame):
        try:
            if frame.get("protocol") != PROTOCOL:
                raise ValueError(f"protocol {frame.get('protocol')} is not known here, only {PROTOCOL}")
            for name, key in (("AYL_APP", "application"), ("AYL_VERSION", "version"), ("AYL_INSTANCE", "instance")):
                if frame.get(key):
                    os.environ.setdefault(name, frame[key])
            if frame.get("tube"):
                os.environ["AYL_TUBE"] = frame["tube"]
            os.chdir(frame["path"])
            sys.path.insert(0, frame["path"])
            # Both `config/jobs` and `config.jobs`.
            name = frame["require"]
            self.module = importlib.import_module((name[:-3] if name.endswith(".py") else name).replace("/", "."))
        except BaseException as error:  # SyntaxError and exit while loading are failures too
            self.channel.write({"type": "boot_failed", **describe(error)})
            return False
        self.memory = bool(frame.get("memory"))
        ignore_signals()
        self.channel.write({"type": "ready", "protocol": PROTOCOL, "pid": self.pid, "tube": frame.get("tube"),
                            "runtime": "python " + ".".join(map(str, sys.version_info[:3])), "reports": False})
        return True

    def run(self, frame):
        global _current
        _current = Job(frame)
        stdout, stderr = sys.stdout, sys.stderr
        try:
            # What `:=` binds goes into the empty locals, and not into the module.
            eval(compile(frame["code"], f"job {frame.get('id')}", "eval"), vars(self.module), {})
            answer = {"type": "ok"}
        except SystemExit as error:
            answer = {"type": "exit", "status": exit_status(error)}
        except RequiresJobDecay as error:
            answer = {"type": "decay", "delay": seconds(error.delay)}
        except RequiresJobBury as error:
            answer = {"type": "bury", "message": describe(error)["message"]}
        except BaseException as error:  # whatever leaves a job is its outcome
            answer = {"type": "error", **describe(error)}
        _current = None
        sys.stdout, sys.stderr = stdout, stderr
        if os.getpid() != self.pid:
            self.leave(answer)
        flush()
        answer["id"] = frame.get("id")
        if self.memory:
            with open("/proc/self/statm", encoding="ascii") as statm:
                answer["rss"] = int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        self.channel.write(answer)

    @staticmethod
    def leave(answer):
        """This is a process that the job has forked and that came back from the job's code."""
        if answer["type"] == "error":
            print(f"{answer['class']}: {answer['message']}", file=sys.stderr)
        flush()
        os._exit(answer.get("status", 0 if answer["type"] == "ok" else 1))


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass


def ignore_signals():
    """They are sent to a whole group; the worker decides. A handler, so that what a job starts has the defaults."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)


def main():
    number = os.environ.pop("AYL_EXECUTOR_FD", None)
    if number is None:
        sys.exit("ayl_executor: AYL_EXECUTOR_FD is not set: ayl_worker starts this, see docs/executor.md")
    # The worker has tied this process to that descriptor; what its jobs start has no use for it.
    lifeline = os.environ.pop("AYL_EXECUTOR_LIFELINE", None)
    if lifeline is not None:
        os.set_inheritable(int(lifeline), False)
    # The module that jobs import is this one, and not a second copy of it.
    sys.modules["ayl_executor"] = sys.modules[__name__]
    ignore_signals()
    sys.stdout.reconfigure(line_buffering=True)
    executor = Executor(Channel(int(number)))
    try:
        return executor.serve()
    except Violation as error:
        print(f"ayl_executor: the worker does not keep to the protocol: {error}", file=sys.stderr)
        return EX_SOFTWARE
    except (BrokenPipeError, ConnectionResetError):
        return 0
    finally:
        executor.channel.socket.close()


if __name__ == "__main__":
    sys.exit(main())
