"""The part of `make bench` that runs an agent: what it costs the programs it watches, what it
loses, what it takes itself. Needs root: probes are on the whole system."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from rig import (BENCH, BUILD, OTHER, PROVIDER, ROUNDS, Agent, end, median, row, run, start)

TRAFFIC, TLS = BENCH / 'traffic', BENCH / 'tls'
PAIRS = 20000
KIB = 1024


def libssl():
    found = re.search(r'libssl\S* => (\S+)', run(['ldd', TLS]))
    return os.path.realpath(found[1])


def pair(host, pairs=PAIRS, **options):
    return float(run([TLS, host, pairs], cpu=0, **options))


def empty(waived):
    """The pair under the same probes with nothing in them."""
    probes = start([BENCH / 'empty', waived, libssl()])
    try:
        return pair(OTHER)
    finally:
        end(probes)


def pairs():
    """The pair of SSL_write and SSL_read: the client's call is captured, its server's is not."""
    samples = {'bare': [], 'entry': [], 'return': [], 'other': [], 'captured': []}
    for _ in range(ROUNDS):
        samples['bare'].append(pair(OTHER))
        samples['entry'].append(empty(1))
        samples['return'].append(empty(0))
        agent = Agent(cpu=1)
        samples['other'].append(pair(OTHER))
        samples['captured'].append(pair(PROVIDER))
        agent.stop()
    bare, entry, returned, other, captured = (median(samples[name]) for name in samples)
    row('tls_pair_1k_bare', bare, 'ns', what='SSL_write + SSL_read over a BIO pair')
    row('tls_pair_1k_empty_entry', entry, 'ns', bare, 'empty programs at the same places')
    row('tls_pair_1k_empty_return', returned, 'ns', bare, 'and at the returns')
    row('tls_pair_1k_other_host', other, 'ns', entry,
        f'bars: 1.05x, +2 us; +{other - bare:.0f} ns')
    row('tls_pair_1k_captured', captured, 'ns', returned,
        f'bars: 1.25x, +6 us; +{captured - bare:.0f} ns')
    return bare, captured - bare


def paced():
    """18,000 pairs a second, each of which moves 1 KiB at the client's side."""
    agent = Agent(cpu=1, exact=True)
    cpus = cpu_times()
    run([TLS, PROVIDER, 5 * 18000, KIB, 18000], cpu=0)
    busy = busy_since(cpus)
    time.sleep(0.5)
    kernel, capture = (agent.status()[stage] for stage in ('kernel', 'capture'))
    agent.stop()
    truth = (5 * 18000 + 1000) * KIB
    row('tls_paced_18k_lost', truth - capture['bytes'], 'bytes',
        what=f'bar: 0; of {truth}, counted as lost {kernel["ring_full_bytes"]}; '
        f'CPUs {100 * busy:.0f} % busy')


# bpftrace copies at most 200 bytes at once.
PIECES = [(at, 200) for at in range(0, 1000, 200)] + [(1000, 24)]


def bpftrace(name, library):
    read, write = (f'uprobe:{library}:SSL_{way}' for way in ('read', 'write'))

    def copy(pointer):
        return ''.join(f'printf("%r", buf({pointer} + {at}, {n})); ' for at, n in PIECES)
    if name == 'counting':
        return f'{write} {{ @w = count(); }} {read} {{ @r = count(); }}'
    return (f'{write} {{ {copy("arg1")} @w = count(); }} {read} {{ @b[tid] = arg1; }} '
            f'uretprobe:{library}:SSL_read /@b[tid]/ '
            f'{{ $p = @b[tid]; {copy("$p")} delete(@b[tid]); @r = count(); }}')


