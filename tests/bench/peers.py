"""Peers of `make bench`: what others would use in our place, built from ../shared/bench into
build/bench when that folder is there, and run in turns with ours."""
import contextlib
import json
import pathlib
import socket
import statistics
import struct
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


def answers(ours):
    """The same bodies as answers of their providers, from their first byte to a charge."""
    if not CORPUS.is_dir():
        return
    sys.path.insert(0, str(CORPUS))
    import har
    import score
    wanted = {w['id']: w for w in score.rows(str(CORPUS / 'expected.jsonl.gz'))}
    with tempfile.NamedTemporaryFile(dir=BUILD) as out:
        for x in score.rows(str(CORPUS / 'exchanges.jsonl.gz')):
            want, entry = wanted[x['id']], har.entry(x, wanted[x['id']])
            content = entry['response']['content']
            if x['streaming'] or 'encoding' in content or not want['raw_usage'] \
                    or not want['usage_source'].startswith('body'):
                continue
            parts = [x['host'].encode(),
                     message(f'{x["method"]} {x["path"]} HTTP/1.1', entry['request']['headers'],
                             entry['request'].get('postData', {}).get('text', '')),
                     message(f'HTTP/1.1 {x["response"]["status"]} OK', entry['response']['headers'],
                             content.get('text', ''))]
            out.write(struct.pack('<3I', *map(len, parts)) + b''.join(parts))
        out.flush()
        for line in run([ours, out.name], cpu=0, cwd=TOP).splitlines():
            found = json.loads(line)
            row(found['name'], found['value'], found['unit'],
                what='of 809 recorded answers, 3.4 KB with their heads')


def message(line, headers, body):
    """In HTTP/1.1, of a known length and without a coding."""
    framing = {'content-length', 'transfer-encoding', 'content-encoding', 'connection'}
    fields = ''.join(f'{h["name"]}: {h["value"]}\r\n' for h in headers
                     if h['name'].lower() not in framing)
    body = body.encode()
    return f'{line}\r\n{fields}Content-Length: {len(body)}\r\n\r\n'.encode() + body


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


@contextlib.contextmanager
def opa():
    """Open Policy Agent with an equal policy on 100 budgets of its own -> (its process, its socket,
    the path and the body of a request), or None. It is not built here: GOBIN=build/bench/go
    go install github.com/open-policy-agent/opa@latest."""
    program = BUILT / 'go' / 'opa'
    if not SOURCE.is_dir() or not program.exists():
        print('skipped: no OPA in build/bench/go')
        yield None
        return
    keys = ('user', 'team', 'project', 'provider', 'model')
    data = {key: {f'{key}-{i}': {'spent': i, 'limit': 1000} for i in range(20)} for key in keys}
    with tempfile.TemporaryDirectory(dir=BUILD) as top:
        folder = pathlib.Path(top)
        path, body = folder / 's', folder / 'input.json'
        (folder / 'data.json').write_text(json.dumps({'budgets': data}))
        body.write_text(json.dumps({'input': json.loads((SOURCE / 'check.json').read_text())}))
        child = subprocess.Popen(
            [program, 'run', '--server', '--addr', f'unix://{path}', '--log-level', 'error',
             '--skip-version-check', SOURCE / 'opa_policy.rego', folder / 'data.json'])
        try:
            yield (child, path, '/v1/data/outlay/decide', body) if listens(path) else None
        finally:
            child.kill()
            child.wait()


def load(process, path, target, body, n, connections=8, cpu=None):
    """A closed loop of connections -> answers a second, p99 in ns, ns of CPU an answer."""
    words = [built('load', 'a compiler'), '-u', path, '-m', target, '-b', body, '-s', process.pid]
    fields = run([*words, '-c', connections, '-n', n, '-w', n // 10, '-l', 'x'],
                 cpu=cpu).split('\t')
    if int(fields[8]):
        sys.exit(f'bench: {fields[8]} answers of {path} are errors')
    return float(fields[3]), 1000 * float(fields[5]), 1000 * float(fields[9])
