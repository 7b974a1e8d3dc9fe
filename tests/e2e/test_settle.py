#!/usr/bin/env python3
"""Programs that ask before they call: a captured call settles the reservation of its own process,
each one its own however they are interleaved, and one that nobody calls for expires. A stream that
does not tell its usage is charged what it is taken for, and told apart."""
import json
import subprocess
from decimal import Decimal

import calls
import daemon as agent
from truth import PICO
from world import Checks, World, wait_for

BUDGETS = '''\
budgets:
  - {name: all, match: {provider: openai}, limit: 1000 USD per month, mode: advise}
'''
TTL_MINUTES = 10
# By the published prices, 10,000 tokens in and 1,000 out.
ESTIMATES = {'gpt-4o': Decimal('0.035'), 'gpt-4o-mini': Decimal('0.0021')}


class Program:
    """decider.py, told what to do step by step."""

    def __init__(self, settle):
        world, crew = settle.world, settle.crew
        self.child = world.spawn(
            'decider', [crew.python, calls.HERE / 'matrix' / 'decider.py', settle.daemon.socket,
                        calls.PROVIDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**world.env, 'PROMPT': crew.prompt, 'OPENAI_API_KEY': crew.key})

    def do(self, **what):
        self.child.stdin.write(json.dumps(what) + '\n')
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def decide(self, model):
        return self.do(decide={'provider': 'openai', 'model': model, 'operation': 'chat',
                               'input_tokens': 10000, 'max_output_tokens': 1000})


class Settle:
    def __init__(self):
        self.world = World.enter('settle')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        (self.daemon.config / 'budgets.yaml').write_text(BUDGETS)
        self.crew = calls.Crew(self.world)
        self.check('outlayd starts', self.daemon.start_at(), self.daemon.said())

    def run(self):
        self.one()
        self.two()
        self.by_name()
        self.too_many_calls()
        self.estimates()
        self.expires()
        self.check.equal('the daemon ends well', self.daemon.stop()[0], 0)
        self.check.finish(self.world)

    def money(self):
        budget = self.daemon.budget('all')
        return Decimal(budget['reserved_usd']), Decimal(budget['spent_usd'])

    def event_of(self, response_id):
        """The event of a call, once it is in the ledger."""
        return wait_for(lambda: next((event for event in self.daemon.calls()
                                      if event['response_id'] == response_id), None), 10)

    def cost_of(self, response_id):
        return next(line['cost_pico'] for line in self.crew.truth()
                    if line['response_id'] == response_id) * PICO

    def settles(self, name, answer, decision):
        event = self.event_of(answer['id']) or {}
        self.check.equal(f'{name}: the call carries its decision', event.get('decision_id'),
                         decision['id'])
        self.check.equal(f'{name}: and costs what the provider took',
                         Decimal(event.get('cost_usd') or 0), self.cost_of(answer['id']))

    def one(self):
        program = Program(self)
        decision = program.decide('gpt-4o')
        self.check.equal('a decision reserves its estimate', self.money(),
                         (ESTIMATES['gpt-4o'], 0))
        answer = program.do(call='gpt-4o')
        self.settles('one program', answer, decision)
        self.check.equal('nothing is reserved any more, the cost is spent', self.money(),
                         (0, self.cost_of(answer['id'])))

    def two(self):
        """Two programs, two reservations each, of two models, made and used in turns; the second
        calls first, and the first makes its calls in the other order than it asked."""
        first, second = Program(self), Program(self)
        before = self.money()[1]
        asked = {(program, model): program.decide(model)
                 for model in ('gpt-4o', 'gpt-4o-mini') for program in (first, second)}
        self.check.equal('all are reserved', self.money()[0], 2 * sum(ESTIMATES.values()))
        self.check('by ids of their own', len({d['id'] for d in asked.values()}) == 4)
        held, spent = 2 * sum(ESTIMATES.values()), before
        for program, model in ((second, 'gpt-4o'), (first, 'gpt-4o-mini'), (first, 'gpt-4o'),
                               (second, 'gpt-4o-mini')):
            answer = program.do(call=model)
            name = f'{"first" if program is first else "second"}, {model}'
            self.settles(name, answer, asked[program, model])
            held, spent = held - ESTIMATES[model], spent + self.cost_of(answer['id'])
            self.check.equal(f'{name}: of what is reserved only its own goes', self.money(),
                             (held, spent))

    def by_name(self):
        """Two reservations of one model: the later one is used first, by its name, by another
        process; a name that is none settles nothing."""
        program, child = Program(self), Program(self)
        first, second = program.decide('gpt-4o'), program.decide('gpt-4o')
        self.settles('by name', child.do(named=['gpt-4o', second['id']]), second)
        event = self.event_of(child.do(named=['gpt-4o', self.crew.key])['id']) or {}
        self.check.equal('what is no name settles nothing',
                         (event.get('decision_id', ''), event.get('correlation', '')), (None, None))
        self.check.equal('one is still reserved', self.money()[0], ESTIMATES['gpt-4o'])
        self.settles('without a name', program.do(call='gpt-4o'), first)

    def too_many_calls(self):
        """A call more than was asked for settles nothing, least of all another program's."""
        asker, caller = Program(self), Program(self)
        asker.decide('gpt-4o')
        event = self.event_of(caller.do(call='gpt-4o')['id']) or {}
        self.check.equal('a program that did not ask has no decision', event.get('decision_id', ''),
                         None)
        self.check.equal('and leaves the reservation of another', self.money()[0],
                         ESTIMATES['gpt-4o'])

    def sums(self):
        """What status says of estimates and of the others -> (number, USD), USD"""
        said = self.daemon.get('/v1/status')['budgets']
        return said['estimated'], Decimal(said['estimated_usd']), Decimal(said['priced_usd'])

    def estimates(self):
        """Streams, every other one without its usage."""
        spent, (number, estimated, priced) = self.money()[1], self.sums()
        old = len(self.crew.truth())
        self.crew.run(calls.series('http', 'estimates', 4, stream=True,
                                   include_usage=[False, True]))
        truth = self.crew.truth()[old:]
        costs = {kind: sum(line['cost_pico'] for line in truth
                           if line['estimated'] == kind) * PICO for kind in (False, True)}
        self.check('half of the streams told no usage', len(truth) == 4 and all(costs.values())
                   and [line['estimated'] for line in truth].count(True) == 2, truth)
        wait_for(lambda: self.money()[1] >= spent + sum(costs.values()), 5)
        self.check.equal('the budget is charged for them, too', self.money()[1],
                         spent + sum(costs.values()))
        self.check.equal('status tells the estimates apart', self.sums(),
                         (number + 2, estimated + costs[True], priced + costs[False]))
        events = [self.event_of(line['response_id']) for line in truth]
        self.check.equal('each event says what it is', [e['cost_source'] for e in events],
                         ['estimated' if line['estimated'] else 'catalog' for line in truth])
        self.check.equal('and what its budget came to after it',
                         max(Decimal(e['budgets'][0]['spent_usd']) for e in events),
                         self.money()[1])

    def expires(self):
        spent = self.money()[1]
        self.daemon.move(f'+{TTL_MINUTES * 60 - 60}')
        wait_for(lambda: False, 2.5)
        self.check.equal('after nine minutes it is still reserved', self.money(),
                         (ESTIMATES['gpt-4o'], spent))
        self.daemon.move(f'+{TTL_MINUTES * 60 + 60}')
        wait_for(lambda: not self.money()[0], 5)
        self.check.equal('after ten it is not, and nothing was spent for it', self.money(),
                         (0, spent))


Settle().run()
