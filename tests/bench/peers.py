"""Peers of `make bench`: what others would use in our place, built from ../shared/bench into
build/bench when that folder is there, and run in turns with ours."""
import contextlib
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from rig import BUILD, ROUNDS, TOP, row, run

SOURCE = TOP.parent / 'shared' / 'bench'
CORPUS = TOP.parent / 'shared' / 'corpus'
BUILT = BUILD / 'bench'


def built(name, library):
    """The program, or None when it cannot be had here."""
    if not SOURCE.is_dir():
        print(f'skipped: no peers ({name})')
        return None
    made = subprocess.run(['make', '-s', '-C', SOURCE, f'B={BUILT}', BUILT / name],
                          capture_output=True, text=True, check=False)
    if made.returncode:
        print(f'skipped: {name} (it needs {library} to build)')
        return None
    return BUILT / name


@contextlib.contextmanager
def deciders(cpu):
    """Servers that decide by 100 budgets of their own, and the echo beside them -> words for
    tests/bench/decide.c."""
    commands = {'echo_epoll': ['-u'], 'evhttp_decide': [], 'mhd_decide': []}
    libraries = ('a compiler', 'libevent-dev and libjansson-dev',
                 'libmicrohttpd-dev and libjansson-dev')
    children, words = [], []
    with tempfile.TemporaryDirectory(dir=BUILD) as top:
        try:
            for (name, before), library in zip(commands.items(), libraries):
                program = built(name, library)
                path = pathlib.Path(top) / name
                if not program:
                    continue
                children.append(subprocess.Popen(
                    ['taskset', '-c', str(cpu), program, *before, path]))
                if listens(path):
                    words += [name, path, SOURCE / 'check.json']
            yield words
        finally:
            for child in children:
                child.kill()
                child.wait()


def listens(path):
    for _ in range(100):
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return True
        time.sleep(0.02)
    return False


def json_bodies(ours):
    """The scanner, `ours` a program that reads the same bodies, beside parsers."""
    floor = built('json_floor', 'libyajl-dev and libjansson-dev')
    simd = built('simdjson_floor', 'libsimdjson-dev')
    if not floor or not CORPUS.is_dir():
        return
    data = BUILT / 'data'
    if not (data / 'json.idx').exists():
        data.mkdir(exist_ok=True)
        run([sys.executable, SOURCE / 'prep.py', CORPUS, data])
    samples, scans = {}, []
    for _ in range(ROUNDS):
        scans.append(ours(data / 'json.bin'))
        for program in filter(None, (floor, simd)):
            for line in run([program, data / 'json.bin'], cpu=0).splitlines():
                if line.count('\t') == 3:
                    name, rate, _, _ = line.split('\t')
                    samples.setdefault(name, []).append(1e9 / float(rate))
    beside = 'simdjson DOM' if simd else 'yajl SAX'
    row('json_scan_ns_per_body', statistics.median(scans), 'ns',
        statistics.median(samples[beside]), f'809 recorded bodies, usage only, beside {beside}')
    for name, times in samples.items():
        row('peer_' + name.replace(',', '').replace(' ', '_').lower(), statistics.median(times),
            'ns')


def sqlite():
    """Bare INSERTs of 26 columns with two indexes, 1,000 a transaction."""
    program = built('sqlite_floor', 'libsqlite3-dev')
    if not program:
        return
    with tempfile.TemporaryDirectory(dir=BUILD) as top:
        rates = [float(run([program, pathlib.Path(top) / 't.db', 'NORMAL', 1000, 100000, 3],
                           cpu=0).split('\t')[4]) for _ in range(ROUNDS)]
    row('peer_sqlite_events_per_second', statistics.median(rates), 'events/s',
        what='bare INSERT, two indexes; ours: ledger_*, beside its own floor')
