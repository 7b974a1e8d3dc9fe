"""Users who want all of the policy socket, each at it in a process of its own until it is ended.
For a test and a bench of those who ask beside them."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import time
import traceback

from world import die_with_parent

FIRST_UID = 30000
CONNECTIONS = 10000  # of which a user gets 256
HEAD = b'POST /v1/decide HTTP/1.1\r\nContent-Length: %d\r\n\r\n'
ASK = b'{"provider":"openai","model":"gpt-4o-mini","dry_run":true}'


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(0.2)
    client.connect(path)
    return client


def say(path, *pieces):
    with connect(path) as client:
        for piece in pieces:
            client.sendall(piece)
        client.recv(65536)


def slow_loris(path):
    """Requests that arrive by a byte now and then."""
    clients = [connect(path) for _ in range(200)]
    for byte in HEAD % len(ASK) + ASK[:20]:
        for client in clients:
            with contextlib.suppress(OSError):
                client.sendall(bytes([byte]))
        time.sleep(0.05)


def half_json(path):
    say(path, HEAD % len(ASK), ASK[:len(ASK) // 2])  # until the answer gives it up
    say(path, HEAD % 20, ASK[:20])


def junk(path):
    say(path, os.urandom(4096))
    say(path, b'\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03' * 20)


def too_long(path):
    say(path, HEAD % 65537, ASK.ljust(65537))


def flood(path):
    with connect(path) as client:
        while client.send((HEAD % len(ASK) + ASK) * 50):
            client.recv(1 << 20)


def crowd(path):
    clients = []
    for _ in range(CONNECTIONS):
        with contextlib.suppress(OSError):
            clients.append(connect(path))


def spy(path):
    for word in (b'budgets', b'calls', b'status'):
        say(path, b'GET /v1/%s HTTP/1.1\r\n\r\n' % word)
    other = json.dumps({'reservation': '01890a5d-ac96-774b-bcce-b302099a8057', 'usd': '1'}).encode()
    say(path, b'POST /v1/settle HTTP/1.1\r\nContent-Length: %d\r\n\r\n' % len(other), other)


DEEDS = (slow_loris, half_json, junk, too_long, flood, crowd, spy)


def fork_as(uid, function, path):
    """A process of that user that calls the function with a path to the socket, and ends."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.chdir(pathlib.Path(path).parent)  # which another user may not be able to
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        die_with_parent()
        function(pathlib.Path(path).name)
        status = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)


def as_user(uid, function, path):
    """What the function says to that user, which JSON can tell."""
    reader, writer = os.pipe()

    def tell(at):
        os.write(writer, json.dumps(function(at)).encode())
    child = fork_as(uid, tell, path)
    os.close(writer)
    with open(reader, encoding='utf-8') as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


@contextlib.contextmanager
def siege(path):
    """All of them at once -> a function that tells how many are still at it."""
    def keep_on(deed):
        def again(at):
            while True:
                with contextlib.suppress(OSError):
                    deed(at)
        return again
    children = [fork_as(FIRST_UID + i, keep_on(deed), path) for i, deed in enumerate(DEEDS)]
    try:
        yield lambda: sum(os.waitpid(child, os.WNOHANG) == (0, 0) for child in children)
    finally:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
