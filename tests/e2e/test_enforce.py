#!/usr/bin/env python3
"""A budget that is spent stops programs that never ask: cut and hold, against real clients. What
each of them is told and when, that no request reaches the server, that nobody else notices, and
that all goes on once it may. The agent's death or sleep stops nobody."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import jsonschema

import calls
import daemon as agent
from enforce_clients import AIOHTTP, CURL, DRIVER, FETCH, GO, HTTP2, REQUESTS
from enforce_server import ANSWER, Server
from world import TOP, Checks, World, die_with_parent, wait_for

PYTHON = TOP / 'build' / 'venv' / 'bin' / 'python'
NOBODY = 65534
LONG = 300_000


class Client:
    def __init__(self, test, who, words, label=None, **options):
        env = {**test.world.env, 'OUTLAY_LABELS': f'who={label or who}',
               'NODE_EXTRA_CA_CERTS': str(test.world.dir / 'ca.pem')}
        self.who = who
        self.child = test.world.spawn(who, [*words, who], env=env, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, **options)

    def begin(self, how=''):
        self.child.stdin.write(f'{how}\n'.encode())
        self.child.stdin.flush()

    def end(self):
        return json.loads(self.child.stdout.readline() or '{"error": "it has ended"}')

    def call(self, how=''):
        self.begin(how)
        return self.end()


class Enforce:
    def __init__(self):
        self.world = World.enter('enforce', 550)
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        self.server = Server(self.world)
        self.limits = {}
        self.rows = []  # of the table: client, mode, ms, what it was told

    def run(self):
        clients = ('requests', 'aiohttp', 'curl', 'node', 'bun', 'go', 'uv')
        self.budgets(*(f'r{number}' for number in range(20)), *clients, 'many', 'stream', 'http2',
                     'dies', 'sleeps')
        self.budgets(*(client + '-hold' for client in clients), mode='hold')
        self.budgets('at-once', in_flight='cut')
        self.budgets('person', limit='1000', mode='observe')
        if not self.check('outlayd starts', self.daemon.start(), self.daemon.said()):
            self.check.finish(self.world)
        tail = self.world.spawn('tail', [TOP / 'build' / 'outlay', 'tail', '--socket',
                                         self.daemon.socket])
        watcher = agent.Watcher(self.daemon.socket)
        self.clients()
        self.world.end(tail)
        self.told(watcher.seen.decode())
        self.uv()
        self.table()
        self.stream()
        self.long_answer()
        self.user()
        self.person()
        self.many()
        self.delay()
        self.agent_ends()
        self.check.finish(self.world)

    # --- budgets

    def budgets(self, *names, limit='0.0000001', **more):
        for name in names:
            self.limits[name] = {'match': {'provider': 'openai', 'label': {'who': name}},
                                 'limit': f'{limit} USD per month', 'mode': 'cut',
                                 'unpriced': 'allow', **self.limits.get(name, {}), **more}
        text = json.dumps({'budgets': [{'name': name, **budget}
                                       for name, budget in self.limits.items()]})
        (self.daemon.config / 'budgets.yaml').write_text(text)

    def raise_limit(self, name):
        self.limits[name]['limit'] = '1000 USD per month'
        self.budgets()
        self.daemon.child.send_signal(signal.SIGHUP)

    def actions(self, name):
        return re.findall(rf'^outlayd: warning: budget {re.escape(name)}: (hold|cut|release),',
                          self.daemon.said(), re.MULTILINE)

    def is_in(self, name, *actions):
        return wait_for(lambda: self.actions(name) == list(actions), 10, every=0.01)

    def is_closed(self, name):
        return wait_for(lambda: not self.server.open[name], 0.5, every=0.005)

    # --- cut

    def python(self, name, code, label=None, **options):
        return Client(self, name, [PYTHON, '-c', 'import sys, json\n' + code + DRIVER], label,
                      **options)

    def all_clients(self, suffix=''):
        yield self.python('requests' + suffix, REQUESTS)
        yield self.python('aiohttp' + suffix, AIOHTTP)
        yield self.python('curl' + suffix, CURL)
        script = self.world.dir / 'fetch.cjs'
        script.write_text(FETCH)
        for name in ('node', 'bun'):
            program = shutil.which(name) or shutil.which(TOP / 'build' / name / 'bin' / name)
            if program:
                client = Client(self, name + suffix, [program, script])
                if name == 'node':  # its TLS is its own
                    self.is_watched(program)
                yield client
        go = shutil.which('go') or '/usr/local/go/bin/go'
        if os.path.exists(go):
            program = self.world.dir / 'client'
            if not program.exists():
                (self.world.dir / 'client.go').write_text(GO)
                subprocess.run([go, 'build', '-o', program, 'client.go'], cwd=self.world.dir,
                               check=True, env={**os.environ, 'GO111MODULE': 'off'})
            client = Client(self, 'go' + suffix, [program])
            self.is_watched(program)
            yield client

    def is_watched(self, program):
        """What nobody has run before is looked at while it runs."""
        self.check(f'{program} is watched', wait_for(
            lambda: f'watching {os.path.realpath(program)} ' in self.daemon.said(), 60))

    def spend(self, client, mode):
        """The call that spends the budget; then it is stopped."""
        who = client.who
        first = client.call()
        self.check(f'{who}: the first call is made', 'good' in first, first)
        if who.startswith('bun'):  # nobody sees what its own calls cost
            self.python(who + '-spends', REQUESTS, label=who).call()
        self.check(f'{who}: the budget is spent: {mode}', self.is_in(who, mode), self.daemon.said())

    def clients(self):
        self.bystander = self.python('bystander', REQUESTS)
        self.bystander.call()
        for client in self.all_clients():
            self.cut(client)
        for client in self.all_clients('-hold'):
            self.hold(client)

    def cut(self, client):
        who = client.who
        self.spend(client, 'cut')
        if who != 'bun':  # nor when one is over
            self.check(f'{who}: what is idle is closed at once', self.is_closed(who))
        time.sleep(0.05)
        hellos = self.server.hellos
        for way in ('kept connection', 'new connection'):
            said = client.call()
            self.check(f'{who}: is told over a {way}', 'error' in said, said)
            self.check(f'{who}: within a second', said['ms'] < 1000, said)
            self.rows.append((who, f'cut, {way}', said['ms'], said.get('error')))
        self.check.equal(f'{who}: no request came', self.server.requests.count(who), 1)
        # curl is a new process with each call, whose labels are looked up when it says hello.
        self.check.equal(f'{who}: nor a byte of a new connection',
                         self.server.hellos - hellos, 2 if who == 'curl' else 0)
        self.check(f'{who}: another process goes on', 'good' in self.bystander.call())
        self.raise_limit(who)
        self.check(f'{who}: is released', self.is_in(who, 'cut', 'release'), self.actions(who))
        time.sleep(0.05)
        again = client.call()
        self.check(f'{who}: and works again', 'good' in again, again)

    def hold(self, client):
        who = client.who
        self.spend(client, 'hold')
        time.sleep(0.05)
        client.begin()
        time.sleep(0.7)
        self.check.equal(f'{who}: the request waits', self.server.requests.count(who), 1)
        self.check(f'{who}: another process goes on', 'good' in self.bystander.call())
        self.raise_limit(who)
        said = client.end()
        self.check(f'{who}: and is made when it may', said.get('good') == len(ANSWER), said)
        self.check.equal(f'{who}: once', self.server.requests.count(who), 2)
        self.rows.append((who, 'hold, let go after 700 ms', said['ms'], 'its answer'))

    def uv(self):
        """Its TLS is rustls, and it tries again by itself."""
        for who, mode in (('uv', 'cut'), ('uv-hold', 'hold')):
            self.python(who + '-spends', REQUESTS, label=who).call()
            self.is_in(who, mode)
            before, start = len(self.server.requests), time.monotonic()
            child = self.world.spawn(
                who, [PYTHON.with_name('uv'), 'pip', 'install', '--no-cache', '--target',
                      self.world.dir / 'none', '--index-url', f'https://{calls.PROVIDER}/simple',
                      'none'], env={**self.world.env, 'OUTLAY_LABELS': f'who={who}'})
            if mode == 'hold':
                time.sleep(1)
                self.check.equal(f'{who}: the request waits', len(self.server.requests), before)
                self.raise_limit(who)
                self.check(f'{who}: and is made when it may',
                           wait_for(lambda: len(self.server.requests) > before, 30))
                self.world.end(child)
                said = 'its answer'
            else:
                child.wait(60)
                said = (self.world.dir / f'{who}.log').read_text()
                self.check(f'{who}: is told', 'abort' in said.lower(), said)
                self.check.equal(f'{who}: no request came', len(self.server.requests), before)
            self.rows.append((who, mode, (time.monotonic() - start) * 1e3, said))

    def told(self, stream):
        """Who, what and why, by people and programs that watch."""
        said = (self.world.dir / 'tail.log').read_text()
        for action, why in (('cut', 'it is spent'), ('release', 'it has room again')):
            self.check(f'outlay tail says {action}',
                       f'budget requests: {action}, by outlayd: {why}' in said, said)
        events = [json.loads(event.splitlines()[0]) for event in
                  stream.split('event: enforcement\ndata: ')[1:]]
        schema = json.loads((TOP / 'include/outlay/watch.enforcement.schema.json').read_text())
        for event in events:
            jsonschema.validate(event, schema)
        self.check.equal('the stream has the actions, as its schema says',
                         [event['action'] for event in events
                          if event['budget']['name'] == 'requests'], ['cut', 'release'])

    def kept(self):
        with contextlib.closing(sqlite3.connect(self.daemon.state / 'ledger.db')) as ledger:
            rows = [json.loads(row[0]) for row in
                    ledger.execute("SELECT details FROM alert WHERE kind = 'enforcement'"
                                   " AND subject = 'requests' ORDER BY seq")]
        self.check.equal('the ledger keeps them, with the figures',
                         [(row['action'], row['who'], row['budget']['spent_usd']) for row in rows],
                         [('cut', 'outlayd', '0.00021'), ('release', 'outlayd', '0.00021')])

    def table(self):
        for who, mode, took, said in self.rows:
            said = ' '.join(str(said).split())
            print(f'  {who:14} {mode:26} {took:8.1f} ms  {said[:70]} {said[70:][-60:]}')

    # --- who else

    def stream(self):
        """A call that has begun may end, and the next one is not made."""
        for name, whole in (('stream', True), ('at-once', False)):
            client = self.python(name, REQUESTS)
            client.begin('stream')
            wait_for(lambda: self.server.requests.count(name), 5)
            self.python(name + '-2', REQUESTS, label=name).call()
            self.check(f'{name}: is cut', self.is_in(name, 'cut'), self.actions(name))
            said = client.end()
            self.check(f'{name}: the stream in flight is {"whole" if whole else "cut"}: {said}',
                       ('good' in said) == whole, said)
            self.check(f'{name}: and its connection is closed', self.is_closed(name))
            self.check(f'{name}: the next call fails', 'error' in client.call())

    def long_answer(self):
        """Over HTTP/2 a client must speak while it is answered: it may, and make no new call."""
        self.world.spawn('provider2', [PYTHON, TOP / 'tests/e2e/enforce_http2.py', self.world.dir,
                                       LONG])
        log = self.world.dir / 'provider2.log'

        def requests():
            return log.read_text().split()
        wait_for(requests, 10)
        client = self.python('http2', HTTP2)
        client.begin()
        self.check('http2: a call has begun', wait_for(lambda: 'request' in requests(), 5))
        self.python('http2-spends', REQUESTS, label='http2').call()
        self.check('http2: is cut', self.is_in('http2', 'cut'), self.actions('http2'))
        self.check.equal('http2: its long answer is whole', client.end().get('good'),
                         ['HTTP/2', LONG])
        self.check('http2: the next call fails', 'error' in client.call())
        self.check.equal('http2: and never came', requests(), ['ready', 'request'])

    def user(self):
        self.limits['nobody'] = {'match': {'provider': 'openai', 'uid': NOBODY},
                                 'limit': '0 USD per month', 'mode': 'cut', 'unpriced': 'allow'}
        self.budgets()
        self.daemon.child.send_signal(signal.SIGHUP)
        self.check('a user is cut', self.is_in('nobody', 'cut'), self.daemon.said())
        said = {}
        for uid in (NOBODY, 0):
            def become(uid=uid):
                die_with_parent()
                os.setgid(uid)
                os.setuid(uid)
            said[uid] = self.python(f'uid-{uid}', CURL, preexec_fn=become).call()
        self.check('nobody is refused', 'error' in said[NOBODY], said)
        self.check('root is not', 'good' in said[0], said)

    def person(self):
        """By the word of root, whatever is left of the budget."""
        client = self.python('person', REQUESTS)
        self.check('person: a call is made', 'good' in client.call())
        self.daemon.outlay('budget', 'hold', 'person', '--why', 'a look at it')
        self.check('person: is held', self.is_in('person', 'hold'), self.actions('person'))
        time.sleep(0.05)
        client.begin()
        time.sleep(0.7)
        self.check.equal('person: the request waits', self.server.requests.count('person'), 1)
        self.daemon.outlay('budget', 'release', 'person', '--why', 'all is well')
        self.check('person: and is made when it may', 'good' in client.end())
        self.daemon.outlay('budget', 'cut', 'person', '--why', 'it was not')
        self.check('person: is cut', self.is_in('person', 'hold', 'release', 'cut'))
        self.check('person: what is idle is closed', self.is_closed('person'))
        self.check('person: the next call fails', 'error' in client.call())
        self.daemon.outlay('budget', 'release', 'person', '--why', 'once more')
        self.check('person: is let go', self.is_in('person', 'hold', 'release', 'cut', 'release'))
        time.sleep(0.05)
        self.check('person: and works again', 'good' in client.call())
        self.check.equal('person: of what was cut nothing came',
                         self.server.requests.count('person'), 3)

    def many(self):
        spends, spared = self.python('many', AIOHTTP), self.python('spared', AIOHTTP)
        spends.call()
        spared.call()
        self.is_in('many', 'cut')
        time.sleep(0.05)
        spends.begin('200')
        spared.begin('200')
        cut, whole = spends.end(), spared.end()
        self.check.equal('200 of 400 at once are cut',
                         sum(isinstance(x, str) for x in cut.get('good', [])), 200)
        self.check.equal('the others are whole', whole.get('good'), [len(ANSWER)] * 200)
        self.check.equal('of those cut nothing came', self.server.requests.count('many'), 1)

    def delay(self):
        """From the end of the call that spends a budget to the first refusal: a client that does
        nothing but call."""
        delays, slipped = [], 0
        for number in range(20):
            client = self.python(f'r{number}', REQUESTS)
            client.call()
            start = time.monotonic()
            while 'good' in client.call():
                slipped += 1
            delays.append((time.monotonic() - start) * 1e3)
        delays.sort()
        self.check(f'spent, it stops after p50 {delays[10]:.1f}, most {delays[-1]:.1f} ms; '
                   f'{slipped} calls slipped through of 20 clients', delays[-1] < 500, delays)

    # --- the agent

    def cut_one(self, name):
        client = self.python(name, REQUESTS)
        client.call()
        self.is_in(name, 'cut')
        self.is_closed(name)  # it is told before the kernel knows
        return client

    def agent_ends(self):
        client = self.cut_one('sleeps')
        self.check('cut before the agent sleeps', 'error' in client.call())
        self.daemon.child.send_signal(signal.SIGSTOP)
        start = time.monotonic()
        said = {}
        while 'good' not in said and time.monotonic() - start < 20:
            said = client.call()
        self.check(f'an agent that hangs stops nobody after {time.monotonic() - start:.1f} s',
                   'good' in said and time.monotonic() - start < 8, said)
        self.daemon.child.send_signal(signal.SIGCONT)
        client = self.cut_one('dies')
        self.check('cut before the agent dies', 'error' in client.call())
        self.daemon.stop(signal.SIGKILL)
        said = client.call()
        self.check(f'a killed agent stops nobody: {said}', 'good' in said, said)
        self.kept()
        subprocess.run(['mount', '-t', 'bpf', 'none', '/sys/fs/bpf'], check=True)
        self.upgrade()
        self.fails_closed()

    def pinned(self):
        return sorted(path.name for path in pathlib.Path('/sys/fs/bpf/outlay').glob('*/*'))

    def upgrade(self):
        """A connection that was made under another agent is cut as one of this agent's is."""
        self.limits['old'] = {**self.limits['dies'], 'limit': '1000 USD per month',
                              'match': {'provider': 'openai', 'label': {'who': 'old'}}}
        self.budgets()
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.check('outlayd starts', self.daemon.start(), self.daemon.said())
            client = self.python(f'old-{number.name}', REQUESTS, label='old')
            self.check('it is connected', 'good' in client.call())
            self.daemon.stop(number)
            self.limits['old']['limit'] = '0.0000001 USD per month'
            self.budgets()
            self.check('the next one starts', self.daemon.start(), self.daemon.said())
            self.check(f'after {number.name} it is cut', wait_for(
                lambda: 'error' in client.call(), 10), self.daemon.said()[-2000:])
            self.daemon.stop()
            self.limits['old']['limit'] = '1000 USD per month'
            self.budgets()

    def fails_closed(self):
        """By option what is stopped stays so while the agent hangs, and when it is dead."""
        file = self.daemon.config / 'outlayd.yaml'
        file.write_text(file.read_text().replace('fail_closed: false', 'fail_closed: true'))
        subprocess.run(['mount', '-t', 'tmpfs', 'none', '/sys/fs/bpf'], check=True)
        self.check('outlayd starts where nothing can be kept', self.daemon.start())
        self.check('and says so', 'fail_closed holds only while outlayd lives: cannot keep hooks in'
                   ' /sys/fs/bpf/outlay: ' in self.daemon.said(), self.daemon.said())
        self.daemon.stop()
        subprocess.run(['mount', '-t', 'bpf', 'none', '/sys/fs/bpf'], check=True)
        self.check('outlayd starts again', self.daemon.start(), self.daemon.said())
        self.check.equal('with no such word', self.daemon.said().count('fail_closed holds'), 1)
        client = self.python('again', REQUESTS, label='dies')
        self.check('what was spent is cut again',
                   wait_for(lambda: 'error' in client.call(), 10), self.daemon.said()[-2000:])
        fine = self.python('fine', REQUESTS)
        self.check('who spends nothing is asked about, and passes', 'good' in fine.call())
        time.sleep(1)  # the call that spent it is on the disk
        self.daemon.child.send_signal(signal.SIGSTOP)
        time.sleep(4)
        begun = len(self.server.requests)
        client.begin()  # nobody is there to tell it: it waits
        time.sleep(1)
        self.check.equal('an agent that hangs stops it still', len(self.server.requests), begun)
        self.daemon.stop(signal.SIGKILL)
        other = self.python('other', REQUESTS, label='dies')
        new = self.python('new', REQUESTS)
        for who in (other, new):
            who.begin()  # nobody asks about them: they wait
        time.sleep(2)
        self.check.equal('and one that is killed', len(self.server.requests), begun)
        self.check('the next one starts', self.daemon.start(), self.daemon.said())
        for who in (client, other):
            said = who.end()
            self.check(f'and tells who waits: {said}', 'error' in said, said)
        self.check('it cuts', 'error' in client.call())
        for who, said in ((fine, fine.call()), (new, new.end())):
            self.check(f'{who.who}, who spent nothing, goes on: {said}', 'good' in said, said)
        self.check.equal('of all that nothing else came', len(self.server.requests), begun + 2)
        self.daemon.stop()
        said = client.call()
        self.check(f'an agent that is told to end lets go: {said}', 'good' in said, said)
        self.check.equal('and leaves no hooks', self.pinned(), ['sockets'])
        started = self.daemon.start()
        client = self.python('last', REQUESTS, label='dies')
        self.check('cut once more', started and wait_for(lambda: 'error' in client.call(), 10),
                   self.daemon.said()[-2000:])
        self.daemon.stop(signal.SIGKILL)
        self.limits['dies']['limit'] = '1000 USD per month'
        self.budgets()
        self.check('the next one has nobody to stop', self.daemon.start(), self.daemon.said())
        self.check('and what the dead one kept ends', wait_for(lambda: len(
            os.listdir('/sys/fs/bpf/outlay')) == 1, 5) and 'good' in client.call())
        self.daemon.stop()


if __name__ == '__main__':
    Enforce().run()
