#!/usr/bin/env python3
"""A budget that is spent stops programs that never ask: cut and hold, against real clients. What
each of them is told and when, that no request reaches the server, that nobody else notices, and
that all goes on once it may. The agent's death or sleep stops nobody."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import calls
import daemon as agent
from world import TOP, Checks, World, die_with_parent, wait_for

PYTHON = TOP / 'build' / 'venv' / 'bin' / 'python'
URL = f'https://{calls.PROVIDER}/v1/chat/completions'
MODEL = 'gpt-4o-mini-2024-07-18'
NOBODY = 65534
ANSWER = json.dumps({
    'id': 'x', 'object': 'chat.completion', 'model': MODEL,
    'choices': [{'index': 0, 'message': {'role': 'assistant', 'content': 'so ' * 100},
                 'finish_reason': 'stop'}],
    'usage': {'prompt_tokens': 1000, 'completion_tokens': 100, 'total_tokens': 1100}}).encode()

# A client reads lines: each is a call, or a stream, and its outcome is a line of JSON.
DRIVER = '''
import json, sys, time
for line in sys.stdin:
    start = time.monotonic()
    try:
        said = {'good': call(line.strip())}
    except Exception as e:
        said = {'error': repr(e)[:300]}
    print(json.dumps({**said, 'ms': round((time.monotonic() - start) * 1e3, 1)}), flush=True)
'''
REQUESTS = f'''
import requests
session = requests.Session()
def call(how):
    return len(session.post({URL!r}, json={{'model': {MODEL!r}, 'stream': how == 'stream'}},
                            headers={{'X-Who': sys.argv[1]}}, timeout=30).content)
'''
CURL = f'''
import subprocess
def call(how):
    run = subprocess.run(['curl', '-sS', '-m', '30', '-H', 'X-Who: ' + sys.argv[1], '-d',
                          json.dumps({{'model': {MODEL!r}}}), {URL!r}], capture_output=True)
    if run.returncode:
        raise OSError(run.stderr.decode())
    return len(run.stdout)
'''
AIOHTTP = f'''
import aiohttp, asyncio, ssl
loop = asyncio.new_event_loop()
session = None
async def one():
    async with session.post({URL!r}, json={{'model': {MODEL!r}}},
                            headers={{'X-Who': sys.argv[1]}}) as response:
        return len(await response.read())
async def many(n):
    global session
    session = session or aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100))
    return [x if isinstance(x, int) else repr(x) for x in
            await asyncio.gather(*(one() for _ in range(n)), return_exceptions=True)]
def call(how):
    said = loop.run_until_complete(many(int(how or 1)))
    if how:
        return said
    if isinstance(said[0], str):
        raise OSError(said[0])
    return said[0]
'''
FETCH = f'''
const lines = require('readline').createInterface({{input: process.stdin}});
lines.on('line', async how => {{
    const start = performance.now();
    let said;
    try {{
        const response = await fetch({URL!r}, {{
            method: 'POST',
            headers: {{'X-Who': process.argv[2], 'Content-Type': 'application/json'}},
            body: JSON.stringify({{model: {MODEL!r}}})}});
        said = {{good: (await response.text()).length}};
    }} catch (e) {{
        said = {{error: `${{e.name}} ${{e.message}} ${{e.code ?? ''}} ${{e.cause?.code ?? ''}}`}};
    }}
    said.ms = Math.round((performance.now() - start) * 10) / 10;
    console.log(JSON.stringify(said));
}});
'''
GO = '''package main
import ("bufio"; "encoding/json"; "fmt"; "io"; "net/http"; "os"; "strings"; "time")
func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		start, said := time.Now(), map[string]any{}
		request, _ := http.NewRequest("POST", "%s", strings.NewReader(`{"model":"%s"}`))
		request.Header.Set("X-Who", os.Args[1])
		if response, err := http.DefaultClient.Do(request); err != nil {
			said["error"] = err.Error()
		} else if body, err := io.ReadAll(response.Body); err != nil {
			said["error"] = err.Error()
		} else { response.Body.Close(); said["good"] = len(body) }
		said["ms"] = float64(time.Since(start).Microseconds()/100) / 10
		out, _ := json.Marshal(said)
		fmt.Println(string(out))
	}
}
''' % (URL, MODEL)


class Server:
    """Counts connections that said anything at all, and the requests of each client."""

    def __init__(self, world):
        self.hellos, self.requests = 0, []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(world.dir / 'server.pem', world.dir / 'server.key')
        self.listener = socket.create_server(('127.0.0.1', 443), backlog=1000)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            raw = self.listener.accept()[0]
            threading.Thread(target=self.serve, args=(raw,), daemon=True).start()

    def serve(self, raw):
        try:
            if raw.recv(1, socket.MSG_PEEK):
                self.hellos += 1
            with self.context.wrap_socket(raw, server_side=True) as tls:
                tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while self.answer(tls, tls.makefile('rb')):
                    pass
        except OSError:
            pass

    def answer(self, tls, lines):
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            line = lines.readline()
            if not line:
                return False
            head += line
        fields = dict(line.lower().split(': ', 1) for line in
                      head.decode().split('\r\n')[1:] if ': ' in line)
        body = lines.read(int(fields.get('content-length', 0)))
        self.requests.append(fields.get('x-who'))
        if b'"stream": true' in body:
            self.stream(tls)
            return True
        tls.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
                    b'Content-Length: %d\r\n\r\n' % len(ANSWER) + ANSWER)
        return True

    @staticmethod
    def stream(tls):
        """Ten events in three seconds."""
        tls.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'
                    b'Transfer-Encoding: chunked\r\n\r\n')
        for number in range(10):
            event = b'data: {"id":"x","model":"%s","choices":[],"n":%d}\n\n' % (
                MODEL.encode(), number)
            tls.sendall(b'%x\r\n%s\r\n' % (len(event), event))
            time.sleep(0.3)
        tls.sendall(b'0\r\n\r\n')


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

    def run(self):
        self.budgets(*(f'r{number}' for number in range(20)), 'requests', 'aiohttp', 'curl', 'node',
                     'bun', 'go', 'uv', 'many', 'stream', 'dies', 'sleeps')
        self.budgets('held', mode='hold')
        self.budgets('at-once', in_flight='cut')
        if not self.check('outlayd starts', self.daemon.start(), self.daemon.said()):
            self.check.finish(self.world)
        self.clients()
        self.uv()
        self.hold()
        self.stream()
        self.user()
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
        said = [json.loads(line.split(': ', 2)[2]) for line in self.daemon.said().splitlines()
                if line.startswith('outlayd: enforcement: ')]
        return [event['action'] for event in said if event['budget']['name'] == name]

    def is_in(self, name, *actions):
        return wait_for(lambda: self.actions(name) == list(actions), 10, every=0.01)

    # --- cut

    def python(self, name, code, label=None, **options):
        return Client(self, name, [PYTHON, '-c', 'import sys, json\n' + code + DRIVER], label,
                      **options)

    def all_clients(self):
        yield self.python('requests', REQUESTS)
        yield self.python('aiohttp', AIOHTTP)
        yield self.python('curl', CURL)
        script = self.world.dir / 'fetch.cjs'
        script.write_text(FETCH)
        for name in ('node', 'bun'):
            program = os.environ.get('OUTLAY_' + name.upper()) or shutil.which(name)
            if program:
                yield Client(self, name, [program, script])
        go = shutil.which('go') or '/usr/local/go/bin/go'
        if os.path.exists(go):
            (self.world.dir / 'client.go').write_text(GO)
            subprocess.run([go, 'build', '-o', self.world.dir / 'client', 'client.go'],
                           cwd=self.world.dir, check=True, env={**os.environ, 'GO111MODULE': 'off'})
            program = self.world.dir / 'client'
            client = Client(self, 'go', [program])
            # Nobody has run it before: what it spends is seen once it has been looked at.
            wait_for(lambda: f'watching {os.path.realpath(program)} ' in self.daemon.said(), 10)
            yield client

    def clients(self):
        bystander = self.python('bystander', REQUESTS)
        bystander.call()
        for client in self.all_clients():
            who = client.who
            first = client.call()
            self.check(f'{who}: the first call is made', 'good' in first, first)
            if who == 'bun':  # nobody sees what its own calls cost
                self.python('bun-spends', REQUESTS, label='bun').call()
            self.check(f'{who}: the budget is spent and cuts', self.is_in(who, 'cut'),
                       self.daemon.said())
            time.sleep(0.05)
            hellos = self.server.hellos
            kept, new = client.call(), client.call()
            self.check(f'{who}: over the kept connection: {kept}', 'error' in kept, kept)
            self.check(f'{who}: over a new one: {new}', 'error' in new, new)
            self.check(f'{who}: is told within a second', kept['ms'] < 1000 and new['ms'] < 1000)
            self.check.equal(f'{who}: no request came', self.server.requests.count(who), 1)
            # curl is a new process with each call, whose labels are looked up when it says hello.
            self.check.equal(f'{who}: nor a byte of a new connection',
                             self.server.hellos - hellos, 2 if who == 'curl' else 0)
            self.check(f'{who}: another process goes on', 'good' in bystander.call())
            self.raise_limit(who)
            self.check(f'{who}: is released', self.is_in(who, 'cut', 'release'), self.actions(who))
            time.sleep(0.05)
            again = client.call()
            self.check(f'{who}: and works again', 'good' in again, again)

    def uv(self):
        env = {**self.world.env, 'OUTLAY_LABELS': 'who=uv'}
        self.python('uv-spends', REQUESTS, label='uv').call()
        self.is_in('uv', 'cut')
        words = [PYTHON.with_name('uv'), 'pip', 'install', '--no-cache', '--target',
                 self.world.dir / 'none', '--index-url', f'https://{calls.PROVIDER}/simple', 'none']
        before, start = len(self.server.requests), time.monotonic()
        run = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60,
                             check=False, preexec_fn=die_with_parent)
        self.check(f'uv (rustls) is refused after {time.monotonic() - start:.1f} s and its retries',
                   run.returncode and 'abort' in run.stderr.lower(), run.stderr)
        self.check.equal('uv: no request came', len(self.server.requests), before)

    # --- hold

    def hold(self):
        client = self.python('held', REQUESTS)
        client.call()
        self.check('a hold begins', self.is_in('held', 'hold'), self.daemon.said())
        time.sleep(0.05)
        client.begin()
        time.sleep(1.2)
        self.check.equal('the request waits', self.server.requests.count('held'), 1)
        self.raise_limit('held')
        said = client.end()
        self.check(f'and is made when it may: {said}', said.get('good') == len(ANSWER), said)
        self.check.equal('once', self.server.requests.count('held'), 2)

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
            self.check(f'{name}: the next call fails', 'error' in client.call())

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
                         sum('103' in str(x) or 'Disconnected' in str(x)
                             for x in cut.get('good', [])), 200)
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

    def agent_ends(self):
        client = self.python('sleeps', REQUESTS)
        client.call()
        self.is_in('sleeps', 'cut')
        self.check('cut before the agent sleeps', 'error' in client.call())
        self.daemon.child.send_signal(signal.SIGSTOP)
        start = time.monotonic()
        said = {}
        while 'good' not in said and time.monotonic() - start < 20:
            said = client.call()
        self.check(f'an agent that hangs stops nobody after {time.monotonic() - start:.1f} s',
                   'good' in said and time.monotonic() - start < 8, said)
        self.daemon.child.send_signal(signal.SIGCONT)
        client = self.python('dies', REQUESTS)
        client.call()
        self.is_in('dies', 'cut')
        self.check('cut before the agent dies', 'error' in client.call())
        self.daemon.stop(signal.SIGKILL)
        said = client.call()
        self.check(f'a killed agent stops nobody: {said}', 'good' in said, said)


if __name__ == '__main__':
    Enforce().run()