def with_bpftrace(name, library, env):
    """Nanoseconds a pair, and the share of pieces lost. On a copy of the library: nobody else's."""
    with tempfile.TemporaryFile('w+') as out:
        child = subprocess.Popen(
            ['taskset', '-c', '1', 'bpftrace', '--unsafe', '-e', bpftrace(name, library)],
            stdout=out, stderr=subprocess.STDOUT, env={**os.environ, 'BPFTRACE_STRLEN': '200'})
        time.sleep(6)
        took = pair(PROVIDER, PAIRS // 2, env=env)
        time.sleep(1)
        for _ in range(30):
            child.send_signal(signal.SIGINT)
            time.sleep(0.3)
            if child.poll() is not None:
                break
        child.kill()
        child.wait()
        out.seek(0)
        text = out.read()
    hits = sum(int(n) for n in re.findall(r'^@[wr]: (\d+)', text, re.M))
    lost = sum(int(n) for n in re.findall(r'Lost (\d+) events', text))
    return took, lost / (hits * len(PIECES)) if hits else 1


def tracers(bare, ours):
    """What a user would run instead. sslsniff does not start on every kernel."""
    if not shutil.which('bpftrace'):
        print('skipped: no bpftrace')
        return
    folder = BUILD / 'peers' / 'lib'
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / 'libssl.so.3'
    shutil.copy(libssl(), library)
    env = {**os.environ, 'LD_LIBRARY_PATH': str(folder)}
    for name, bar in (('counting', ''), ('copying', 'bar: 0.15x; ')):
        took, lost = with_bpftrace(name, library, env)
        lost = f', {100 * lost:.1f} % of pieces lost' if name == 'copying' else ''
        row(f'tls_pair_1k_captured_to_{name}', ours, 'ns', took - bare,
            f'{bar}what is added, beside bpftrace {name}{lost}')


def loss(agent, words):
    """A run of traffic -> records a second, the share of them lost, how busy all CPUs were, and how
    many bytes and records were neither captured nor counted as lost."""
    before, cpus = agent.status(), cpu_times()
    moved = json.loads(run([TRAFFIC, *words]))
    busy = busy_since(cpus)
    time.sleep(6)  # a connection whose end was lost is closed by the sweep
    after = agent.status()

    def more(stage, name):
        return after[stage][name] - before[stage][name]
    missing = moved['bytes'] - more('capture', 'bytes') - more('kernel', 'ring_full_bytes')
    opened = 2 * words[1]  # the records that open and close a connection
    records = moved['records'] + opened - more('capture', 'records') - more('kernel', 'ring_full')
    return (moved['records'] * 1e9 / moved['ns'], more('kernel', 'ring_full') / moved['records'],
            busy, abs(missing) + abs(records))


def cpu_times():
    """Of all CPUs: all ticks, and those idle."""
    fields = [int(n) for n in pathlib.Path('/proc/stat').read_text().split(maxsplit=9)[1:9]]
    return sum(fields), fields[3] + fields[4]


def busy_since(before):
    total, idle = (b - a for a, b in zip(before, cpu_times()))
    return 1 - idle / total


FULL = 0.98  # of all CPUs: the ticks of /proc/stat are no finer


def streams():
    agent = Agent(exact=True)
    unaccounted = lost_with_room = 0
    for rate in (20000, 50000, 100000, 150000, 200000, 0):
        reached, lost, busy, missing = loss(agent, ['streams', 16, rate, 3])
        unaccounted += missing
        lost_with_room = max(lost_with_room, lost if busy < FULL else 0)
        row(f'streams_16_{rate or "flat_out"}_lost', 100 * lost, '%',
            what=f'{reached:.0f} records/s; CPUs {100 * busy:.0f} % busy')
    row('streams_16_lost_with_room', 100 * lost_with_room, '%',
        what='bar: 0; the most at a rate that did not fill the CPUs')
    row('streams_16_unaccounted', unaccounted, 'bytes',
        what='bar: 0; bytes and records neither received nor counted; 20 are another\'s canary')
    agent.stop()


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


def blocked():
    """A provider's connection that nothing stops, while a budget stops another user's to the same
    host: against the same hooks without a block."""
    entry = {'name': 'spent', 'match': {'provider': 'openai', 'uid': 65533},
             'limit': '0 USD per month', 'mode': 'cut'}
    for size, count, bar in ((64, 100000, 1.06), (65536, 20000, 1.03)):
        samples = ([], [])
        for _ in range(ROUNDS):
            for budgets, taken in zip(([], [entry]), samples):
                agent = Agent(cpu=1, more=budgets)
                taken.append(float(run([BENCH / 'flow', 'pair', size, count, PROVIDER], cpu=0)))
                agent.stop()
        row(f'flow_pair_{size}_blocks', min(samples[1]), 'ns', min(samples[0]), f'bar: {bar}x')


def connections():
    for state, words in (('idle', []), ('streaming', ['stream'])):
        agent = Agent(cpu=1)
        idle = agent.pss_kib()
        client = start([TRAFFIC, 'open', 10000, *words], cpu=0, wait='open')
        time.sleep(1)
        known = agent.status()['capture']['connections']
        row(f'agent_pss_10k_{state}', agent.pss_kib() / KIB, 'MiB', idle / KIB,
            f'bar: 25; {known} connections known; floor: none')
        end(client)
        agent.stop()


def processor():
    seconds = 20
    agent = Agent()
    time.sleep(5)
    shared, alone = agent.memory()
    row('agent_pss_idle', sum(shared.values()) * KIB / 1e6, 'MB', what='with the ring; bar: 10')
    for what, kib in shared.most_common():
        row(f'agent_pss_idle_{what}', kib * KIB / 1e6, 'MB')
    row('agent_pss_idle_alone', sum(alone.values()) * KIB / 1e6, 'MB',
        what='if no other program used the same libraries, libc apart')
    cpu, woken = agent.cpu_ns(), agent.wakeups()
    time.sleep(seconds)
    row('agent_cpu_idle', (agent.cpu_ns() - cpu) / seconds / 1e7, '%', what='of a core')
    row('agent_wakeups_idle', (agent.wakeups() - woken) / seconds, '1/s')
    cpu = agent.cpu_ns()
    run([TRAFFIC, 'calls', 100, seconds])
    row('agent_cpu_100_calls', (agent.cpu_ns() - cpu) / seconds / 1e7, '%',
        what='of a core at 100 calls/s; bar: 1')
    agent.stop()


def refusal():
    """The call that spends a budget -> the first that the kernel refuses, seen by the program."""
    script = pathlib.Path(__file__).with_name('refusal.py')
    delays = sorted(json.loads(run([sys.executable, script, 100])))
    row('spent_to_refused_p50', delays[49], 'ms')
    row('spent_to_refused_p99', delays[98], 'ms', 20, 'bar: 20 ms')


def measure():
    tracers(*pairs())
    paced()
    streams()
    flow()
    blocked()
    refusal()
    connections()
    processor()
