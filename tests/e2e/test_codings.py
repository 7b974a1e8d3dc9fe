#!/usr/bin/env python3
"""Content codings that providers use, plain and streamed, by curl over HTTP/1.1 and HTTP/2 and by
httpx, which undo them; and Responses over a WebSocket, compressed and not, by aiohttp, and on a
stream of HTTP/2 by node: each answer in the ledger once, right to the token and the picodollar."""
import collections
import json
import socket
import subprocess
import sys

import calls
import daemon as agent
import truth
from world import TOP, Checks, World, wait_for

HERE = TOP / 'tests' / 'e2e' / 'matrix'
PYTHON = TOP / 'build' / 'venv' / 'bin' / 'python'
CODINGS = ('gzip', 'deflate', 'raw', 'br', 'zstd', 'gzip, br')
# curl 7.88 refuses deflate without its header when it comes over HTTP/2
PAIRS = [(http, coding) for http in ('--http1.1', '--http2') for coding in CODINGS
         if (http, coding) != ('--http2', 'raw')]
CASES = ('plain', 'deflate', 'broken')
ANSWERS = 4  # of a connection: matrix/websocket.py


class Codings:
    def __init__(self):
        self.world = World.enter('codings', seconds=110)
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        self.crew = calls.Crew(self.world)

    def run(self):
        if not self.check('outlayd starts', self.daemon.start(), self.daemon.said()):
            self.check.finish(self.world)
        self.bodies()
        self.websockets()
        self.websockets_of_http2()
        self.check.finish(self.world)

    def client(self, name, command):
        child = self.world.spawn(name, command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 env={**self.world.env, 'URL': 'https://' + calls.PROVIDER})
        said, _ = child.communicate(timeout=60)
        self.world.children.pop(child.pid, None)
        self.check(f'{name} ends well', child.returncode == 0, said.decode(errors='replace')[-900:])
        return said.decode(errors='replace')

    def bodies(self):
        """Capture case 35."""
        results = self.crew.run([
            call for http, coding in PAIRS for call in calls.series(
                'curl', f'curl {http} {coding}', 4, stream=[False, True],
                case=['', '', 'chunked', ''],
                curl=[[http, '--compressed', '--header', 'x-coding: ' + coding]])])
        said = self.client('httpx', [PYTHON, HERE / 'httpx_codings.py', *CODINGS])
        lines = {line['request_id']: line for line in self.crew.truth()}
        self.check('the clients could undo them', all(result.id for result in results)
                   and len(said.split()) == 4 * len(CODINGS),
                   [result for result in results if not result.id] or said)
        events = self.daemon.settled_calls(len(lines))
        seen = collections.Counter(event['request_id'] for event in events)
        self.check.equal('each call is there, once', seen, dict.fromkeys(lines, 1))
        wrong = [truth.differences(event, lines[event['request_id']]) for event in events
                 if event['request_id'] in lines]
        self.check('right to the token and the picodollar', not any(wrong),
                   [fields for fields in wrong if fields][:3])
        self.before = len(events)

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', port)) == 0

    def websockets(self):
        """Capture case 39."""
        self.world.spawn('wss', [PYTHON, HERE / 'websocket.py', 'serve', self.world.dir])
        self.check('the WebSocket server starts', wait_for(lambda: self.listens(8443), 10))
        for case in CASES:
            self.client('websocket-' + case, [
                PYTHON, HERE / 'websocket.py', 'connect',
                f'wss://{calls.PROVIDER}:8443/v1/responses', case])
        lines = [json.loads(line) for line in
                 (self.world.dir / 'answers.jsonl').read_text().splitlines()]
        due = ANSWERS * len(CASES)
        self.check('they were compressed where they should be', len(lines) == due and all(
            bool(line['compress']) == (line['case'] != 'plain') for line in lines), lines)
        events = self.daemon.settled_calls(self.before + due)[self.before:]
        found = collections.defaultdict(list)
        for event in events:
            found[event['response_id']].append(event)
        self.check.equal('each answer is a call, once',
                         {name: len(of) for name, of in found.items()},
                         {f'resp_{number}': 1 for number in range(1, due + 1)})
        broken = found.pop(f'resp_{due}', [{}])[0]
        self.check('one that was broken off is there without a price',
                   broken and broken['cost_source'] == 'unpriced' and not broken['usage'], broken)
        wrong = [(name, event) for name, (event,) in found.items()
                 if self.differs(int(name[5:]), event)]
        self.check('right to the token and the picodollar', not wrong, wrong[:1])
        status = self.daemon.get('/v1/status')
        self.check.equal('counted', status['http']['websockets'], len(CASES))

    def websockets_of_http2(self):
        first, count = ANSWERS * len(CASES) + 1, 3
        self.world.spawn('wss of h2', ['node', HERE / 'websocket.mjs', 'serve', self.world.dir,
                                       str(first)])
        self.check('the WebSocket server of HTTP/2 starts',
                   wait_for(lambda: self.listens(8444), 10))
        said = self.client('websocket-h2', ['node', HERE / 'websocket.mjs', 'connect',
                                            f'https://{calls.PROVIDER}:8444', str(count)])
        names = {f'resp_{number}' for number in range(first, first + count)}
        self.check.equal('the client has its answers', set(said.split()), names)
        have = self.before + ANSWERS * len(CASES)
        events = self.daemon.settled_calls(have + count)[have:]
        self.check.equal('each is a call, once', sorted(e['response_id'] for e in events),
                         sorted(names))
        wrong = [event for event in events if self.differs(int(event['response_id'][5:]), event)]
        self.check('right to the token and the picodollar, on HTTP/2 too', not wrong, wrong[:1])
        status = self.daemon.get('/v1/status')
        self.check.equal('counted with the others', status['http']['websockets'], len(CASES) + 1)

    @staticmethod
    def differs(number, event):
        usage = {'input': 1000 + number - 64 * number, 'input_cache_read': 64 * number,
                 'output': 300 + number}
        wanted = {'route': 'GET /v1/responses', 'status': 101, 'model': 'gpt-4o',
                  'model_requested': 'gpt-4o', 'completeness': 'complete', 'streaming': True,
                  'cost_source': 'catalog', 'cost_pico': str(truth.cost_pico('gpt-4o', usage))}
        counts = {name: count for name, count in (event['usage'] or {}).items()
                  if count and name != 'requests'}
        return counts != usage or any(event[key] != value for key, value in wanted.items())


if __name__ == '__main__':
    sys.exit(Codings().run())
