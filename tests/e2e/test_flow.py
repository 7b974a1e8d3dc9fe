#!/usr/bin/env python3
"""Which connections to a provider are metered, which are not, and whose they are. uv speaks TLS
by rustls, and one client makes its hello by hand: nobody can read them, but all are to be known."""
import json
import os
import signal
import socket
import subprocess
import time

import calls
import daemon as agent
from world import TOP, Checks, World, wait_for

PYTHON = TOP / 'build' / 'venv' / 'bin' / 'python'
BY_HAND = '''
import os, socket, struct, sys, time
def vector(width, data):
    return len(data).to_bytes(width, 'big') + data
name = sys.argv[1].encode()
server_name = struct.pack('>H', 0) + vector(2, vector(2, b'\\0' + vector(2, name)))
body = b'\\3\\3' + os.urandom(32) + vector(1, b'') + vector(2, b'\\x13\\1') + vector(1, b'\\0') \\
    + vector(2, server_name)
hello = b'\\x16\\3\\1' + vector(2, b'\\1' + vector(3, body))
with socket.create_connection((sys.argv[1], 443)) as server:
    server.sendall(hello)
    while server.recv(4096):
        pass
print(len(hello))
'''
# As Postgres begins, and then more than a handshake has.
NO_HTTP = '''
import socket, ssl, sys, time
context = ssl.create_default_context(cafile=sys.argv[2])
with socket.create_connection((sys.argv[1], 443)) as tcp, \\
        context.wrap_socket(tcp, server_hostname=sys.argv[1]) as server:
    # No line ends: the server reads as much as a line may have before it refuses.
    server.sendall(bytes((0, 0, 0, 8, 4, 210, 22, 47)) + bytes(range(11, 256)) * 268)
    try:
        while server.recv(4096):
            pass
    except OSError:
        pass
time.sleep(0.5) # so that it can be looked at
'''
# A proxy as there are many: CONNECT, then bytes both ways, untouched.
RELAY = '''
import socket, sys, threading
def pump(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
def serve(client):
    head = b''
    while b'\\r\\n\\r\\n' not in head:
        head += client.recv(4096)
    host, port = head.split()[1].decode().split(':')
    with client, socket.create_connection((host, int(port))) as server:
        client.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')
        back = threading.Thread(target=pump, args=(server, client))
        back.start()
        pump(client, server)
        back.join()
listener = socket.create_server(('127.0.0.1', 8888))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
'''


