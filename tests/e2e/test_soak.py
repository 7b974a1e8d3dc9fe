#!/usr/bin/env python3
"""Capture case 11: programs of all kinds call and are answered while the agent comes, ends and is
killed, again and again. Each compares its answers with what is due, byte for byte: none may end by
a signal, with another exit code, or with another byte. SOAK_SECONDS makes it longer."""
import collections
import concurrent.futures
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import calls
import daemon as agent
from world import TOP, Checks, World, wait_for

SECONDS = int(os.environ.get('SOAK_SECONDS', '90'))
HERE = TOP / 'tests' / 'e2e' / 'matrix'
PYTHON = TOP / 'build' / 'venv' / 'bin' / 'python'
EXCHANGES = 6  # of one process, on a connection that it keeps
AT_ONCE = 4

# To add a client: a row. It posts the file {body} to each of {urls}, and writes the answers.
CLIENTS = {
    'curl': ['curl', '--silent', '--show-error', '--fail', '--http1.1', '--data-binary', '@{body}',
             '{urls}'],
    'wget': ['wget', '--quiet', '--output-document=-', '--ca-certificate={ca}',
             '--post-file={body}', '{urls}'],
    'python': [PYTHON, HERE / 'soak.py', 'client', '{body}', '{urls}'],
    'asyncio': [PYTHON, HERE / 'soak.py', 'asyncio', '{body}', '{urls}'],
    'node': ['node', HERE / 'soak.mjs', '{body}', '{urls}'],
    'go': ['{go}', '{body}', '{urls}'],
}


class Soak:
    def __init__(self):
        self.world = World.enter('soak', seconds=SECONDS + 200)
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        self.go = self.world.dir / 'soak-go'
        seed = int(os.environ.get('SEED', '0')) or int.from_bytes(os.urandom(4), 'big')
        print(f'  SEED={seed}')
        self.random = random.Random(seed)
        self.ended = collections.Counter()
        self.faults = []
        self.over = threading.Event()

    def run(self):
        rows = [name for name, command in CLIENTS.items() if self.is_here(name, command)]
        self.world.spawn('server', [PYTHON, HERE / 'soak.py', 'serve', self.world.dir])
        self.check('the server listens', wait_for(calls.Crew.provider_listens, 10))
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            clients = [pool.submit(self.clients, rows, self.random.random())
                       for _ in range(AT_ONCE)]
            ends = self.agents()
            self.over.set()
            concurrent.futures.wait(clients)
        for client in clients:
            client.result()
        print(f'       {dict(self.ended)} programs, {dict(ends)} agents')
        for name in rows:
            self.check(f'{name}: every exit code, every byte', self.ended[name] > 2 and not [
                fault for fault in self.faults if fault[0] == name],
                       [fault for fault in self.faults if fault[0] == name][:2])
        self.check('agents were ended and killed',
                   min(ends['ended'], ends['killed']) > SECONDS // 30, ends)
        self.check.finish(self.world)

    def is_here(self, name, command):
        if name == 'go':
            return bool(shutil.which('go')) and self.check('go is built', subprocess.run(
                ['go', 'build', '-o', self.go, HERE / 'soak.go'], check=False).returncode == 0)
        if shutil.which(str(command[0])):
            return True
        print(f'skipped: {name}: it is not here')
        return False

    def agents(self):
        """Each lives for up to two seconds. Every other one is killed."""
        ends, stop = collections.Counter(), time.monotonic() + SECONDS
        while time.monotonic() < stop:
            if not self.daemon.start():
                self.check('outlayd starts', False, self.daemon.said()[-2000:])
                break
            time.sleep(self.random.random() * 2)
            kill = sum(ends.values()) % 2
            status, _ = self.daemon.stop(signal.SIGKILL if kill else signal.SIGTERM)
            if status != (-signal.SIGKILL if kill else 0):
                self.check('outlayd ends well', False, self.daemon.said()[-2000:])
            ends['killed' if kill else 'ended'] += 1
            time.sleep(self.random.random() / 2)
        return ends

    def clients(self, rows, seed):
        draw = random.Random(seed)
        while not self.over.is_set():
            self.client(draw.choice(rows), draw)

    def client(self, name, draw):
        seed, size = draw.randrange(1 << 32), draw.choice((1, 100, 5000, 16384, 70000, 300000))
        body = self.world.dir / f'body-{seed}'
        body.write_bytes(random.Random(seed).randbytes(size))
        urls = [f'https://{calls.PROVIDER}/{seed}/{size}/{number}' for number in range(EXCHANGES)]
        words = []
        for word in map(str, CLIENTS[name]):
            words += urls if word == '{urls}' else [word.format(
                body=body, ca=self.world.dir / 'ca.pem', go=self.go)]
        run = subprocess.run(
            words, capture_output=True, timeout=60, check=False, cwd=self.world.dir,
            env={**self.world.env, 'NODE_EXTRA_CA_CERTS': str(self.world.dir / 'ca.pem')})
        due = b''.join(random.Random(seed + number + 1).randbytes(size)
                       for number in range(EXCHANGES))
        body.unlink()
        self.ended[name] += 1
        if run.returncode or run.stdout != due:
            self.faults.append((name, run.returncode, len(run.stdout), len(due),
                                run.stderr[-500:]))


if __name__ == '__main__':
    Soak().run()
