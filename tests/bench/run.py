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
from rig import BENCH, BUILD, ROUNDS, TOP, Agent, median, row, rows, run

LIVE = {'tls', 'empty', 'traffic', 'flow', 'decide'}  # run by live.py and by functions below
ASK = {'provider': 'openai', 'model': 'gpt-4o-mini', 'operation': 'chat', 'input_tokens': 1200,
       'max_output_tokens': 400, 'labels': {'team': 'team-7', 'project': 'project-11'}}


def decide():
    agent = Agent(cpu=0)
    with tempfile.NamedTemporaryFile('w', suffix='.json') as body:
        json.dump(ASK, body)
        body.flush()
        with peers.deciders(cpu=0) as others:
            out = run([BENCH / 'decide', agent.socket, body.name, 40000, *others], cpu=0)
    found = {line.split()[0]: [int(n) for n in line.split()[1:]] for line in out.splitlines()}
    agent.stop()
    row('decide_p50', found['decide'][0], 'ns', found['echo'][0],
        'over 100 budgets, one CPU, beside an echo of the same bytes')
    row('decide_p99', found['decide'][1], 'ns', found['echo'][1])
    for name in list(found)[2:]:
        row(f'peer_{name}_p50', found[name][0], 'ns', found['echo'][0])
        row(f'peer_{name}_p99', found[name][1], 'ns', found['echo'][1])


def programs():
    """The stages one by one: each program prints JSON lines of its own."""
    line = median(json.loads(run([BENCH / 'line', TOP / 'config', 1], cpu=0))['value']
                  for _ in range(ROUNDS))
    row('line_ns_per_call', line, 'ns', what='http -> meter -> price, 4.4 KB a call')
    row('line_calls_per_second', round(1e9 / line), 'calls/s', what='on one core')
    for program in sorted(BENCH.iterdir()):
        if program.suffix or program.name in LIVE | {'line', 'json', 'sink'} \
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
    peers.sqlite()
    if os.geteuid() == 0:
        live.measure()
        decide()
        sink()
    else:
        print('skipped: what needs root')
    (BUILD / 'bench.json').write_text(json.dumps(rows, indent=1) + '\n')


if __name__ == '__main__':
    main()