class Flow:
    def __init__(self):
        self.world = World.enter('flow')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        self.crew = calls.Crew(self.world)

    def run(self):
        if not self.check('outlayd starts', self.daemon.start(), self.daemon.said()):
            self.check.finish(self.world)
        self.watcher = agent.Watcher(self.daemon.socket)
        self.features()
        self.metered()
        self.relayed()
        self.unmetered()
        self.no_http()
        self.others()
        self.shown()
        self.ends()
        self.check.finish(self.world)

    def flows(self):
        return self.daemon.get('/v1/status')['flows']

    def rows(self, exe):
        return [row for row in self.daemon.get('/v1/status')['unmetered']
                if row['exe'].endswith(exe)]

    def ran(self, name, *words, **options):
        child = self.world.spawn(name, words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 **options)
        said, _ = child.communicate(timeout=60)
        self.world.children.pop(child.pid, None)
        return child.returncode, said.decode(errors='replace')

    def features(self):
        self.check.equal('every hook is there', set(self.flows()['features'].values()), {'on'})

    def metered(self):
        """OpenSSL by curl and by Python, blocking and by asyncio's memory BIOs."""
        plan = calls.series('curl', 'curl', 5, fresh=True) + calls.series('http', 'http', 5) \
            + calls.series('sdk', 'sdk', 5, fresh=True)
        before = self.flows()
        results = self.crew.run(plan)
        self.check.equal('all calls are made', len(results), len(plan))
        connections = 5 + 1 + 5
        flows = wait_for(lambda: (now := self.flows())['metered'] - before['metered'] >= connections
                         and now, 15) or self.flows()
        self.check.equal('each connection is metered', flows['metered'], connections)
        self.check.equal('joined to its SSL object', flows['joined'], connections)
        self.check.equal('none of them by count or in doubt',
                         [flows[key] for key in ('inferred', 'unmetered', 'captures_unmatched')],
                         [0, 0, 0])

    def relayed(self):
        """Through a proxy on the same machine: a call is one call, of the program that made it."""
        self.world.spawn('relay', [PYTHON, '-c', RELAY])
        wait_for(lambda: not socket.socket().connect_ex(('127.0.0.1', 8888)), 10)
        before, events = self.flows(), len(self.daemon.calls())
        self.crew.run(calls.series('curl', 'relayed', 3, fresh=True,
                                   curl=[['--proxy', 'http://127.0.0.1:8888']]))
        flows = wait_for(lambda: (now := self.flows())['relayed'] - before['relayed'] >= 3 and now,
                         15) or self.flows()
        self.check.equal('the leg of the proxy is its own kind', flows['relayed'], 3)
        self.check.equal('and that of the program is metered',
                         flows['metered'] - before['metered'], 3)
        calls_made = self.daemon.settled_calls(events + 3)[events:]
        self.check.equal('each call is one event, of curl',
                         [event['exe'].rsplit('/', 1)[1] for event in calls_made], ['curl'] * 3)
        self.check.equal('nothing of it is unmetered', self.flows()['unmetered'], 0)

    def unmetered(self):
        """Capture case 48."""
        uv = PYTHON.with_name('uv')
        _, said = self.ran('uv', uv, 'pip', 'install', '--no-cache', '--target',
                           self.world.dir / 'none', '--index-url',
                           f'https://{calls.PROVIDER}/simple', 'nothing-of-that-name')
        rows = wait_for(lambda: [row for row in self.rows('/uv') if not row['open']], 15)
        if self.check('uv, which is rustls, is listed by its path', rows, said):
            row = rows[0]
            self.check.equal('with host, user and reason',
                             [row[key] for key in ('host', 'user', 'reason')],
                             [calls.PROVIDER, 'root', 'no_probe'])
            self.check('and bytes both ways', row['sent_bytes'] > 300
                       and row['received_bytes'] > 500, row)
        status, said = self.ran('hand', PYTHON, '-c', BY_HAND, calls.PROVIDER)
        self.check.equal('a hello by hand goes out', status, 0)
        rows = wait_for(lambda: [row for row in self.rows('/python3.11') if not row['open']], 15)
        self.check('its program is listed', rows, self.daemon.get('/v1/status')['unmetered'])
        self.check.equal('with the bytes that it sent', [row['sent_bytes'] for row in rows],
                         [int(said or 0)])
        news = wait_for(lambda: len(self.unmetered_events()) >= 2 and self.unmetered_events(), 5)
        self.check.equal('watchers are told of each, once',
                         sorted(event['exe'].rsplit('/', 1)[1] for event in news or []),
                         ['python3.11', 'uv'])
        status = self.daemon.get('/v1/status')['unmetered']
        self.check.equal('as they stand in the status', [set(event) for event in news or []],
                         [set(status[0])] * 2)

    def no_http(self):
        """Capture case 37: what is captured and is no HTTP yields no call, and is listed."""
        before = len(self.daemon.all_calls())
        status, said = self.ran('no HTTP', PYTHON, '-c', NO_HTTP, calls.PROVIDER,
                                self.world.dir / 'ca.pem')
        self.check.equal('what is no HTTP goes out', status, 0)
        rows = wait_for(lambda: [row for row in self.rows('/python3.11')
                                 if row['reason'] == 'no_http'], 15)
        self.check('its program is listed', rows, self.daemon.get('/v1/status')['unmetered'])
        self.check.equal('once, and ended', [(row['connections'], row['open'])
                                             for row in rows or []], [(1, 0)])
        self.check.equal('and it is no call', len(self.daemon.all_calls()), before)

    def unmetered_events(self):
        """Whole ones."""
        parts = self.watcher.seen.split(b'event: unmetered\ndata: ')[1:]
        return [json.loads(part.split(b'\n\n')[0]) for part in parts if b'\n\n' in part]

    def others(self):
        before = self.flows()
        self.crew.run(calls.unrelated(9))
        self.ran('hand-other', PYTHON, '-c', BY_HAND, calls.UNRELATED)
        time.sleep(3)
        flows = self.flows()
        self.check('hellos of other hosts are counted', flows['other_hellos'] >
                   before['other_hellos'] + 4, flows)
        self.check.equal('and leave no record', flows['records'], before['records'])

    def shown(self):
        text = self.daemon.outlay('status')
        self.check('outlay status lists who is not metered',
                   'unmetered\n' in text and '/uv' in text and 'no_probe' in text, text)

    def ends(self):
        """A killed agent leaves no hook behind that could be in anybody's way."""
        self.daemon.stop(signal.SIGKILL)
        left = wait_for(lambda: 'flow_egress' not in self.programs(), 10)
        self.check('after kill -9 the hooks are gone', left, self.programs())

    @staticmethod
    def programs():
        tool = next(path for path in ('/usr/sbin/bpftool', '/usr/bin/bpftool')
                    if os.path.exists(path))
        return subprocess.run([tool, 'prog'], capture_output=True, text=True, check=True).stdout


if __name__ == '__main__':
    Flow().run()
