"""What the parts of `make bench` share: the table, runs of programs, and an agent to measure."""
import collections
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / 'tests' / 'e2e'))
from world import die_with_parent, give_weight  # noqa: E402
BUILD = TOP / 'build'
BENCH = BUILD / 'opt' / 'tests' / 'bench'
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


def start(words, cpu=None, wait='', **options):
    """A program that says a line when it is there and ends with its stdin; `end` ends it."""
    words = [str(w) for w in words]
    if cpu is not None:
        words = ['taskset', '-c', str(cpu), *words]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.PIPE, **options)
    if wait not in (child.stdout.readline() or 'nothing'):
        sys.exit(f'bench: {words[0]}: {child.stderr.read()}')
    return child


def end(child):
    return child.communicate(timeout=60)[0]


class Agent:
    """outlayd with so many budgets, five of which match the decision of the bench, and `more`; on
    one CPU, or on all; like a service in a session of its own, whose share of the CPUs is not the
    load's, with the weight that its unit asks for, or by hand without. `exact`: no canary, whose
    calls count."""

    def __init__(self, cpu=None, budgets=100, more=(), exact=False, by_hand=False):
        self.dir = tempfile.TemporaryDirectory(prefix='bench', dir=BUILD)
        top = pathlib.Path(self.dir.name)
        self.socket = top / 'policy.sock'
        for name in ('providers', 'prices'):
            (top / name).symlink_to(TOP / 'config' / name)
        options = (TOP / 'config' / 'outlayd.yaml').read_text()
        (top / 'outlayd.yaml').write_text(
            re.sub(r'(canary_seconds:) \d+', r'\1 0', options) if exact else options)
        (top / 'budgets.yaml').write_text('budgets:\n' + ''.join(
            f'  - {{name: b{i}, limit: 1000 USD per day, mode: advise, match: {match(i)}}}\n'
            for i in [*MATCHING, *itertools.islice(others(), budgets - len(MATCHING))])
            + ''.join(f'  - {json.dumps(entry)}\n' for entry in more))
        pinned = [] if cpu is None else ['taskset', '-c', str(cpu)]
        self.child = subprocess.Popen(
            [*pinned, BUILD / 'outlayd', '--config', top, '--state', top / 'state',
             '--socket', self.socket],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True, preexec_fn=die_with_parent)
        if not by_hand:
            give_weight(self.child)
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

    def memory(self):
        """Its memory by what it is: KiB as PSS counts them, and as it would if no other program had
        the same libraries, libc apart."""
        text = pathlib.Path(f'/proc/{self.child.pid}/smaps').read_text()
        shared, alone = collections.Counter(), collections.Counter()
        for entry in re.split(r'^(?=[0-9a-f]+-[0-9a-f]+ )', text, flags=re.M)[1:]:
            name = (entry.split('\n')[0].split(maxsplit=5) + [''])[5]
            pss, rss = (int(re.search(rf'^{key}:\s+(\d+)', entry, re.M)[1])
                        for key in ('Pss', 'Rss'))
            what = ('ring' if 'bpf-map' in name else 'heap' if name == '[heap]'
                    else 'program' if name == str(BUILD / 'outlayd')
                    else 'libraries' if name.startswith('/') else 'tables')
            everywhere = re.search(r'/(libc|ld-linux.*)\.so', name)
            shared[what] += pss
            alone[what] += pss if everywhere or what == 'ring' else rss
        return shared, alone

    def libraries(self):
        """Names without their versions."""
        text = pathlib.Path(f'/proc/{self.child.pid}/maps').read_text()
        return set(re.findall(r'/([^/]+?)(?:-[0-9.]+)?\.so', text))

    def tasks(self, file):
        return [(task / file).read_text()
                for task in pathlib.Path(f'/proc/{self.child.pid}/task').iterdir()]

    def cpu_ns(self):
        return sum(int(text.split()[0]) for text in self.tasks('schedstat'))

    def wakeups(self):
        return sum(int(re.search(r'^voluntary_ctxt_switches:\s+(\d+)', text, re.M)[1])
                   for text in self.tasks('status'))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(20)
        self.dir.cleanup()


def others():
    return (i for i in itertools.count() if i not in MATCHING)


def match(i):
    """Five dimensions: one budget of each matches the decision of the bench."""
    key = ('user', 'team', 'project', 'provider', 'model')[i % 5]
    value = f'{key}-{i // 5}'
    if key in ('team', 'project'):
        return f'{{label: {{{key}: {value}}}}}'
    return f'{{{key}: {value if i // 5 != 3 else known[key]}}}'


MATCHING = (15, 36, 57, 18, 19)
known = {'user': 'root', 'provider': 'openai', 'model': 'gpt-4o-mini'}


def median(samples):
    return statistics.median(samples)
