#!/usr/bin/env python3
"""`make bench`: every figure beside its floor, measured in one run, as a table and in
build/bench.json ([{name, value, unit, floor, ratio}]). Medians of interleaved rounds; the machine
is stated. What needs root or a peer that is not there says "skipped"."""
import json
import os
import platform
import tempfile

import live
import peers
import policy
from rig import BENCH, BUILD, ROUNDS, TOP, median, row, rows, run

LIVE = {'tls', 'empty', 'traffic', 'flow', 'decide', 'crowd'}  # run by live.py and policy.py


def programs():
    """The stages one by one: each program prints JSON lines of its own."""
    line = median(json.loads(run([BENCH / 'line', TOP / 'config', 1], cpu=0))['value']
                  for _ in range(ROUNDS))
    row('line_ns_per_call', line, 'ns', what='http -> meter -> price, 4.4 KB a call')
    row('line_calls_per_second', round(1e9 / line), 'calls/s', what='on one core')
    for program in sorted(BENCH.iterdir()):
        if program.suffix or program.name in LIVE | {'line', 'json', 'sink', 'answers'} \
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


def scan(bodies):
    return json.loads(run([BENCH / 'json', bodies], cpu=0).splitlines()[0])['value']


def main():
    cpu = next((l.split(':')[1].strip() for l in open('/proc/cpuinfo') if 'model name' in l), '?')
    print(f'{platform.release()} {platform.machine()}, {os.cpu_count()} x {cpu}, {ROUNDS} rounds')
    print(f'{"figure":<34}{"value":>14} {"unit":<8}{"floor":>12}{"ratio":>10}')
    programs()
    peers.json_bodies(scan)
    peers.answers(BENCH / 'answers')
    peers.sqlite()
    if os.geteuid() == 0:
        live.measure()
        policy.measure()
        sink()
    else:
        print('skipped: what needs root')
    (BUILD / 'bench.json').write_text(json.dumps(rows, indent=1) + '\n')


if __name__ == '__main__':
    main()
