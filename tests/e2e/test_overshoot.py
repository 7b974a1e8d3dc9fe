#!/usr/bin/env python3
"""By how much callers that never ask can take a budget over its limit: sixteen threads that do
nothing but call, each call as dear as it says it may be, until the kernel stops them. What the
agent said last before the limit was reached against what it came to. SEED= rules the delays."""
import decimal
import json
import os
import random
import subprocess
import threading
import time

import daemon as agent
from enforce_clients import MODEL, URL
from enforce_server import Server
from world import TOP, Checks, World, wait_for

PYTHON = TOP / 'build' / 'venv' / 'bin' / 'python'
ROUNDS, LIMIT, MOST = 12, '0.004', 100
CLIENT = f'''
import requests, sys, threading
def run():
    session = requests.Session()
    try:
        while True:
            session.post({URL!r}, json={{'model': {MODEL!r}, 'max_tokens': {MOST},
                         'messages': [{{'role': 'user', 'content': 'x' * 1000}}]}}, timeout=30)
    except requests.RequestException:
        pass
threads = [threading.Thread(target=run) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
'''


class Overshoot:
    def __init__(self):
        self.world = World.enter('overshoot', 551)
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        self.random = random.Random(int(os.environ.get('SEED', '7')))
        Server(self.world, self.reply)

    def reply(self, body):
        """As many tokens as the request has bytes, as many as it lets it answer."""
        time.sleep(self.random.uniform(0.002, 0.05))
        prompt = len(body)
        return json.dumps({
            'id': 'x', 'object': 'chat.completion', 'model': MODEL, 'choices': [],
            'usage': {'prompt_tokens': prompt, 'completion_tokens': MOST,
                      'total_tokens': prompt + MOST}}).encode()

    def round(self, name):
        """-> (the bound, what it was) in USD"""
        env = {**self.world.env, 'OUTLAY_LABELS': f'who={name}'}
        client = self.world.spawn(name, [PYTHON, '-c', CLIENT], env=env)
        before = None
        while True:
            said = self.daemon.budget(name)
            if decimal.Decimal(said['remaining_usd']) <= 0:
                break
            before = said
            time.sleep(0.002)
        client.wait(60)
        time.sleep(0.3)  # the last answers are charged
        after = self.daemon.budget(name)
        over = -decimal.Decimal(after['remaining_usd'])
        bound = before['overshoot']
        self.check(f'{name}: a bound is known: {bound}', bound['most'], bound)
        self.check.equal(f'{name}: nothing is in flight at the end',
                         after['overshoot']['calls_in_flight'], 0)
        return decimal.Decimal(bound['most'] or 0), over

    def run(self):
        names = [f'r{number}' for number in range(ROUNDS)]
        mute = {'match': {'provider': 'openai', 'label': {'who': 'mute'}}, 'mode': 'hold'}
        budgets = [{'name': name, 'match': {'provider': 'openai', 'label': {'who': name}},
                    'mode': 'cut'} for name in names]
        budgets += [{'name': 'mute', **mute}, {'name': 'asks', **mute, 'mode': 'advise'}]
        (self.daemon.config / 'budgets.yaml').write_text(json.dumps(
            {'budgets': [{**budget, 'limit': f'{LIMIT} USD per month', 'unpriced': 'allow'}
                         for budget in budgets]}))
        if not self.check('outlayd starts', self.daemon.start(), self.daemon.said()):
            self.check.finish(self.world)
        self.check('no call, no bound', self.daemon.budget('r0')['overshoot']['most'] is None)
        rounds = [self.round(name) for name in names]
        for bound, over in rounds:
            self.check(f'over by {over} USD, bound {bound}', 0 < over <= bound)
        most, worst = max(rounds, key=lambda pair: pair[1] / pair[0] if pair[0] else 9)
        print(f'  worst of {ROUNDS}: over by {worst} USD of a bound of {most}')
        self.unknown()
        self.check.finish(self.world)

    def unknown(self):
        """A call that does not say what it can take at most."""
        code = f"import requests; requests.post({URL!r}, json={{'model': {MODEL!r}}}, timeout=30)"
        subprocess.run([PYTHON, '-c', code], check=True,
                       env={**self.world.env, 'OUTLAY_LABELS': 'who=mute'})
        wait_for(lambda: 'do not say' in str(self.daemon.budget('mute')), 5)
        self.check('what is not known is said so',
                   self.daemon.budget('mute')['overshoot']['most'] is None)
        self.check('and so is a mode that stops nobody',
                   'in this mode' in self.daemon.budget('asks')['overshoot']['unknown'])
        run = subprocess.run([TOP / 'build' / 'outlay', 'budgets', '--socket', self.daemon.socket],
                             capture_output=True, text=True, check=True)
        self.check('outlay budgets shows them', all(
            word in run.stdout for word in ('OVER BY', 'unknown', 'any', '0.0')), run.stdout)


if __name__ == '__main__':
    Overshoot().run()
