#!/usr/bin/env python3
"""What comes in wrong: configuration, privileges, a policy socket under abuse, and answers of a
provider that are not what they say. Each is refused or marked in its place, and nobody else waits.
"""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import calls
import daemon as agent
from world import Checks, World, wait_for

BODY_MAX = 65536
STALL_SECONDS = 0.25  # of a good client, on two shared cores; an idle answer takes well under 1 ms
REQUEST_SECONDS = 2   # for a request to arrive whole
RSS_GROWTH_MAX_KIB = 32 * 1024

# (file, its text or (old, new) in the installed one, line that must be named or None, key)
BAD_FILES = [
    ('outlayd.yaml', 'kafka: [one, two\n', 2, ''),
    ('outlayd.yaml', 'socket: /x\nkafak: localhost:9092\n', 2, 'kafak'),
    ('outlayd.yaml', 'ring_mib: many\n', 1, 'ring_mib'),
    ('outlayd.yaml', 'request_kib: 513\n', 1, 'request_kib'),
    ('outlayd.yaml', '# prices\ncatalog: seed-1999\n', 2, 'catalog'),
    ('outlayd.yaml', 'catalog: ../prices\n', 1, 'catalog'),
    ('budgets.yaml', 'budgets:\n  - name: a\n    limit: 50 dollars a day\n', 3, 'limit'),
    ('budgets.yaml', 'budgets:\n  - name: a\n    limit: -1 USD per day\n', 3, 'limit'),
    ('budgets.yaml', 'budgets:\n  - name: a\n    limit: 1 USD per day\n    mood: good\n', 4,
     'mood'),
    ('budgets.yaml', 'budgets:\n  - {name: a, limit: 1 USD per day}\n'
                     '  - {name: a, limit: 2 USD per day}\n', 3, 'name'),
    ('budgets.yaml', 'budgets: [{name: a}]\n', 1, 'limit'),
    ('providers/openai.yaml', ('operation: chat', 'operation: chat\n    operaton: chat'), None,
     'operaton'),
    ('providers/openai.yaml', ('/usage/prompt_tokens', '/usage/prompt_tokens -'), None, 'input'),
    ('providers/openai.yaml', ('input:', 'inputs:'), None, 'inputs'),
    ('providers/openai.yaml', ('match: POST /', 'match: POST '), None, 'match'),
    ('providers/copy.yaml', 'name: openai\nhosts: [a.example]\nroutes: []\n', None, ''),
    ('prices/new.json', '{"catalog": "new", "provider": "openai", "models": [', None, ''),
    ('prices/new.json', '{"catalog": "new", "provider": "p", "models": [{"model": "m", "rates": '
                        '[{"from": "2025-01-01", "per_million": {"input": "cheap"}}]}]}',
     None, 'm'),
    ('prices/new.json', '{"catalog": "new", "provider": "p", "models": [{"model": "m", "rates": '
                        '[{"from": "2025-01-01", "per_million": {"input": "-1"}}]}]}', None, 'm'),
    ('prices/new.json', '{"catalog": "new", "provider": "p", "models": [{"model": "m", "rates": '
                        '[{"from": "yesterday", "per_million": {"input": "1"}}]}]}', None, 'from'),
]


