"""outlayd as it is installed: its configuration, process and socket, and `outlay` beside it."""
import http.client
import json
import shutil
import signal
import socket
import struct
import subprocess
import threading

from world import TOP, die_with_parent, give_weight, wait_for

FAKETIME = '/usr/$LIB/faketime/libfaketimeMT.so.1'


class Connection(http.client.HTTPConnection):
    """HTTP over the policy socket."""

    def __init__(self, path):
        super().__init__('localhost', timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        # Who does not wait in connect() is refused while others stand in the queue.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                             struct.pack('ll', self.timeout, 0))
        self.sock.connect(self.path)
        self.sock.settimeout(self.timeout)

    def ask(self, method, path, body=None):
        """-> (status, headers, text)"""
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        self.request(method, path, body)
        response = self.getresponse()
        return response.status, response.headers, response.read().decode()


class Daemon:
    def __init__(self, world):
        self.world, self.child = world, None
        self.config, self.state = world.dir / 'etc', world.dir / 'state'
        self.socket = world.dir / 'policy.sock'
        self.log = world.dir / 'outlayd.log'
        self.answers = []  # every text that the socket ever gave to us
        shutil.copytree(TOP / 'config', self.config)
        self.state.mkdir(mode=0o700)

    def words(self, *more):
        return [TOP / 'build' / 'outlayd', '--config', self.config, '--state', self.state,
                '--socket', self.socket, *more]

    def start(self, *more):
        self.child = self.world.spawn('outlayd', self.words(*more), start_new_session=True)
        give_weight(self.child)  # on full CPUs it keeps up
        # At once: the first call after the socket accepts must be seen.
        return wait_for(lambda: self.listens() or self.child.poll() is not None, 20, every=0.001) \
            and self.listens()

    def start_at(self, offset='+0'):
        """Its wall clock is ours, as libfaketime writes offsets, until move() says otherwise; its
        timers and the times of files are never touched."""
        self.move(offset)
        before = self.world.env
        self.world.env = {**before, 'FAKETIME_TIMESTAMP_FILE': str(self.world.dir / 'clock'),
                          'FAKETIME_NO_CACHE': '1', 'DONT_FAKE_MONOTONIC': '1',
                          'NO_FAKE_STAT': '1', 'LD_PRELOAD': FAKETIME}
        try:
            return self.start()
        finally:
            self.world.env = before

    def move(self, offset):
        (self.world.dir / 'clock').write_text(offset)

    def stop(self, number=signal.SIGTERM):
        return self.world.end(self.child, number)

    def listens(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def run(self, *more, **options):
        """outlayd, expected to end by itself -> (status, what it said)"""
        options = {'env': self.world.env, 'preexec_fn': die_with_parent, **options}
        try:
            run = subprocess.run(self.words(*more), capture_output=True, text=True, timeout=10,
                                 check=False, **options)
        except subprocess.TimeoutExpired:
            return None, 'it did not end'
        return run.returncode, run.stdout + run.stderr

    def ask(self, method, path, body=None):
        status, headers, text = Connection(self.socket).ask(method, path, body)
        self.answers.append(text)
        return status, headers, json.loads(text)

    def get(self, path):
        return self.ask('GET', path)[2]

    def budget(self, name):
        return next(b for b in self.get('/v1/budgets')['budgets'] if b['name'] == name)

    def outlay(self, *words):
        run = subprocess.run([TOP / 'build' / 'outlay', *words, '--socket', self.socket],
                             capture_output=True, text=True, timeout=20, check=False,
                             env=self.world.env)
        if run.returncode:
            raise RuntimeError(f'outlay {" ".join(words)}: {run.returncode}: {run.stderr}')
        self.answers.append(run.stdout)
        return run.stdout

    def calls(self):
        """The events of the ledger, oldest first, of this world's processes. Others on the machine
        may call the same provider, and an agent sees them all."""
        return [event for event in self.all_calls() if self.mine(event)]

    def all_calls(self):
        return list(map(json.loads, self.outlay('calls', '--json', '--limit', '100000')
                        .splitlines()))

    def mine(self, event):
        return event['pid'] in self.world.pids

    def settled_calls(self, due, seconds=20):
        """The events, once there are `due` of them and there have been no more for a moment."""
        wait_for(lambda: len(self.calls()) >= due, seconds, every=0.2)
        wait_for(lambda: False, 0.5)
        return self.calls()

    def said(self):
        return self.log.read_text(errors='replace') if self.log.exists() else ''


class Watcher(threading.Thread):
    """Reads GET /v1/watch for as long as it goes."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.seen = str(path), b''
        self.start()

    def run(self):
        with socket.socket(socket.AF_UNIX) as watch:
            watch.connect(self.path)
            watch.sendall(b'GET /v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n')
            while True:
                try:
                    piece = watch.recv(65536)
                except OSError:
                    return
                if not piece:
                    return
                self.seen += piece
