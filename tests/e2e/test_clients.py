#!/usr/bin/env python3
"""The client matrix: programs as they are, each with two plain calls and a streamed one. Every call
must be in the ledger once, right to the token and the picodollar, with the program that made it."""
import collections
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

import calls
import clients
import daemon as agent
from truth import differences
from world import TOP, Checks, World, wait_for

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
    # Capture case 34: it goes at the marker, before the stream has its end.
    Client('python httpx h2 leaves', '/python3.11', PYTHON,
           [PYTHON, HERE / 'python.py', 'httpx h2 leaves'], 1),
    # Capture case 15: it tells the library no descriptor.
    Client('curl', '/curl', 'curl', ['curl', '{body}']),
    Client('curl h2', '/curl', 'curl', ['curl', '{body}'], 9),
    Client('ruby Net::HTTP', '/ruby3.1', 'ruby', ['ruby', HERE / 'ruby.rb']),
    Client('php curl', '/php8.2', 'php', ['php', '-d', 'curl.cainfo={ca}', HERE / 'php.php',
                                          'curl']),
    Client('php stream', '/php8.2', 'php', ['php', '-d', 'openssl.cafile={ca}', HERE / 'php.php',
                                            'stream']),
    # Capture case 47: OpenSSL is inside of it, or it is Debian's, which has it beside.
    *(Client('node ' + kind, '/node', 'node', ['node', HERE / 'node.mjs', kind])
      for kind in ('https', 'fetch', 'http2')),
    Client('wget', '/wget', 'wget', ['wget', '--quiet', '--output-document=/dev/null',
                                     '--ca-certificate={ca}', '--user-agent=wget',
                                     '--header=content-type: application/json',
                                     '--post-data={json}', *[URL + '/v1/chat/completions'] * 3]),
    # No repository is there: a 404, which is a call like any other.
    Client('git', '/git-remote-http', 'git', [
        'sh', '-c', f'git -c http.userAgent=git -c http.sslCAInfo={{ca}} ls-remote {URL}/a; '
        'test $? = 128'], 1),
    Client('go h1', '/go-plain', 'go', ['{go}/go-plain', 'h1']),
    Client('go h2', '/go-pie', 'go', ['{go}/go-pie', 'h2']),
    Client('go h1 stripped', '/go-stripped', 'go', ['{go}/go-stripped', 'h1']),
    Client('go by hand', '/go-plain', 'go', ['{go}/go-plain', 'raw']),
    # Capture case 10: stacks that move.
    Client('go under load', '/go-stripped', 'go', ['{go}/go-stripped', 'load'], 2000),
    Client('go h2 under load', '/go-stripped', 'go', ['{go}/go-stripped', 'load2'], 2000),
]
GO_PROGRAMS = {'go-plain': (), 'go-pie': ('-buildmode=pie',),
               'go-stripped': ('-ldflags=-s -w',)}


