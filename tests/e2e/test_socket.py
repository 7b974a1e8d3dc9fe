#!/usr/bin/env python3
"""The policy socket of a real agent: every answer by its published schema, the examples of the
README as they stand there, a good user among bad ones, and crowds of clients of which some die, 100
and 10,000 at once, after which the ledger and the counters say the same to the picodollar, also
after a restart."""
import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from decimal import Decimal

import daemon as agent
import hostile
from world import TOP, Checks, World, wait_for

BUDGETS = '''\
budgets:
  - {name: asked, match: {provider: openai}, limit: 15 USD per month, mode: advise}
  - {name: everything, limit: 100000 USD in total, mode: advise}
  - {name: spent, match: {model: gone}, limit: 0 tokens per day, mode: advise}
  - {name: told, match: {provider: anthropic}, limit: 500000 requests per year}
'''
ASK = {'provider': 'openai', 'model': 'gpt-4o-mini', 'operation': 'chat', 'input_tokens': 1200,
       'max_output_tokens': 400}
# By the published prices: 0.15 USD a million tokens in, 0.60 out.
ESTIMATE = '0.00042'
TELL = {'provider': 'anthropic', 'model': 'claude-3-5-haiku-latest',
        'usage': {'input': 1000, 'output': 100}}
CLIENTS, SESSIONS, KILLED = 100, 30, 20
USERS, CONNECTIONS, KILLED_USERS, FIRST_UID = 50, 200, 5, 20000
ASKED = 300  # by a good user among bad ones
PICO = Decimal(10) ** 12


