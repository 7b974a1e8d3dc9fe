#!/usr/bin/env python3
"""`make bench`: every figure beside its floor, measured in one run, as a table and in
build/bench.json ([{name, value, unit, floor, ratio}]). Medians of interleaved rounds; the machine
is stated. What needs root or a peer that is not there says "skipped"."""
import json
import os
import pathlib
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / 'build'
BENCH = BUILD / 'opt' / 'tests' / 'bench'
PEERS = TOP.parent / 'shared' / 'bench'
CORPUS = TOP.parent / 'shared' / 'corpus'
ROUNDS = int(os.environ.get('ROUNDS', 5))
PROVIDER, OTHER = 'api.openai.com', 'bench.invalid'
rows = []


def row(name, value, unit, floor=None, what=''):
    rows.append({'name': name, 'value': value, 'unit': unit, 'floor': floor,
                 'ratio': round(value / floor, 2) if floor else None})
    shown = f'{floor:>12,.6g}{value / floor:>9.2f}x' if floor else ' ' * 22
    print(f'{name:<34}{value:>14,.6g} {unit:<8}{shown}  {what}', flush=True)


def run(words, cpu=None, **options):
    words = [str(w) for w in words]
    if cpu is not None:
        words = ['taskset', '-c', str(cpu), *words]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=300,
                          **options).stdout


class Agent:
    """outlayd with 100 budgets, on one CPU."""

    def __init__(self, cpu):
        self.dir = tempfile.TemporaryDirectory(prefix='bench', dir=BUILD)
        top = pathlib.Path(self.dir.name)
        self.socket = top / 'policy.sock'
        for name in ('providers', 'prices', 'outlayd.yaml'):
            (top / name).symlink_to(TOP / 'config' / name)
        (top / 'budgets.yaml').write_text('budgets:\n' + ''.join(
            f'  - {{name: b{i}, limit: 1000 USD per day, mode: advise, match: {match(i)}}}\n'
            for i in range(100)))
        self.child = subprocess.Popen(
            ['taskset', '-c', str(cpu), BUILD / 'outlayd', '--config', top,
             '--state', top / 'state', '--socket', self.socket],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(200):
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(self.socket)) == 0:
                    return
            if self.child.poll() is not None:
                sys.exit(f'bench: outlayd ended: {self.child.stderr.read()}')
            time.sleep(0.05)
        sys.exit('bench: outlayd does not listen')

    def status(self):
        return json.loads(run([BUILD / 'outlay', 'status', '--json', '--socket', self.socket]))

    def pss_kib(self):
        text = pathlib.Path(f'/proc/{self.child.pid}/smaps_rollup').read_text()
        return int(re.search(r'^Pss:\s+(\d+)', text, re.M)[1])

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(20)
        self.dir.cleanup()


def match(i):
    """Five dimensions, twenty values each: one budget of each matches the decision below."""
    key = ('user', 'team', 'project', 'provider', 'model')[i % 5]
    value = f'{key}-{i // 5}'
    if key in ('team', 'project'):
        return f'{{label: {{{key}: {value}}}}}'
    return f'{{{key}: {value if i // 5 != 3 else known[key]}}}'


known = {'user': 'root', 'provider': 'openai', 'model': 'gpt-4o-mini'}
ASK = {'provider': 'openai', 'model': 'gpt-4o-mini', 'operation': 'chat', 'input_tokens': 1200,
       'max_output_tokens': 400, 'labels': {'team': 'team-7', 'project': 'project-11'}}


def tls():
    samples = {'bare': [], 'rejected': [], 'captured': []}
    pairs = 20000
    for _ in range(ROUNDS):
        samples['bare'].append(float(run([BENCH / 'tls', PROVIDER, pairs], cpu=0)))
        agent = Agent(cpu=1)
        samples['rejected'].append(float(run([BENCH / 'tls', OTHER, pairs], cpu=0)))
        samples['captured'].append(float(run([BENCH / 'tls', PROVIDER, pairs], cpu=0)))
        time.sleep(0.5)
        status = agent.status()
        lost = status['kernel']['ring_full_bytes']
        agent.stop()
    floor = statistics.median(samples['bare'])
    row('tls_pair_1k_no_agent', floor, 'ns', what='SSL_write + SSL_read of 1 KiB')
    row('tls_pair_1k_other_host', statistics.median(samples['rejected']), 'ns', floor)
    row('tls_pair_1k_captured', statistics.median(samples['captured']), 'ns', floor,
        f'last round lost {lost} of {pairs * 1024} bytes' if lost else 'nothing lost')