class Matrix:
    def __init__(self):
        self.world = World.enter('clients')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        self.crew = calls.Crew(self.world)
        self.ca = str(self.world.dir / 'ca.pem')
        self.prompt = self.crew.prompt + FILLER
        self.json = clients.body_of({'model': 'gpt-4o-mini'}, self.prompt)
        self.env = {**self.world.env, 'URL': URL, 'PROMPT': self.prompt,
                    'OPENAI_API_KEY': self.crew.key, 'NODE_EXTRA_CA_CERTS': self.ca}

    def run(self):
        self.build_go()
        if not self.check('outlayd starts', self.daemon.start(), self.daemon.said()):
            self.check.finish(self.world)
        self.meet()
        rows = [row for row in CLIENTS if self.is_here(row)]
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            ends = list(pool.map(self.make_calls, rows))
        for row, (status, said) in zip(rows, ends):
            self.check(f'{row.name}: ends well', status == 0, said)
        # git's call is made by a child of it, which the world does not know.
        due = sum(row.served for row in rows)
        wait_for(lambda: len(self.daemon.all_calls()) >= due, 20, every=0.5)
        events = self.daemon.all_calls()
        for row in rows:
            self.judge(row, events)
        self.listed()
        capture = self.daemon.get('/v1/status')['capture']
        self.check('the middle of big requests was left out', capture['cut_bytes'] > 10**6, capture)
        self.check.equal('and nothing was lost', capture['lost_bytes'], 0)
        counted = self.daemon.get('/v1/status')['http']
        self.check('HTTP/2 was spoken, and followed', counted['http2'] >= 5 and not (
            counted['resyncs'] or counted['hpack_lost'] or counted['floods']), counted)
        self.check.finish(self.world)

    def build_go(self):
        """Every way in which programs are linked."""
        for name, flags in GO_PROGRAMS.items() if shutil.which('go') else ():
            built = subprocess.run(['go', 'build', *flags, '-o', self.world.dir / name,
                                    HERE / 'client.go'], capture_output=True, text=True,
                                   check=False)
            self.check(f'{name} is built', built.returncode == 0, built.stderr)

    def meet(self):
        """A program that nobody has run before is examined while it runs, so calls of its first
        moments may be missed, or seen in part, which is said. Here each has run once."""
        first = {self.world.dir / name: ['wait'] for name in GO_PROGRAMS}
        first[shutil.which('node')] = ['-e', 'setTimeout(() => {}, 300)']
        for program, words in first.items():
            if program and os.path.exists(program) and self.has_tls_inside(program):
                self.world.spawn('first', [program, *words]).wait()
                said = f'watching {os.path.realpath(program)} '
                self.check(f'{os.path.basename(program)} is watched',
                           wait_for(lambda: said in self.daemon.said(), 5))

    def listed(self):
        """Each file with TLS inside is told of, with its build, where it is probed, or why not."""
        half = self.world.dir / 'libhalf.so'
        subprocess.run(['cc', '-shared', '-x', 'c', '-o', half, '-'], check=True,
                       input=b'int SSL_read(void) { return 0; }')
        self.world.spawn('half', [sys.executable, '-c',
                                  f'import ctypes, time; ctypes.CDLL("{half}"); time.sleep(1)'])

        def rows():
            return {row['path'].rsplit('/', 1)[1]: row
                    for row in self.daemon.get('/v1/status')['libraries']}
        wait_for(lambda: 'libhalf.so' in rows(), 5)
        found, text = rows(), self.daemon.outlay('doctor')
        library = next(pathlib.Path('/usr/lib').glob('*-linux-gnu*/libssl.so.3'))
        row = next(row for row in found.values()
                   if row['inode'].split(':')[1] == str(library.stat().st_ino))
        notes = subprocess.run(['readelf', '-n', library], capture_output=True, text=True,
                               check=True).stdout
        self.check('a library is told of by its build id', f'Build ID: {row["build"]}\n' in notes,
                   row)
        self.check('and the version of its names', row['version'].startswith('3.0.'), row)
        others = [found[name] for name in ('node', 'go-stripped') if name in found]
        self.check('records came from it, as from others',
                   all(other['records'] > 0 for other in (row, *others)), found)
        self.check.equal('and none from what has no probes', found['libhalf.so']['records'], 0)
        self.check('with its probes', row['kind'] == 'openssl' and row['probes'] > 5
                   and not row['why_not'], row)
        self.check.equal('one that lacks a function, with the reason',
                         [found['libhalf.so'][key] for key in ('spots', 'probes', 'why_not')],
                         ['none', 0, 'has no SSL_write'])
        if shutil.which('go'):
            version = subprocess.run(['go', 'env', 'GOVERSION'], capture_output=True, text=True,
                                     check=True).stdout.strip()
            self.check.equal('a Go program by its version',
                             [found['go-stripped'][key] for key in ('kind', 'spots', 'version')],
                             ['go', 'go', version])
        self.check('outlay doctor lists them', row['build'] in text and 'has no SSL_write' in text,
                   text)

    @staticmethod
    def has_tls_inside(program):
        """Debian's node has it in a library, which is watched from the start."""
        with open(program, 'rb') as file:
            text = file.read()
        return b'\0SSL_read\0' in text or b'.gopclntab' in text

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
        said, _ = child.communicate(timeout=150)
        self.world.children.pop(child.pid, None)
        return child.returncode, said.decode(errors='replace')[-2000:]

    def fill(self, command, row):
        words = []
        for word in map(str, command):
            if word == '{body}':
                words += self.curl_words(row)
            else:
                words.append(word.replace('{ca}', self.ca).replace('{json}', self.json)
                             .replace('{go}', str(self.world.dir)))
        return words

    def curl_words(self, row):
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