class BadInput:
    def __init__(self):
        self.world = World.enter('badinput')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)

    def run(self):
        self.bad_configuration()
        self.missing_privileges()
        if not self.check('outlayd starts', self.daemon.start(), self.daemon.said()):
            self.check.finish(self.world)
        self.bad_requests()
        self.abuse()
        self.bad_answers()
        status, took = self.daemon.stop()
        self.check.equal('after all that, SIGTERM ends it with 0', status, 0)
        self.check('within two seconds', took < 2, took)
        self.check.finish(self.world)

    # --- configuration

    def bad_configuration(self):
        status, said = self.daemon.run('--check')
        self.check.equal('--check: the installed configuration is good', status, 0)
        for name, change, line, key in BAD_FILES:
            path = self.daemon.config / name
            old = path.read_text() if path.exists() else None
            text = change if isinstance(change, str) else old.replace(*change, 1)
            path.write_text(text)
            if not isinstance(change, str):
                line = text[:text.index(change[1])].count('\n') + change[1].count('\n') + 1
            self.refused(f'{name}: {key or "syntax"}', name, line, key)
            if old is None:
                path.unlink()
            else:
                path.write_text(old)
        for words in (['--nonsense'], ['--config', '/nowhere'], ['more']):
            status, said = self.daemon.run(*words)
            self.check(f'outlayd {" ".join(words)}: one line, 2',
                       status == 2 and said.count('\n') == 1, (status, said))

    def refused(self, title, name, line, key):
        for how in (['--check'], []):
            status, said = self.daemon.run(*how)
            where = re.escape(name) + (f':{line}\\b' if line else '')
            good = status == 2 and said.count('\n') == 1 and re.search(where, said) and key in said
            self.check(f'{title}: {how[0] if how else "start"} names the place', good,
                       (status, said, f'due: 2, {name}:{line or ""}, {key}'))

    def missing_privileges(self):
        with self.open_to_all() as copy:
            status, said = self.daemon.run(user=65534, group=65534, extra_groups=[],
                                           executable=copy / 'outlayd', cwd='/')
            self.check('not root: one line that says so', status not in (0, None)
                       and said.count('\n') == 1 and 'root' in said, (status, said))
        for name, target, word in (
                ('no BTF', '/sys/kernel/btf', 'BTF'),
                ('no uprobes', '/sys/bus/event_source/devices/uprobe', 'uprobe')):
            if not os.path.exists(target):
                print(f'       skipped: {name}: no {target} here')
                continue
            with self.emptied(target):
                status, said = self.daemon.run()
                self.check(f'{name}: one line that says so', status not in (0, None)
                           and said.count('\n') == 1 and word in said, (status, said))

    @contextlib.contextmanager
    def open_to_all(self):
        """The program and its configuration where nobody's user can read them."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix='outlay-'))
        config, state, path = self.daemon.config, self.daemon.state, self.daemon.socket
        try:
            folder.chmod(0o755)
            shutil.copy(self.daemon.words()[0], folder / 'outlayd')
            shutil.copytree(config, folder / 'etc')
            (folder / 'state').mkdir()
            os.chown(folder / 'state', 65534, 65534)
            self.daemon.config, self.daemon.state = folder / 'etc', folder / 'state'
            self.daemon.socket = folder / 'state' / 'policy.sock'
            yield folder
        finally:
            self.daemon.config, self.daemon.state, self.daemon.socket = config, state, path
            shutil.rmtree(folder)

    @staticmethod
    @contextlib.contextmanager
    def emptied(folder):
        folder = os.path.realpath(folder)
        subprocess.run(['mount', '-t', 'tmpfs', 'none', folder], check=True)
        try:
            yield
        finally:
            subprocess.run(['umount', folder], check=True)

    # --- the policy socket

    def bad_requests(self):
        ask = '{"provider": "openai", "model": "gpt-4o"%s}'
        rows = [  # method, path, body, status, word in the answer
            ('POST', '/v1/decide', '{"provider": ', 400, ''),
            ('POST', '/v1/decide', '', 400, ''),
            ('POST', '/v1/decide', '[]', 400, ''),
            ('POST', '/v1/decide', ask % ', "modle": 1', 400, 'modle'),
            ('POST', '/v1/decide', ask % ', "model": "b"', 400, 'model'),
            ('POST', '/v1/decide', ask % ', "input_tokens": "5"', 400, 'input_tokens'),
            ('POST', '/v1/decide', ask % ', "input_tokens": -5', 400, 'input_tokens'),
            ('POST', '/v1/decide', ask % ', "input_tokens": 1e30', 400, 'input_tokens'),
            ('POST', '/v1/decide', ask % (', "input_tokens": ' + '9' * 40), 400, 'input_tokens'),
            ('POST', '/v1/decide', ask % ', "dry_run": 1', 400, 'dry_run'),
            ('POST', '/v1/decide', ask % ', "labels": ["a"]', 400, 'labels'),
            ('POST', '/v1/decide', '{"model": "gpt-4o"}', 400, 'provider'),
            ('POST', '/v1/decide', '{"provider": "nobody", "model": "m"}', 400, 'provider'),
            ('POST', '/v1/decide', '[' * 20000, 400, ''),
            ('POST', '/v1/decide', b'{"provider": "\xff\xfe", "model": "m"}', 400, ''),
            ('POST', '/v1/decide', (ask % '').ljust(BODY_MAX), 200, 'decision'),
            ('POST', '/v1/decide', (ask % '').ljust(BODY_MAX + 1), 413, ''),
            ('POST', '/v1/settle', '{"reservation": "what"}', 400, 'reservation'),
            ('POST', '/v1/settle', '{"reservation": "01890a5d-ac96-774b-bcce-b302099a8057"}',
             404, ''),
            ('GET', '/v1/decide', None, 405, ''),
            ('GET', '/v1/nothing', None, 404, ''),
            ('GET', '/v1/calls?since=yesterday', None, 400, 'since'),
            ('GET', '/v1/calls?limit=0', None, 400, 'limit'),
            ('GET', '/v1/calls?color=red', None, 400, 'color'),
            ('BREW', '/v1/status', None, 405, ''),
        ]
        for method, path, body, due, word in rows:
            status, headers, text = agent.Connection(self.daemon.socket).ask(method, path, body)
            kind = 'application/json' if due == 200 else 'application/problem+json'
            self.check(f'{method} {path} {(body or "")[:50]!r}: {due}',
                       (status, headers['Content-Type']) == (due, kind) and word in text,
                       (status, dict(headers), text[:300]))

    def abuse(self):
        """Each at once with a good client that must never wait."""
        good = GoodClient(self.daemon.socket)
        before = self.rss_kib()
        for name, what in (
                ('garbage', self.garbage), ('a head without end', self.endless_head),
                ('bodies that never come', self.slow_bodies),
                ('half-closed sockets', self.half_closed),
                ('pipelines nobody reads', self.deaf), ('watchers that do not read', self.watchers),
                ('more connections than there are', self.crowd)):
            good.slowest = 0
            detail = what()
            self.check(f'{name}: answered or closed', not detail, detail)
            self.check(f'{name}: a good client waited {good.slowest * 1000:.1f} ms at most',
                       good.slowest < STALL_SECONDS and good.is_alive(), good.error)
        good.stop()
        self.check(f'the good client had {good.answers} answers, all good',
                   good.answers > 100 and not good.error, good.error)
        growth = self.rss_kib() - before
        self.check(f'memory grew by {growth} KiB', growth < RSS_GROWTH_MAX_KIB)

    def rss_kib(self):
        with open(f'/proc/{self.daemon.child.pid}/status', encoding='utf-8') as status:
            return int(re.search(r'VmRSS:\s+(\d+)', status.read()).group(1))

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(REQUEST_SECONDS + 3)
        client.connect(str(self.daemon.socket))
        return client

    @staticmethod
    def drain(client):
        """What comes until the other side closes; None when it does not close."""
        text = b''
        with client:
            while True:
                try:
                    piece = client.recv(65536)
                except ConnectionError:
                    return text
                except TimeoutError:
                    return None
                if not piece:
                    return text
                text += piece

    def exchange(self, *pieces):
        client = self.connect()
        with contextlib.suppress(OSError):
            for piece in pieces:
                client.sendall(piece)
        return self.drain(client)

    def garbage(self):
        texts = (b'\0' * 5000 + b'\r\n\r\n',
                 b'\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03' * 9 + b'\r\n\r\n',
                 b'GET\r\n\r\n', b'GET / HTTP/9.9\r\n\r\n', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
                 b'GET / HTTP/1.1\r\nA B: c\r\n\r\n',
                 b'POST /v1/decide HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
                 b'POST /v1/decide HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
                 b'POST /v1/decide HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n')
        for text in texts:
            answer = self.exchange(text)
            if answer is None or (answer and not re.match(rb'HTTP/1\.1 [45]\d\d ', answer)):
                return text[:40], answer
        return None

    def endless_head(self):
        answer = self.exchange(b'GET /v1/status HTTP/1.1\r\n', b'X: ' + b'y' * 200000)
        return answer is None and 'not closed'

    def slow_bodies(self):
        """A head, then a byte now and then: gone after two seconds, not after many."""
        start = time.monotonic()
        clients = [self.connect() for _ in range(100)]
        for client in clients:
            client.sendall(b'POST /v1/decide HTTP/1.1\r\nContent-Length: 100\r\n\r\n{')
        for _ in range(4):
            time.sleep(0.5)
            for client in clients:
                with contextlib.suppress(OSError):
                    client.sendall(b' ')
        answers = [self.drain(client) for client in clients]
        took = time.monotonic() - start
        if None in answers or took > REQUEST_SECONDS + 3:
            return f'{answers.count(None)} of 100 still open after {took:.1f} s'
        return None

    def half_closed(self):
        client = self.connect()
        client.sendall(b'GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n')
        client.shutdown(socket.SHUT_WR)
        answer = self.drain(client)
        if not answer or not answer.startswith(b'HTTP/1.1 200 '):
            return 'a whole request before the half-close is not answered', answer
        for part in (b'', b'GET /v1/st', b'POST /v1/decide HTTP/1.1\r\nContent-Length: 9\r\n\r\n{'):
            client = self.connect()
            client.sendall(part)
            client.shutdown(socket.SHUT_WR)
            if self.drain(client) is None:
                return part, 'not closed'
        return None

    def deaf(self):
        clients = [self.connect() for _ in range(20)]
        for client in clients:
            client.settimeout(0.5)
            with contextlib.suppress(OSError):
                for _ in range(100):
                    client.sendall(b'GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n' * 500)
        time.sleep(0.5)
        for client in clients:
            client.close()
        return None

    def watchers(self):
        clients = [self.connect() for _ in range(100)]
        for client in clients:
            client.sendall(b'GET /v1/watch HTTP/1.1\r\nHost: x\r\n\r\n')
        for _ in range(300):
            self.daemon.ask('POST', '/v1/decide', {'provider': 'openai', 'model': 'gpt-4o',
                                                   'dry_run': True})
        heads = [client.recv(12) for client in clients]
        for client in clients:
            client.close()
        taken = heads.count(b'HTTP/1.1 200')
        return f'{taken} of 100 taken, {set(heads)}' if not 0 < taken < 100 else None

    def crowd(self):
        clients = []
        with contextlib.suppress(OSError):
            for _ in range(1100):
                client = socket.socket(socket.AF_UNIX)
                client.settimeout(0.2)
                clients.append(client)
                client.connect(str(self.daemon.socket))
        time.sleep(0.5)
        for client in clients:
            client.close()
        taken = wait_for(lambda: self.exchange(
            b'GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n'), 5)
        return None if taken and taken.startswith(b'HTTP/1.1 200') else ('afterwards', taken)

    # --- answers of a provider

    def bad_answers(self):
        crew = calls.Crew(self.world)
        plan = [call for case in ('notjson', 'short', 'long', 'garbage')
                for call in calls.series('http', 'bad', 2, case=case)]
        plan += calls.series('http', 'bad', 3, case='cut', stream=True)
        plan += calls.series('http', 'bad', 5)
        crew.run(plan)
        events = {event['request_id']: event for event in self.daemon.settled_calls(len(plan))}
        marks = {'notjson': 'complete', 'short': None}
        for line in crew.truth():
            event = events.get(line['request_id'])
            case = line['case']
            if case == 'long':  # all of the JSON came: what it says may be believed
                good = event and event['completeness'] == 'truncated' \
                    and event['cost_pico'] in (None, str(line['cost_pico']))
                self.check('long: the call is marked, not guessed', good, event)
            elif case in marks:
                good = event and event['cost_usd'] is None and event['unpriced_reason'] \
                    and event['completeness'] == (marks[case] or event['completeness'])
                self.check(f'{case}: the call is marked, not guessed', good, event)
            elif case == 'cut':
                good = event and event['cost_pico'] == str(line['cost_pico']) \
                    and event['cost_source'] == 'estimated' \
                    and event['completeness'] == 'truncated'
                self.check('cut: the call is estimated, and says so', good, (event, line))
            elif case == '':
                good = event and event['cost_pico'] == str(line['cost_pico']) \
                    and event['completeness'] == 'complete'
                self.check('a good call after it is right', good, event)
        garbage = [event for event in self.daemon.calls() if event['request_id'] is None]
        self.check('no HTTP at all: marked twice, no price', len(garbage) == 2 and all(
            event['cost_usd'] is None for event in garbage), garbage)
        self.check.equal('every call is there', len(self.daemon.calls()), len(plan))
        said = [line for line in self.daemon.said().splitlines() if 'have no price' in line]
        self.check('one line a reason', said and len(set(said)) == len(said), said)


class GoodClient(threading.Thread):
    """Asks every few milliseconds over one connection and remembers the longest wait."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.connection = agent.Connection(path)
        self.slowest, self.answers, self.error, self.ended = 0, 0, None, False
        self.start()

    def run(self):
        ask = {'provider': 'openai', 'model': 'gpt-4o', 'input_tokens': 9, 'dry_run': True}
        while not self.ended:
            start = time.monotonic()
            try:
                status, _, text = self.connection.ask('POST', '/v1/decide', ask)
                if status != 200:
                    self.error = text
            except OSError as error:
                self.error = error
                return
            self.slowest = max(self.slowest, time.monotonic() - start)
            self.answers += 1
            time.sleep(0.005)

    def stop(self):
        self.ended = True
        self.join(5)


if __name__ == '__main__':
    BadInput().run()
