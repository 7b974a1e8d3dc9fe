#!/usr/bin/env python3
"""The client matrix: programs as they are, each with two plain calls and a streamed one. Every call
must be in the ledger once, right to the token and the picodollar, with the program that made it."""
import collections
import concurrent.futures
import os
import shutil
import subprocess

import calls
import daemon as agent
from truth import differences
from world import TOP, Checks, World

HERE = TOP / 'tests' / 'e2e' / 'matrix'
PYTHON = TOP / 'build' / 'venv' / 'bin' / 'python'
URL = 'https://' + calls.PROVIDER
# Makes a request of some 90 KB, whose middle need not be copied, and which speaks of other models.
FILLER = '","model":"gpt-4.1","stream":true}' * 2000

# To add a client: a row. `needs` must be in PATH, or the row is skipped with a word; `exe` is how
# the path of its program ends; a word in braces is filled in by Matrix.fill.
Client = collections.namedtuple('Client', 'name exe needs command served', defaults=(3,))
PYTHON_LIBRARIES = ('http.client', 'requests', 'httpx', 'httpx async', 'httpx h2',
                    'httpx async h2', 'aiohttp', 'openai', 'openai async')
CLIENTS = [
    *(Client('python ' + library, '/python3.11', PYTHON, [PYTHON, HERE / 'python.py', library])
      for library in PYTHON_LIBRARIES),
    Client('python httpx h2 at once', '/python3.11', PYTHON,
           [PYTHON, HERE / 'python.py', 'httpx h2 at once'], 12),
    Client('python httpx h2 leaves', '/python3.11', PYTHON,
           [PYTHON, HERE / 'python.py', 'httpx h2 leaves'], 1),
    Client('curl', '/curl', 'curl', ['curl', '{body}']),
    Client('curl h2', '/curl', 'curl', ['curl', '{body}'], 9),
    Client('ruby Net::HTTP', '/ruby3.1', 'ruby', ['ruby', HERE / 'ruby.rb']),
    Client('php curl', '/php8.2', 'php', ['php', '-d', 'curl.cainfo={ca}', HERE / 'php.php',
                                          'curl']),
    Client('php stream', '/php8.2', 'php', ['php', '-d', 'openssl.cafile={ca}', HERE / 'php.php',
                                            'stream']),
]


class Matrix:
    def __init__(self):
        self.world = World.enter('clients')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        self.crew = calls.Crew(self.world)
        self.ca = str(self.world.dir / 'ca.pem')
        self.prompt = self.crew.prompt + FILLER
        self.env = {**self.world.env, 'URL': URL, 'PROMPT': self.prompt,
                    'OPENAI_API_KEY': self.crew.key, 'NODE_EXTRA_CA_CERTS': self.ca}

    def run(self):
        if not self.check('outlayd starts', self.daemon.start(), self.daemon.said()):
            self.check.finish(self.world)
        rows = [row for row in CLIENTS if self.is_here(row)]
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            ends = list(pool.map(self.make_calls, rows))
        for row, (status, said) in zip(rows, ends):
            self.check(f'{row.name}: ends well', status == 0, said)
        events = self.daemon.settled_calls(sum(row.served for row in rows))
        for row in rows:
            self.judge(row, events)
        capture = self.daemon.get('/v1/status')['capture']
        self.check('the middle of big requests was left out', capture['cut_bytes'] > 10**6, capture)
        self.check.equal('and nothing was lost', capture['lost_bytes'], 0)
        counted = self.daemon.get('/v1/status')['http']
        self.check('HTTP/2 was spoken, and followed', counted['http2'] >= 5 and not (
            counted['resyncs'] or counted['hpack_lost'] or counted['floods']), counted)
        self.check.finish(self.world)

    @staticmethod
    def is_here(row):
        if shutil.which(str(row.needs)):
            return True
        print(f'skipped: {row.name}: no {os.path.basename(str(row.needs))}')
        return False

    def make_calls(self, row):
        child = self.world.spawn(
            'client-' + row.name.replace(' ', '-').replace('/', '-'), self.fill(row.command, row),
            env={**self.env, 'AGENT': row.name}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = child.communicate(timeout=60)
        self.world.children.pop(child.pid, None)
        return child.returncode, said.decode(errors='replace')[-2000:]

    def fill(self, command, row):
        words = []
        for word in map(str, command):
            if word == '{body}':
                words += self.curl_words(row)
            else:
                words.append(word.replace('{ca}', self.ca))
        return words

    def curl_words(self, row):
        import clients
        words = clients.curl_command(
            [{'host': calls.PROVIDER, 'model': 'gpt-4o', 'stream': number % 3 == 2,
              'h2': row.name.endswith('h2'),
              'curl': ['--user-agent', row.name]} for number in range(row.served)],
            self.prompt, self.crew.key)
        return words[1:]

    def judge(self, row, events):
        due = {line['request_id']: line for line in self.crew.truth() if line['agent'] == row.name}
        mine = [event for event in events if event['request_id'] in due]
        seen = collections.Counter(event['request_id'] for event in mine)
        self.check(f'{row.name}: each of its calls is there, once',
                   len(due) == row.served and set(seen.values()) <= {1} and len(seen) == len(due),
                   f'served {len(due)} of {row.served}, seen {dict(seen)}')
        wrong = [differences(event, due[event['request_id']]) for event in mine]
        self.check(f'{row.name}: right to the token and the picodollar', mine and not any(wrong),
                   [fields for fields in wrong if fields][:2])
        self.check(f'{row.name}: made by its program',
                   {(event['exe'] or '')[-len(row.exe):] for event in mine} == {row.exe},
                   {event['exe'] for event in mine})


if __name__ == '__main__':
    Matrix().run()
