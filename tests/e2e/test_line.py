#!/usr/bin/env python3
"""The whole line with real parts: clients make calls, outlayd sees, prices, budgets, keeps and
publishes them; the fake provider's truth, Kafka and kcat are the judges."""
import collections
import concurrent.futures
import hashlib
import json
import os
import signal
import sqlite3
import time
from decimal import Decimal

import calls
import daemon as agent
from kafka import Kafka
from truth import PICO, differences
from world import TOP, Checks, World, wait_for

TOPIC = 'outlay.usage.v1'
BROKER_AWAY_SECONDS = 30
LOSSES = ('lost', 'full', 'fault', 'fail', 'dropped', 'evicted', 'bad_records')
BUDGETS = '''\
budgets:
  - name: all
    limit: 1000 USD per month
    mode: advise
  - name: four-one
    match: {provider: openai, model: "gpt-4.1*"}
    limit: LIMIT USD per day
    mode: advise
  - name: team
    match: {exe: "*/python*", user: root, label: {team: e2e}}
    limit: 100 USD per day
    mode: observe
'''


class Line:
    def __init__(self):
        self.world = World.enter('line')
        self.check = Checks()
        self.kafka = Kafka(self.world)
        self.daemon = agent.Daemon(self.world)
        self.write_budgets('50')
        with open(self.daemon.config / 'outlayd.yaml', 'a', encoding='utf-8') as file:
            file.write(f'\nkafka: {self.kafka.address}\n')
        self.crew = calls.Crew(self.world)

    def write_budgets(self, limit):
        (self.daemon.config / 'budgets.yaml').write_text(BUDGETS.replace('LIMIT', str(limit)))

    def run(self):
        self.start()
        self.two_hundred_calls()
        self.published()
        self.nothing_leaks()
        self.budget_reached()
        self.broker_away()
        self.killed()
        self.ends()
        self.check.finish(self.world)

    def start(self):
        self.check('Kafka starts', self.kafka.start())
        if not self.check('outlayd starts', self.daemon.start(), self.daemon.said()):
            self.check.finish(self.world)
        self.watcher = agent.Watcher(self.daemon.socket)

    # --- the ledger against the truth

    def two_hundred_calls(self):
        results = self.crew.run(calls.two_hundred() + calls.unrelated(24))
        self.check('the clients saw what the provider served', *self.crew.agree(results))
        self.check.equal('the clients made all their calls', len(results), 199 + 24)
        truth = self.provider_truth()
        self.check.equal('the provider served 200 calls', len(truth), 200)
        events = self.daemon.settled_calls(200)
        self.compare('200 calls', truth, events)
        self.check('calls to a host that is no provider left nothing',
                   not [e for e in events if e['server'] != calls.PROVIDER])
        self.check.equal('the agent counted no loss',
                         {k: v for k, v in self.losses().items() if v}, {})
        self.check.equal('budget totals are the sum of what was charged', self.spent(),
                         self.sums(truth, self.others()))
        self.who_called(events)

    def who_called(self, events):
        """Also of a program that was gone before anybody could look: the kernel tells."""
        unknown = [event for event in events if event['uid'] != 0 or event['user'] != 'root'
                   or not event['comm'] or not event['exe'] or event['labels'] != {'team': 'e2e'}]
        self.check('program, user and labels of every call are known', not unknown, unknown[:2])

    def provider_truth(self):
        return [line for line in self.crew.truth() if line['host'] == calls.PROVIDER]

    def compare(self, name, truth, events):
        """The same calls by the provider's id, each right in every field that the truth knows."""
        due = {line['request_id']: line for line in truth}
        got = collections.Counter(event['request_id'] for event in events)
        missing = [due[name] for name in due if not got[name]]
        more = [event for event in events if event['request_id'] not in due]
        twice = [name for name, times in got.items() if times > 1]
        self.check(f'{name}: each is in the ledger, once, and nothing else',
                   not missing + more + twice,
                   f'{len(missing)} missing: {missing[:2]}\n{len(more)} more: {more[:2]}\n'
                   f'twice: {twice[:3]}')
        wrong = [f'{line["case"]} {key}: got {found!r}, due {wanted!r} ({line["request_id"]})'
                 for event in events if event['request_id'] in due
                 for line in [due[event['request_id']]]
                 for key, (found, wanted) in differences(event, line).items()]
        self.check(f'{name}: each is right to the token and the picodollar', not wrong,
                   f'{len(wrong)} wrong, of them\n' + '\n'.join(wrong[:10]))

    @staticmethod
    def sums(truth, others):
        """What each budget must have been charged: by the truth, and for calls of others."""
        lines = [(line['cost_pico'] or 0, line['model'], not line['agent'].startswith('curl'))
                 for line in truth]
        lines += [(int(event['cost_pico'] or 0), event['model'] or '', 'team' in event['labels'])
                  for event in others]
        return {'all': sum(cost for cost, _, _ in lines) * PICO,
                'four-one': sum(cost for cost, model, _ in lines
                                if model.startswith('gpt-4.1')) * PICO,
                'team': sum(cost for cost, _, is_team in lines if is_team) * PICO}

    def others(self):
        """Calls that programs outside this world made: none on a quiet machine."""
        events = [event for event in self.daemon.all_calls() if not self.daemon.mine(event)]
        if events:
            print(f'       note: {len(events)} calls of other programs on this machine')
        return events

    def spent(self):
        budgets = self.daemon.get('/v1/budgets')['budgets']
        return {b['name']: Decimal(b['spent_usd']) for b in budgets if b['name'] != 'late'}

    def losses(self):
        """Every counter of the status whose name speaks of a loss."""
        found = {}

        def walk(node, path):
            for key, value in node.items() if isinstance(node, dict) else ():
                if any(word in key for word in LOSSES):
                    if isinstance(value, int):
                        found[f'{path}{key}'] = value
                walk(value, f'{path}{key}.')
        walk(self.daemon.get('/v1/status'), '')
        return found

    # --- Kafka

    def published(self):
        import jsonschema  # of build/venv, so not before the world is entered

        events = {event['event_id']: event for event in self.daemon.calls()}
        records = wait_for(lambda: self.all_published(events), 20, every=0.5) or \
            self.records()
        ids = [value['event_id'] for _, _, value in records]
        self.check('Kafka holds the same events as the ledger, each once',
                   collections.Counter(ids) == collections.Counter(list(events)),
                   f'{len(ids)} records, {len(set(ids))} ids, {len(events)} in the ledger')
        wrong = [value['event_id'] for _, _, value in records
                 if value != events.get(value['event_id'])]
        self.check('each is published as the ledger has it', not wrong, wrong[:3])
        bad = [(key, headers) for key, headers, value in records
               if key != value['host_id'] or headers.get('ce_id') != value['event_id']
               or headers.get('ce_specversion') != '1.0' or not headers.get('ce_source')
               or headers.get('ce_type') != 'io.outlay.usage.v1' or not headers.get('ce_time')
               or headers.get('content-type', '').split(';')[0] != 'application/json']
        self.check('keys and CloudEvents headers are right', not bad, bad[:2])
        with open(TOP / 'include' / 'outlay' / 'event.schema.json', encoding='utf-8') as file:
            schema = json.load(file)
        validator = jsonschema.validators.validator_for(schema)(
            schema, format_checker=jsonschema.FormatChecker())
        validator.check_schema(schema)
        errors = [f'{"/".join(map(str, error.path))}: {error.message}'
                  for _, _, value in records for error in validator.iter_errors(value)]
        self.check('every published event is valid by its schema', not errors,
                   '\n'.join(sorted(set(errors))[:5]))

    def records(self):
        return [record for record in self.kafka.read(TOPIC) if self.daemon.mine(record[2])]

    def all_published(self, ids):
        records = self.records()
        return records if {value['event_id'] for _, _, value in records} >= set(ids) else None

    # --- content

    def nothing_leaks(self):
        for path in ('/v1/status', '/v1/budgets'):
            self.daemon.get(path)
        self.daemon.calls()
        self.daemon.ask('POST', '/v1/decide', {'provider': 'openai', 'model': 'gpt-4o',
                                               'input_tokens': 5, 'dry_run': True})
        places = {f'state/{path.name}': path.read_bytes()
                  for path in self.daemon.state.rglob('*') if path.is_file()}
        places |= {
            'log': self.daemon.log.read_bytes(), 'watch': self.watcher.seen,
            'answers': '\n'.join(self.daemon.answers).encode(),
            'topic': json.dumps(self.kafka.read(TOPIC), ensure_ascii=False).encode()}
        secrets = [*self.crew.secrets, hashlib.sha256(self.crew.key.encode()).hexdigest()[:16]]
        found = [(secret, name) for name, text in places.items() for secret in secrets
                 if secret.encode() in text]
        self.check('prompt, answer and API key are nowhere', not found, found[:5])
        some_id = self.provider_truth()[7]['request_id'].encode()
        control = [name for name, text in places.items() if some_id in text]
        self.check('and the search would have found them',
                   {'watch', 'answers', 'topic'} <= set(control)
                   and any(name.startswith('state/') for name in control), control)

    # --- budgets

    def budget_reached(self):
        """A limit just over what is spent: callers at once, none over it, figures that add up."""
        spent = Decimal(self.daemon.budget('four-one')['spent_usd'])
        limit = spent + Decimal('1')
        self.write_budgets(limit)
        self.child_reload()
        wait_for(lambda: Decimal(self.daemon.budget('four-one')['limit_usd']) == limit, 5)
        # 10,000 in at 2 USD and 3,000 out at 8 USD a million: 0.044 USD; 22 of them fit into 1 USD.
        ask = {'provider': 'openai', 'model': 'gpt-4.1', 'operation': 'chat',
               'input_tokens': 10000, 'max_output_tokens': 3000}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.daemon.ask('POST', '/v1/decide', ask),
                                    range(40)))
        allowed = [body for status, _, body in answers if status == 200]
        denied = [(headers, body) for status, headers, body in answers if status == 429]
        self.check.equal('of 40 asked for at once, as many are allowed as fit',
                         (len(allowed), len(denied)), (22, 18))
        self.check.equal('each reserves its estimate', {body['reservation']['usd']
                                                        for body in allowed}, {'0.044'})
        self.check('reservations are all different',
                   len({body['reservation']['id'] for body in allowed}) == len(allowed))
        for headers, body in denied[:1]:
            self.denial(headers, body, spent, limit)
        self.settles(ask, allowed)

    def child_reload(self):
        os.kill(self.daemon.child.pid, signal.SIGHUP)

    def denial(self, headers, body, spent, limit):
        view = next(b for b in body['budgets'] if b['name'] == 'four-one')
        figures = {key: Decimal(view[f'{key}_usd'])
                   for key in ('limit', 'spent', 'reserved', 'remaining')}
        self.check.equal('a denial shows limit, spent, reserved, remaining', figures, {
            'limit': limit, 'spent': spent, 'reserved': Decimal('0.968'),
            'remaining': Decimal('0.032')})
        self.check('and they add up: one more would not fit',
                   figures['spent'] + figures['reserved'] + Decimal('0.044') > limit
                   and figures['limit'] == figures['spent'] + figures['reserved']
                   + figures['remaining'])
        self.check('a denial is a problem with its reasons and rate limit fields',
                   body['decision'] == 'deny' and body['status'] == 429 and body['reasons']
                   and 'four-one' in body['reasons'][0] and headers['RateLimit']
                   and headers['RateLimit-Policy']
                   and headers['Content-Type'] == 'application/problem+json', (body, headers))

    def settles(self, ask, allowed):
        """A reservation given back makes room for another; a captured call settles its own."""
        status, _, body = self.daemon.ask('POST', '/v1/settle', {
            'reservation': allowed[0]['reservation']['id'], 'usd': '0'})
        self.check.equal('POST /v1/settle', status, 200)
        status, _, body = self.daemon.ask('POST', '/v1/decide', ask)
        self.check.equal('what it gave back can be reserved again', status, 200)
        self.check('a budget that is not reached still allows',
                   self.daemon.ask('POST', '/v1/decide', ask | {'model': 'gpt-4o'})[0] == 200)

    # --- faults

    def broker_away(self):
        before = len(self.daemon.calls())
        self.kafka.stop()
        stopped = time.monotonic()
        self.crew.run(calls.series('http', 'away', 20))
        events = self.daemon.settled_calls(before + 20)
        self.check.equal('with the broker away calls are still kept', len(events), before + 20)
        self.reload_keeps_the_old()
        time.sleep(max(0, BROKER_AWAY_SECONDS - (time.monotonic() - stopped)))
        self.check('Kafka starts again', self.kafka.start())
        self.no_event_lost('after 30 s without a broker')

    def no_event_lost(self, when):
        ids = {event['event_id'] for event in self.daemon.calls()}
        records = wait_for(lambda: self.all_published(ids), 40, every=0.5) or \
            self.records()
        published = collections.Counter(value['event_id'] for _, _, value in records)
        self.check.equal(f'{when}: nothing lost, nothing else, by id', set(published), ids)
        distinct = {json.dumps(value, sort_keys=True) for _, _, value in records}
        self.check.equal(f'{when}: nothing twice after removing duplicates',
                         len(distinct), len(ids))

    def reload_keeps_the_old(self):
        budgets = self.daemon.config / 'budgets.yaml'
        good, before = budgets.read_text(), self.settled_budget()
        said = len(self.daemon.said())
        budgets.write_text(good.replace('mode: observe', 'mode: perhaps', 1))
        self.child_reload()
        told = wait_for(lambda: self.daemon.said()[said:], 5)
        self.check('SIGHUP with a bad file: one line names the file, the line and the key',
                   'budgets.yaml:12' in told and 'mode' in told, told)
        self.check.equal('and the old configuration stays', self.settled_budget(), before)
        budgets.write_text(good + '  - {name: late, limit: 1 USD per day, mode: observe}\n')
        self.child_reload()
        names = wait_for(lambda: 'late' in str(self.daemon.get('/v1/budgets')), 5)
        self.check('SIGHUP with a good one takes it', names)
        self.check.equal('and keeps what was spent and reserved', self.settled_budget(), before)

    def settled_budget(self):
        """A budget, without what calls of others add to it meanwhile."""
        budget = self.daemon.budget('four-one')
        others = sum(int(event['cost_pico'] or 0) for event in self.others()
                     if (event['model'] or '').startswith('gpt-4.1')) * PICO
        return {'limit': budget['limit_usd'], 'reserved': budget['reserved_usd'],
                'spent': Decimal(budget['spent_usd']) - others}

    def killed(self):
        """kill -9 in the middle of a client's calls."""
        before = len(self.daemon.calls())
        plan = calls.series('http', 'killed', 400, case=['', 'chunked'])
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.crew.run, plan)
            wait_for(lambda: len(self.daemon.calls()) > before + 20, 10)
            known = {event['event_id'] for event in self.daemon.calls()}
            self.daemon.stop(signal.SIGKILL)
            results = running.result()
        self.check('the client noticed nothing of it', *self.crew.agree(results))
        self.check.equal('and made all its calls', len(results), len(plan))
        if not self.check('outlayd starts again', self.daemon.start(), self.daemon.said()[-2000:]):
            return
        events = self.daemon.calls()
        ids = [event['event_id'] for event in events]
        self.check('every event that was once shown is still there', known <= set(ids),
                   len(known - set(ids)))
        self.check.equal('none is there twice', len(ids), len(set(ids)))
        lines = {line['request_id']: line for line in self.provider_truth()}
        wrong = [differences(event, lines[event['request_id']]) for event in events
                 if event['completeness'] == 'complete']
        self.check('all are still right', not any(wrong), [w for w in wrong if w][:3])
        charged = dict.fromkeys(self.spent(), Decimal(0))
        for event in self.daemon.all_calls():
            for touch in event['budgets'] or ():
                if touch['name'] in charged and event['cost_usd']:
                    charged[touch['name']] += Decimal(event['cost_usd'])
        self.check.equal('budget totals are those of the events', self.spent(), charged)
        self.crew.run(calls.series('curl', 'after', 10, fresh=True))
        after = self.daemon.settled_calls(len(events) + 10)
        self.check.equal('new calls are recorded', len(after), len(events) + 10)
        self.no_event_lost('after kill -9')

    def why(self):
        """The explanation of a call ends in the figure of its event."""
        event = next(event for event in self.daemon.calls() if event['cost_source'] == 'catalog')
        told = json.loads(self.daemon.outlay('why', event['event_id'], '--json'))
        steps = [step['step'] for step in told['steps']]
        self.check.equal('outlay why tells the cost', told['steps'][-1]['value'],
                         event['cost_usd'])
        self.check('outlay why has no step that differs', 'differs' not in steps, told)
        rounded = [step['value'] for step in told['steps'] if step['step'] == 'round']
        self.check.equal('rates times counts are the cost', rounded, [event['cost_pico']])

    def ends(self):
        for words in (['status'], ['budgets'], ['calls'], ['status', '--json'],
                      ['budgets', '--json']):
            text = self.daemon.outlay(*words)
            good = json.loads(text) if '--json' in words else text.strip()
            self.check(f'outlay {" ".join(words)}', good)
        self.why()
        status, took = self.daemon.stop()
        self.check.equal(f'SIGTERM ends it with 0 ({took:.2f} s)', status, 0)
        database = sqlite3.connect(self.daemon.state / 'ledger.db')
        self.check.equal('the ledger is sound', database.execute('PRAGMA integrity_check')
                         .fetchall(), [('ok',)])
        self.check.equal('the ledger is for its owner alone',
                         oct((self.daemon.state / 'ledger.db').stat().st_mode & 0o777), '0o600')


if __name__ == '__main__':
    Line().run()