def flow():
    """The cgroup's hooks on sockets that are none of theirs, and on TLS connections. The least of
    the rounds, which other work on the machine disturbs least."""
    ways = {('pair', 64): 100000, ('pair', 65536): 20000, ('connect', OTHER): 10000,
            ('connect', PROVIDER): 10000}
    off, on = ({way: [] for way in ways} for _ in range(2))
    for _ in range(ROUNDS):
        for samples in (off, on):
            agent = Agent(cpu=1) if samples is on else None
            for way, count in ways.items():
                samples[way].append(float(run([BENCH / 'flow', *way, count], cpu=0)))
            if agent:
                agent.stop()
    bars = ('bar: 1.06x', 'bar: 1.03x', 'bar: +3 us', 'bar: +3 us')
    for way, bar in zip(ways, bars):
        name = 'provider' if way[1] == PROVIDER else 'other_host' if way[0] == 'connect' else way[1]
        row(f'flow_{way[0]}_{name}', min(on[way]), 'ns', min(off[way]),
            f'{bar}; +{min(on[way]) - min(off[way]):.0f} ns')


def decide():
    agent = Agent(cpu=0)
    with tempfile.NamedTemporaryFile('w', suffix='.json') as body:
        json.dump(ASK, body)
        body.flush()
        out = run([BENCH / 'decide', agent.socket, body.name, 40000], cpu=0)
    found = {line.split()[0]: [int(n) for n in line.split()[1:]] for line in out.splitlines()}
    agent.stop()
    row('decide_p50', found['decide'][0], 'ns', found['echo'][0],
        'over 100 budgets, one CPU, beside an echo of the same bytes')
    row('decide_p99', found['decide'][1], 'ns', found['echo'][1])


def memory():
    agent = Agent(cpu=1)
    time.sleep(3)
    row('agent_pss_idle', agent.pss_kib() / 1024, 'MiB', what='with the ring; bar: 10')
    agent.stop()


def programs():
    """The stages one by one: each program prints JSON lines of its own."""
    line = statistics.median(json.loads(run([BENCH / 'line', TOP / 'config', 1], cpu=0))['value']
                             for _ in range(ROUNDS))
    row('line_ns_per_call', line, 'ns', what='http -> meter -> price, 4.4 KB a call')
    row('line_calls_per_second', round(1e9 / line), 'calls/s', what='on one core')
    for program in sorted(BENCH.iterdir()):
        if program.suffix or program.name in ('line', 'tls', 'flow', 'decide', 'json', 'sink') \
                or not os.access(program, os.X_OK):
            continue
        with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
            for text in run([program, scratch], cpu=0, cwd=TOP).splitlines():
                if text.startswith('{'):
                    found = json.loads(text)
                    row(found['name'], found['value'], found['unit'], found.get('floor'))


def sink():
    for text in run([TOP / 'tests' / 'bench' / 'sink.py']).splitlines():
        if text.startswith('{'):
            found = json.loads(text)
            row(found['name'], found['value'], found['unit'], found['floor'],
                'real Kafka on the same CPUs, beside a bare producer')


def peers():
    """The JSON scanner beside yajl and simdjson on recorded bodies."""
    if not PEERS.is_dir() or not CORPUS.is_dir():
        print('skipped: no peers')
        return
    scratch = BUILD / 'peers'
    built = subprocess.run(['make', '-s', '-C', PEERS, f'B={scratch}', f'{scratch}/json_floor'],
                           capture_output=True, text=True)
    if built.returncode:
        print('skipped: no peers (they need libyajl-dev to build)')
        return
    run([sys.executable, PEERS / 'prep.py', CORPUS, scratch / 'data'])
    ours = statistics.median(json.loads(run([BENCH / 'json', scratch / 'data' / 'json.bin'],
                                            cpu=0).splitlines()[0])['value']
                             for _ in range(ROUNDS))
    print(run([scratch / 'json_floor', scratch / 'data' / 'json.bin'], cpu=0).strip())
    row('json_scan_ns_per_body', ours, 'ns', what='809 recorded bodies, usage only; yajl above')


def main():
    cpu = next((l.split(':')[1].strip() for l in open('/proc/cpuinfo') if 'model name' in l), '?')
    print(f'{platform.release()} {platform.machine()}, {os.cpu_count()} x {cpu}, {ROUNDS} rounds')
    print(f'{"figure":<34}{"value":>14} {"unit":<8}{"floor":>12}{"ratio":>10}')
    programs()
    peers()
    if os.geteuid() == 0:
        tls()
        flow()
        decide()
        memory()
        sink()
    else:
        print('skipped: tls, flow, decide, memory and sink need root')
    (BUILD / 'bench.json').write_text(json.dumps(rows, indent=1) + '\n')


if __name__ == '__main__':
    main()