class Socket:
    def __init__(self):
        self.world = World.enter('socket')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        (self.daemon.config / 'budgets.yaml').write_text(BUDGETS)
        self.check('outlayd starts', self.daemon.start(), self.daemon.said())

    def run(self):
        self.answers()
        self.metrics()
        self.examples()
        self.siege()
        self.crowd()
        self.check.equal('the daemon ends well', self.daemon.stop()[0], 0)
        self.check.finish(self.world)

    # --- answers

    def answers(self):
        held = self.daemon.ask('POST', '/v1/decide', ASK)[2]['reservation']
        gone = self.daemon.ask('POST', '/v1/decide', ASK)[2]['reservation']['id']
        self.check.equal('the estimate is that of the price list', held['usd'], ESTIMATE)
        one = {'reservation': held['id']}
        rows = [  # method, path, body, status, schema
            ('POST', '/v1/decide', {**ASK, 'dry_run': True}, 200, 'decide.response'),
            ('POST', '/v1/decide', {**ASK, 'model': 'gone'}, 429, 'decide.refusal'),
            ('POST', '/v1/decide', {**ASK, 'input_tokens': 10 ** 9}, 429, 'decide.refusal'),
            ('POST', '/v1/decide', {}, 400, 'problem'),
            ('POST', '/v1/renew', one, 200, 'renew.response'),
            ('POST', '/v1/settle', {**one, 'usd': '0.0001'}, 200, 'settle.response'),
            ('POST', '/v1/settle', one, 409, 'problem'),
            ('POST', '/v1/renew', one, 409, 'problem'),
            ('POST', '/v1/release', {'reservation': gone}, 200, 'release.response'),
            ('POST', '/v1/usage', TELL, 200, 'usage.response'),
            ('POST', '/v1/usage', {**TELL, 'model': 'unheard-of'}, 200, 'usage.response'),
            ('POST', '/v1/usage', {**TELL, 'usage': {}}, 400, 'problem'),
            ('GET', '/v1/budgets', None, 200, 'budgets'),
            ('GET', '/v1/status', None, 200, 'status'),
            ('GET', '/v1/limits', None, 200, 'limits'),
            ('GET', '/v1/peek', None, 200, 'peek.response'),
            ('GET', '/v1/nothing', None, 404, 'problem'),
        ]
        for method, path, body, due, schema in rows:
            status, _, answer = self.daemon.ask(method, path, body)
            self.check.equal(f'{method} {path}: {due}', status, due)
            self.fits(f'{method} {path} {due}', answer, schema)
        answer = self.daemon.ask('POST', '/v1/decide', [{**ASK, 'dry_run': True}] * 3)[2]
        self.check.equal('a list is answered by a list', len(answer), 3)
        for item in answer:
            self.fits('an item of it', item, 'decide.response')
        self.told()

    def fits(self, name, answer, schema):
        import jsonschema  # of build/venv, so not before the world is entered

        schema = json.loads((TOP / 'include' / 'outlay' / f'{schema}.schema.json').read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(
            schema, format_checker=jsonschema.FormatChecker())
        errors = [f'{error.json_path}: {error.message}' for error in
                  validator.iter_errors(answer)]
        self.check(f'{name} is what its schema says', not errors, '\n'.join(errors[:5]))

    def told(self):
        """What a caller told is an event like any other."""
        events = wait_for(lambda: [event for event in self.daemon.all_calls()
                                   if event['completeness'] == 'reported'], 10)
        self.check.equal('both told calls are in the ledger', len(events), 2)
        for event in events:
            self.fits('a told call', event, 'event')
            self.check.equal('by whom', (event['pid'], event['uid']), (os.getpid(), 0))
        self.check.equal('what has no price has a reason',
                         [event['unpriced_reason'] for event in events],
                         [None, 'model_unknown'])

    def metrics(self):
        status, headers, text = agent.Connection(self.daemon.socket).ask('GET', '/metrics')
        lines = text.splitlines()
        self.check.equal('metrics', (status, headers['Content-Type'].split(';')[0], lines[-1]),
                         (200, 'application/openmetrics-text', '# EOF'))
        sample = re.compile(r'[a-z0-9_]+(\{[^{}]*\})? -?[0-9.]+$')
        wrong = [line for line in lines if not line.startswith('#') and not sample.match(line)]
        self.check('every sample is one', not wrong, wrong[:3])
        for name in ('outlay_kernel_ring_full_total', 'outlay_capture_lost_bytes_total',
                     'outlay_budgets_denied_total', 'outlay_ledger_events_total',
                     'outlay_budget_spent{budget="asked",unit="USD",window="month"}'):
            self.check(f'{name} is there', any(line.startswith(name + ' ') for line in lines))

    # --- the README

    def examples(self):
        readme = (TOP / 'README.md').read_text()
        section = readme[readme.index('## Asking before a call'):]
        section = section[:section.index('\n## ')]
        for language, command in (('python', ['/usr/bin/python3', '-c']), ('js', ['node', '-e']),
                                  ('sh', ['sh', '-c'])):
            example = re.search(f'```{language}\n(.*?)```', section, re.S).group(1)
            example = example.replace('/run/outlay/policy.sock', str(self.daemon.socket))
            # In a tenth of a second, which a busy machine may need for something else.
            good = wait_for(lambda: self.example(command, example) is True, 10)
            bad = self.example(command, example.replace('gpt-4o-mini', 'gone'))
            self.check.equal(f'README, {language}: it may, and it may not', (good, bad),
                             (True, False))

    def example(self, command, text):
        run = subprocess.run([*command, text], capture_output=True, text=True, timeout=20,
                             check=False, env=self.world.env)
        said = run.stdout.strip().lower()
        return {'true': True, 'false': False}.get(said, (said, run.stderr))

    # --- a siege

    def siege(self):
        """Others do what they can to the socket: a user who asks beside them is served as ever."""
        before, counted = self.spent()['asked'], self.daemon.get('/v1/status')['policy']
        with hostile.siege(self.daemon.socket) as besiegers:
            wait_for(lambda: self.refused() > counted['refused_connections'] + 1000, 20)
            wrong = hostile.as_user(FIRST_UID, good_user, self.daemon.socket)
            self.check.equal('besieged: they were at it all the time', besiegers(),
                             len(hostile.DEEDS))
        self.check('besieged: every answer to a good user is right', not wrong, wrong[:5])
        self.check.equal('besieged: what it settled is what was spent',
                         self.spent()['asked'] - before, ASKED * Decimal('0.0001'))
        told = self.daemon.get('/v1/status')['policy']
        for name, least in (('refused_connections', 1000), ('bad_requests', 10),
                            ('throttled', 1)):
            self.check(f'besieged: {name} says so', told[name] - counted[name] >= least,
                       (counted, told))
        self.check.equal('another user sees no call', hostile.as_user(
            FIRST_UID + 1, lambda path: agent.Connection(path).ask('GET', '/v1/calls')[2],
            self.daemon.socket), '')

    def refused(self):
        return self.daemon.get('/v1/status')['policy']['refused_connections']

    # --- a crowd

    def crowd(self):
        seed = int(os.environ.get('SEED', time.time()))
        print(f'       SEED={seed}', flush=True)
        rng = random.Random(seed)
        before = self.spent()
        outs = self.in_turn(rng) + self.at_once(rng)
        # "try" stands before each settlement is sent, "done" behind its answer.
        sums = {word: sum(Decimal(line.split()[1]) for out in outs for line in out
                          if line.startswith(word)) for word in ('try', 'done')}
        sessions = sum(line == 'session' for out in outs for line in out)
        self.check('most sessions were held', sessions >
                   (CLIENTS * SESSIONS + USERS * CONNECTIONS) * 0.7, sessions)
        spent = self.spent()
        grown = spent['asked'] - before['asked']
        self.check(f'{sessions} sessions: what they settled is what was spent',
                   sums['done'] <= grown <= sums['try'], (sums, grown))
        asked = self.daemon.budget('asked')
        self.check('and nothing was overdrawn', Decimal(asked['spent_usd']) +
                   Decimal(asked['reserved_usd']) <= Decimal(asked['limit_usd']), asked)
        self.check('some were refused', self.daemon.get('/v1/status')['budgets']['denied'] > 100)
        self.ledger(spent)

    def in_turn(self, rng):
        """A hundred programs of root, each with one session after another."""
        children = [self.spawn('client', rng) for _ in range(CLIENTS)]
        return self.outs(rng, children, KILLED)

    def at_once(self, rng):
        """Ten thousand connections, of fifty users, all open before the first asks."""
        children = [self.spawn('user', rng, FIRST_UID + i) for i in range(USERS)]
        opened = [child.stdout.readline() for child in children]
        found = self.daemon.get('/v1/status')['policy']['open_connections']
        self.check(f'{found} connections are open at once', opened == ['open\n'] * USERS and
                   found >= USERS * CONNECTIONS, opened)
        for child in children:
            child.stdin.write('go\n')
            child.stdin.flush()
        return self.outs(rng, children, KILLED_USERS)

    def spawn(self, kind, rng, *more):
        words = [sys.executable, __file__, kind, self.daemon.socket, rng.randrange(10 ** 9), *more]
        return subprocess.Popen(list(map(str, words)), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)

    def outs(self, rng, children, killed):
        for child in rng.sample(children, killed):
            time.sleep(rng.random() / 20)
            child.send_signal(signal.SIGKILL)
        outs = [child.communicate(timeout=200)[0].splitlines() for child in children]
        ends = {child.returncode for child in children}
        self.check('the others ended well', ends <= {0, -9}, ends)
        return outs

    def spent(self):
        return {b['name']: Decimal(b['spent_usd'] or b['spent'])
                for b in self.daemon.get('/v1/budgets')['budgets']}

    def ledger(self, spent):
        """What is in the file is what was in memory, and what the events add up to."""
        events = [e for e in self.daemon.all_calls() if e['completeness'] == 'reported']
        self.check.equal('told calls: the events are as many as were counted', len(events),
                         spent['told'])
        self.check.equal('the daemon ends well', self.daemon.stop()[0], 0)
        with contextlib.closing(sqlite3.connect(self.daemon.state / 'ledger.db')) as db:
            stored = dict(db.execute('SELECT name, spent_usd FROM budget_window'))
        for name in ('asked', 'everything', 'told'):
            self.check.equal(f'{name}: the ledger is the counter', Decimal(stored.get(name, -1)),
                             spent[name])
        priced = sum(Decimal(e['cost_usd'] or 0) for e in events)
        self.check.equal('everything is what was settled and what the events cost',
                         spent['everything'], spent['asked'] + priced)
        self.check('outlayd starts again', self.daemon.start(), self.daemon.said())
        self.check.equal('and knows it all', self.spent(), spent)


def good_user(path):
    """Asks and settles, over one connection and over new ones -> the answers that are wrong."""
    kept, wrong = agent.Connection(path), []
    for i in range(ASKED):
        connection = kept if i % 2 else agent.Connection(path)
        status, _, text = connection.ask('POST', '/v1/decide', ASK)
        held = json.loads(text).get('reservation') or {}
        done, _, _ = connection.ask('POST', '/v1/settle',
                                    {'reservation': held.get('id'), 'usd': '0.0001'})
        if (status, held.get('usd'), done) != (200, ESTIMATE, 200):
            wrong.append((status, text, done))
    return wrong


def client(path, seed):
    """One of the crowd: sessions of a connection each, of everything that can be done on it."""
    rng = random.Random(seed)
    for _ in range(SESSIONS):
        for _ in session(rng, agent.Connection(path)):
            pass
        print('session', flush=True)


def user(path, seed, uid):
    """Another user, whose connections are all open, each between two steps of its session."""
    rng = random.Random(seed)
    os.chdir(os.path.dirname(path))  # which another user may not be able to
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    connections = [agent.Connection(os.path.basename(path)) for _ in range(CONNECTIONS)]
    for connection in connections:
        connection.timeout = 60
        connection.connect()
    print('open', flush=True)
    if not sys.stdin.readline():
        return
    sessions = [session(rng, connection) for connection in connections]
    while sessions:
        one = rng.randrange(len(sessions))
        if next(sessions[one], 'ended') == 'ended':
            sessions.pop(one)
            print('session', flush=True)


def session(rng, connection):
    """Pauses before each step but the first."""
    ask = {**ASK, 'input_tokens': rng.randrange(20000), 'max_output_tokens': rng.randrange(4000)}
    deed = rng.choice(('settle', 'settle', 'whole', 'release', 'tell', 'abandon', 'half'))
    if deed == 'tell':
        connection.ask('POST', '/v1/usage', {**TELL, 'usage': {'input': rng.randrange(1, 99999)}})
        return
    status, _, text = connection.ask('POST', '/v1/decide', ask)
    if status == 429:
        return
    held = json.loads(text)['reservation']
    yield
    one = {'reservation': held['id']}
    if deed == 'half':
        connection.sock.sendall(b'POST /v1/settle HTTP/1.1\r\nContent-Length: 99\r\n\r\n{"res')
    elif deed == 'release':
        connection.ask('POST', '/v1/release', one)
    elif deed != 'abandon':
        connection.ask('POST', '/v1/renew', one)
        yield
        usd = Decimal(held['usd'])
        if deed == 'settle':
            usd = (usd * rng.randrange(1000) / 1000).quantize(1 / PICO)
            one['usd'] = f'{usd:f}'
        print('try', usd, flush=True)
        status = 503  # the ledger is behind: nothing was changed, to be tried again
        while status == 503:
            status, _, _ = connection.ask('POST', '/v1/settle', one)
        if status != 200:
            sys.exit(f'settle: {status}')
        print('done', usd, flush=True)
    connection.close()


if __name__ == '__main__':
    if sys.argv[1:2] == ['client']:
        client(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1:2] == ['user']:
        user(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        Socket().run()
