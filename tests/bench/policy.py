"""The part of `make bench` that asks the policy socket, on 100 budgets of which 5 match, beside a
bare echo of the same bytes. Needs root: an agent runs."""
import json
import subprocess
import tempfile

import peers
from rig import BENCH, ROUNDS, Agent, median, row, run
import hostile  # of tests/e2e, which rig has put on the path

ASK = {'provider': 'openai', 'model': 'gpt-4o-mini', 'operation': 'chat', 'input_tokens': 1200,
       'max_output_tokens': 400, 'labels': {'team': 'team-7', 'project': 'project-11'}}


def ask(program, *more, cpu, calls=False, by_hand=False):
    """An agent on CPU 0 and its client on `cpu`, while another program makes 1,000 calls a second
    or not -> the numbers after each name that the client prints."""
    words = ['taskset', '-c', '1', BENCH / 'traffic', 'calls', '1000', '120']
    with Agent(cpu=0, by_hand=by_hand) as agent:
        traffic = subprocess.Popen(words, stdout=subprocess.DEVNULL) if calls else None
        found = ask_of(agent, program, *more, cpu=cpu)
        if traffic:
            traffic.kill()
            traffic.wait()
    return found


def ask_of(agent, program, *more, cpu):
    with tempfile.NamedTemporaryFile('w', suffix='.json') as body:
        json.dump(ASK, body)
        body.flush()
        out = run([BENCH / program, agent.socket, 0, body.name, *more], cpu=cpu)
    return {line.split()[0]: [int(n) for n in line.split()[1:]] for line in out.splitlines()}


def one_cpu():
    with peers.deciders(cpu=0) as others:
        found = ask('decide', 40000, *others, cpu=0)
    row('decide_p50', found['decide'][0], 'ns', found['echo'][0],
        'bar: 2x; client and agent on one CPU')
    row('decide_p99', found['decide'][1], 'ns', found['echo'][1], 'bar: 3x')
    for name in list(found)[2:]:
        row(f'peer_{name}_p50', found[name][0], 'ns', found['echo'][0])
        row(f'peer_{name}_p99', found[name][1], 'ns', found['echo'][1])
    found = ask('decide', 40000, cpu=0, by_hand=True)
    for i, name in enumerate(('p50', 'p99')):
        row(f'decide_{name}_by_hand', found['decide'][i], 'ns', found['echo'][i],
            'without CPUWeight= of its unit')


def cost():
    """CPU of all of the agent's threads an answer, its client on the same CPU."""
    if not peers.built('load', 'a compiler'):
        return
    for name, dry_run in (('decide_cpu', False), ('decide_cpu_dry_run', True)):
        samples = []
        with tempfile.NamedTemporaryFile('w', suffix='.json') as body:
            json.dump({**ASK, 'dry_run': dry_run}, body)
            body.flush()
            for _ in range(ROUNDS):  # each holds some of the 16,384 reservations of a user
                with Agent(cpu=0) as agent:
                    samples.append(peers.load(agent.child, agent.socket, '/v1/decide', body.name,
                                              12000, connections=1, cpu=0)[2])
        row(name, median(samples), 'ns', what='bar: 4,000; one connection, on one CPU')


def others():
    found = ask('decide', 40000, cpu=0, calls=True)
    for i, name in enumerate(('p50', 'p99')):
        row(f'decide_{name}_1000_calls', found['decide'][i], 'ns', found['echo'][i],
            'while 1,000 calls/s are captured')
    found = ask('decide', 40000, cpu=1)
    for i, name in enumerate(('p50', 'p99')):
        value, floor = found['decide'][i], found['echo'][i]
        row(f'decide_{name}_two_cpus', value, 'ns', floor,
            f'bar: +10 us; +{(value - floor) / 1e3:.1f} us')


def crowd():
    found = ask('crowd', cpu=1)
    row('decide_64_connections', found['crowd'][0], '1/s', found['echo'][0],
        'bar: 200,000; the agent on one CPU')
    row('decide_64_spread', found['crowd'][1] / 1000, '', found['echo'][1] / 1000,
        'bar: 1.5; the most over the fewest that a connection was served')


def many_budgets():
    """The same decision beside an agent with few. Dry runs: nobody settles what two agents held."""
    with tempfile.NamedTemporaryFile('w', suffix='.json') as body, Agent(cpu=0, budgets=10) as few:
        json.dump({**ASK, 'dry_run': True}, body)
        body.flush()
        with Agent(cpu=0, budgets=10000) as many:
            words = [word for name, agent in (('few', few), ('many', many))
                     for word in (name, agent.socket, body.name)]
            found = ask_of(many, 'decide', 40000, *words, cpu=0)
    for i, name in enumerate(('p50', 'p99')):
        row(f'decide_{name}_10k_budgets', found['many'][i], 'ns', found['few'][i],
            'bar: 1.5x; beside 10 budgets')


def besieged():
    """Beside seven users who do what they can to the socket, and to two CPUs: what that does to the
    echo, which nobody attacks, is the floor."""
    samples = ([], [])
    with Agent(cpu=0) as agent:
        for _ in range(ROUNDS):
            samples[0].append(ask_of(agent, 'decide', 4000, cpu=1))
            with hostile.siege(agent.socket):
                samples[1].append(ask_of(agent, 'decide', 4000, cpu=1))
    for i, name in enumerate(('p50', 'p99')):
        (alone, beside), (echo, echo_beside) = (
            [median(found[whose][i] for found in taken) for taken in samples]
            for whose in ('decide', 'echo'))
        row(f'decide_{name}_besieged', beside, 'ns', alone * echo_beside / echo,
            f'bar: 1x; alone {alone:.0f} ns; the echo {echo_beside / echo:.2f}x of itself alone')


def told():
    agent = Agent()
    found = json.loads(run([BENCH / 'traffic', 'told', 500, agent.socket]))
    agent.stop()
    for name in found:
        row(f'call_to_budget_{name}', found[name] / 1e6, 'ms',
            what='bar: 10; from its end to a watcher')


def beside_opa():
    """OPA reads alone, so ours is a dry run, too."""
    with peers.opa() as other, tempfile.NamedTemporaryFile('w', suffix='.json') as body:
        if not other:
            return
        json.dump({**ASK, 'dry_run': True}, body)
        body.flush()
        agent = Agent()
        ours = (agent.child, agent.socket, '/v1/decide', body.name)
        peers.load(*other, 10000)
        samples = [(peers.load(*ours, 40000), peers.load(*other, 10000)) for _ in range(ROUNDS)]
        agent.stop()
    rows = (('rate', '1/s', 'bar: 10x'), ('p99', 'ns', 'bar: 0.1x'), ('cpu', 'ns', 'bar: 0.05x'))
    for i, (name, unit, bar) in enumerate(rows):
        row(f'decide_{name}_beside_opa', median(sample[0][i] for sample in samples), unit,
            median(sample[1][i] for sample in samples), f'{bar}; 8 connections, dry runs')


def measure():
    one_cpu()
    cost()
    others()
    crowd()
    many_budgets()
    besieged()
    told()
    beside_opa()
