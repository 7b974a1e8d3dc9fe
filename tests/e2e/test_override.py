#!/usr/bin/env python3
"""What root says of budgets is obeyed at once, and holds through a reload, a kill and a restart;
who said it, and why, stays in the ledger. Rates and labels by rule, in an agent as installed."""
import os
import signal
import sqlite3
import subprocess
import sys

import daemon as agent
from world import TOP, Checks, World, wait_for

BUDGETS = '''\
budgets:
  - {name: all, match: {provider: openai}, limit: 1 USD per day, mode: advise}
  - {name: team, match: {label: {team: e2e}}, limit: 5 USD per month, mode: observe}
  - {name: burst, match: {provider: anthropic}, rate: 2 requests per minute, mode: advise}
'''
LABELS = '''
labels:
  - match: {uid: 0, exe: "*python*"}
    set: {team: e2e}
'''
ASK = {'provider': 'openai', 'model': 'gpt-4o', 'input_tokens': 1000, 'max_output_tokens': 100}


class Override:
    def __init__(self):
        self.world = World.enter('override')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        (self.daemon.config / 'budgets.yaml').write_text(BUDGETS)
        with (self.daemon.config / 'outlayd.yaml').open('a') as file:
            file.write(LABELS)
        self.check('outlayd starts', self.daemon.start(), self.daemon.said())

    def decide(self, **more):
        return self.daemon.ask('POST', '/v1/decide', {**ASK, **more})

    def run(self):
        self.obeyed()
        self.kept()
        self.reset()
        self.others()
        self.rate()
        self.check.equal('the daemon ends well', self.daemon.stop()[0], 0)
        self.ledger()
        self.check.finish(self.world)

    def figures(self):
        budget = self.daemon.budget('all')
        return budget['limit_usd'], budget['mode'], budget.get('stopped', False)

    def obeyed(self):
        status, _, answer = self.decide()
        self.check.equal('a call is allowed', status, 200)
        self.check.equal('it is of the team by its rule',
                         sorted(b['name'] for b in answer['budgets']), ['all', 'team'])
        said = self.daemon.outlay('budget', 'raise', 'all', '--amount', '2', '--until', '2h',
                                  '--why', 'a demo')
        self.check('raise is answered', 'limit 3 USD' in said, said)
        self.daemon.outlay('budget', 'cut', 'all', '--why', 'too much')
        self.check.equal('both hold', self.figures(), ('3', 'cut', True))
        status, headers, answer = self.decide()
        self.check.equal('a call is refused', status, 429)
        self.check('by a person', 'a person has stopped' in answer['detail'], answer['detail'])
        self.check.equal('and waiting does not help', headers['Retry-After'], None)

    def kept(self):
        self.daemon.child.send_signal(signal.SIGHUP)
        self.check('a reload is told', wait_for(
            lambda: 'configuration reloaded' in self.daemon.said(), 5), self.daemon.said())
        self.check.equal('both hold over a reload', self.figures(), ('3', 'cut', True))
        wait_for(lambda: False, 1)  # it is stored at once, not in the same moment
        self.daemon.stop(signal.SIGKILL)
        self.check('outlayd starts again', self.daemon.start(), self.daemon.said())
        self.check.equal('both hold over a kill', self.figures(), ('3', 'cut', True))
        self.daemon.outlay('budget', 'release', 'all', '--why', 'all is well')
        self.check.equal('released', self.figures(), ('3', 'advise', False))
        self.check.equal('a call is allowed again', self.decide()[0], 200)

    def reset(self):
        _, _, answer = self.decide(input_tokens=100000)
        self.daemon.ask('POST', '/v1/settle', {'reservation': answer['reservation']['id'],
                                               'usd': '2.75'})
        self.check.equal('it is spent', self.daemon.budget('all')['spent_usd'], '2.75')
        self.daemon.outlay('budget', 'reset', 'all', '--amount', '0.5', '--why', 'a wrong price')
        wait_for(lambda: False, 2)  # the next tick stores what is owed
        self.daemon.stop(signal.SIGKILL)
        self.check('outlayd starts once more', self.daemon.start(), self.daemon.said())
        self.check.equal('it counts as was said', self.daemon.budget('all')['spent_usd'], '0.5')

    def rows(self):
        with sqlite3.connect(f'file:{self.daemon.state}/ledger.db?mode=ro', uri=True) as db:
            return db.execute('SELECT budget, action, amount, unit, uid, user, why'
                              ' FROM budget_override ORDER BY seq').fetchall()

    def ledger(self):
        self.check.equal('the ledger has who and why', self.rows(), [
            ('all', 'raise', '2', 'USD', 0, 'root', 'a demo'),
            ('all', 'cut', '0', 'USD', 0, 'root', 'too much'),
            ('all', 'release', '0', 'USD', 0, 'root', 'all is well'),
            ('all', 'reset', '0.5', 'USD', 0, 'root', 'a wrong price')])

    def others(self):
        run = subprocess.run(
            [TOP / 'build' / 'outlay', 'budget', 'cut', 'all', '--why', 'x', '--socket',
             self.daemon.socket], capture_output=True, text=True, timeout=20, check=False,
            preexec_fn=lambda: os.setresuid(65534, 65534, 65534))
        self.check('nobody else may', run.returncode == 1 and 'Root alone' in run.stderr,
                   f'{run.returncode} {run.stderr}')

    def rate(self):
        asked = [self.decide(provider='anthropic', model='claude-sonnet-4-5')
                 for _ in range(3)]
        self.check.equal('two at once, not three', [a[0] for a in asked], [200, 200, 429])
        self.check('the third is told when', 25 <= int(asked[2][1]['Retry-After']) <= 30 and
                   25000 < asked[2][2]['retry_after_ms'] <= 30000, asked[2][2])


if __name__ == '__main__':
    sys.exit(Override().run())
