#!/usr/bin/env python3
"""What people are told: thresholds, refusals, a provider that fails, each once, also over a
restart, to watchers, a webhook that is down at first, Slack's form, a command, and Kafka."""
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time

import jsonschema

import calls
import daemon as agent
from kafka import Kafka
from world import Checks, TOP, World, wait_for

SECRET = b'a secret of thirty-two bytes 123'
BUDGETS = '''\
budgets:
  - {name: small, match: {provider: openai}, limit: 0.02 USD per month, thresholds: [50%, 100%],
     mode: advise}
'''
HOOKS = '''\
hooks:
  - {{name: ops, url: "http://127.0.0.1:8080/ops", secret_file: "{dir}/secret"}}
  - {{name: team, url: "http://127.0.0.1:8080/team", format: slack, level: critical}}
  - {{name: cloud, url: "http://127.0.0.1:8080/cloud", format: cloudevents}}
  - {{name: gone, url: "http://127.0.0.1:8080/gone"}}
  - {{name: pager, command: "{dir}/pager", level: critical}}
'''
SCHEMA = json.loads((TOP / 'include/outlay/alert.schema.json').read_text())


class Receiver(http.server.BaseHTTPRequestHandler):
    """/ops is down for its first two requests; /gone will never take anything."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length']))
        requests = self.server.requests
        requests.append((self.path, dict(self.headers), body))
        tries = sum(path == '/ops' for path, _, _ in requests)
        status = 410 if self.path == '/gone' else 503 if self.path == '/ops' and tries < 3 else 204
        self.send_response(status)
        self.end_headers()


class Alerts:
    def __init__(self):
        self.world = World.enter('alerts')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        self.crew = calls.Crew(self.world)
        directory = self.world.dir
        (self.daemon.config / 'budgets.yaml').write_text(BUDGETS)
        (self.daemon.config / 'hooks.yaml').write_text(HOOKS.format(dir=directory))
        self.settings = self.daemon.config / 'outlayd.yaml'
        self.without_kafka = self.settings.read_text()
        self.settings.write_text(self.without_kafka + f'\nkafka: {Kafka.address}\n')
        (directory / 'secret').write_text('whsec_' + base64.b64encode(SECRET).decode() + '\n')
        (directory / 'secret').chmod(0o600)
        paged = directory / 'paged'
        (directory / 'pager').write_text(f'#!/bin/sh\ncat >>{paged}\necho >>{paged}\n')
        (directory / 'pager').chmod(0o755)
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 8080), Receiver)
        self.server.requests = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.kafka = Kafka(self.world)

    def got(self, path):
        return [json.loads(body) for at, _, body in self.server.requests if at == path]

    def ops(self):
        """The alerts that /ops took, without its first two refusals."""
        return [(alert['kind'], alert['subject'], alert['step']) for alert in self.got('/ops')[2:]]

    def make(self, count, **fields):
        return self.crew.run(calls.series('http', 'alerts', count, **fields))

    def decide(self):
        return self.daemon.ask('POST', '/v1/decide', {
            'provider': 'openai', 'model': 'gpt-4o', 'input_tokens': 1000,
            'max_output_tokens': 1000})

    def run(self):
        self.check('Kafka starts', self.kafka.start())
        self.check('outlayd starts', self.daemon.start_at(), self.daemon.said())
        self.watcher = agent.Watcher(self.daemon.socket)
        self.spend()
        self.delivered()
        self.again()
        self.topics()
        self.breaker()
        self.kept()
        self.check.equal('the daemon ends well', self.daemon.stop()[0], 0)
        self.secrets()
        self.check.finish(self.world)

    def spend(self):
        self.check.equal('a provider that nothing is known of', self.decide()[2]['breaker'], None)
        self.make(12)
        spent = wait_for(lambda: float(self.daemon.budget('small')['spent_usd']) > 0.02, 20)
        self.check('the budget is used up', spent, self.daemon.budget('small'))
        for _ in range(3):
            self.check.equal('a question is refused', self.decide()[0], 429)

    def delivered(self):
        due = [('threshold', 'small', 50), ('threshold', 'small', 100), ('denial', 'small', 1)]
        self.check('the webhook that was down has each once, in order',
                   wait_for(lambda: self.ops() == due, 30), self.ops())
        for alert in self.got('/ops'):
            jsonschema.validate(alert, SCHEMA)
        self.check.equal('the first was sent three times, as one event',
                         len({alert['event_id'] for alert in self.got('/ops')[:3]}), 1)
        self.check('every request is signed', all(
            headers['webhook-signature'] == self.signature(headers, body)
            for path, headers, body in self.server.requests if path == '/ops'))
        self.check.equal('Slack\'s form, from critical on',
                         [sorted(body) for body in self.got('/team')], [['text'], ['text']])
        self.check('with a sentence', 'budget small has used 100 %' in self.got('/team')[0]['text'],
                   self.got('/team'))
        self.check.equal('CloudEvents', [(event['type'], event['data']['kind'])
                                         for event in self.got('/cloud')],
                         [('io.outlay.budget.v1', 'threshold')] * 2
                         + [('io.outlay.decision.v1', 'denial')])
        self.check.equal('the command was told, from critical on', [
            json.loads(line)['kind']
            for line in (self.world.dir / 'paged').read_text().splitlines()],
            ['threshold', 'denial'])
        sinks = {sink['name']: sink for sink in self.daemon.get('/v1/status')['sinks']}
        self.check.equal('what will never be taken is given up at once',
                         (len(self.got('/gone')), sinks['hook.gone']['refused']), (3, 3))
        self.check('watchers see them', self.watcher.seen.count(b'event: alert') == 3,
                   self.watcher.seen[-3000:])
        self.check.equal('the journal too', self.daemon.said().count('budget small refuses'), 1)

    @staticmethod
    def signature(headers, body):
        text = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + body
        assert abs(int(headers['webhook-timestamp']) - time.time()) < 60
        return 'v1,' + base64.b64encode(hmac.digest(SECRET, text, hashlib.sha256)).decode()

    def again(self):
        before = len(self.server.requests)
        self.check.equal('it ends well', self.daemon.stop()[0], 0)
        # Threads of librdkafka that wait by the wall clock would outlast a step of it.
        self.settings.write_text(self.without_kafka)
        self.check('outlayd starts', self.daemon.start_at(), self.daemon.said())
        self.make(2)
        self.check.equal('a question is refused', self.decide()[0], 429)
        time.sleep(2)
        self.check.equal('what was told before a restart is not told again',
                         len(self.server.requests), before)

    def breaker(self):
        """250 good calls are what is usual; two minutes later all fail."""
        self.make(250)
        wait_for(lambda: len(self.daemon.calls()) >= 264, 30, every=0.2)
        self.daemon.move('+2m')
        self.make(30, case='500')
        told = wait_for(lambda: [alert for alert in self.got('/ops') if alert['kind'] == 'breaker'],
                        30)
        self.check('a provider that fails is told of', told and told[0]['subject'] == 'openai',
                   self.got('/ops')[-1])
        if told:
            self.check.equal('as what', (told[0]['level'], told[0]['details']['state'],
                                         told[0]['details']['by_errors']),
                             ('warning', 'open', True))
        answer = self.decide()[2]
        self.check.equal('and to who asks', answer['breaker']['state'], 'open')
        self.check.equal('it ends well', self.daemon.stop()[0], 0)
        self.check('outlayd starts', self.daemon.start_at('+2m'), self.daemon.said())
        after = self.decide()[2]['breaker']
        self.check.equal('a restart forgets neither', (after['state'], after['since']),
                         ('open', answer['breaker']['since']))

    def kept(self):
        """They can be read, as they were sent: all, or the newest."""
        kept = list(map(json.loads, self.daemon.outlay('alerts', '--json').splitlines()))
        for alert in kept:
            jsonschema.validate(alert, SCHEMA)
        sent = {alert['event_id']: alert for alert in self.got('/ops')}
        self.check('the ledger has what was sent',
                   kept[:3] == list(sent.values())[:3] and len(kept) >= 4, kept)
        shown = self.daemon.outlay('alerts', '--limit', '1').splitlines()
        self.check.equal('a person reads the newest', (len(shown), kept[-1]['text'] in shown[1]),
                         (2, True))
        old = self.daemon.outlay('alerts', '--json', '--since', kept[2]['time'])
        self.check.equal('since a time', [json.loads(line)['event_id']
                                          for line in old.splitlines()],
                         [alert['event_id'] for alert in kept[2:]])

    def topics(self):
        for topic, due in (('outlay.budget.v1', ['threshold', 'threshold']),
                           ('outlay.decision.v1', ['denial'])):
            records = self.kafka.read(topic)
            self.check.equal(f'{topic} has each', [value['kind'] for _, _, value in records], due)
            self.check(f'{topic} says their type', all(
                headers['ce_type'] == 'io.' + topic for _, headers, _ in records), records)

    def secrets(self):
        said = self.daemon.said() + ''.join(map(str, self.server.requests)) \
            + self.watcher.seen.decode()
        self.check('no secret is anywhere', not any(
            secret in said for secret in (*self.crew.secrets, SECRET.decode(),
                                          base64.b64encode(SECRET).decode())))


if __name__ == '__main__':
    Alerts().run()
