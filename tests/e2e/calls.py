"""The calls of the end-to-end tests: which there are, who makes them, and what the provider says it
served. The crew is the fake provider and the clients with their planted secrets."""
import collections
import concurrent.futures
import json
import os
import re
import socket
import subprocess

import clients
import truth
from world import TOP, wait_for

HERE = TOP / 'tests' / 'e2e'
PROVIDER, UNRELATED = 'api.openai.com', 'example.test'
MODELS = list(truth.SNAPSHOTS)


def series(client, name, count, fresh=False, **fields):
    """Calls of one process in order; a field that is a list is cycled through."""
    return [{'client': client, 'group': name, 'host': PROVIDER, 'fresh': fresh,
             'model': MODELS[number % len(MODELS)],
             **{key: value[number % len(value)] if isinstance(value, list) else value
                for key, value in fields.items()}} for number in range(count)]


def two_hundred():
    """Each client over kept and fresh connections, plain and streamed, in each framing, and the
    provider's errors, and streams without usage (capture case 40). The call that is retried once
    is served twice, so it counts for two."""
    return (
        series('curl', 'curl fresh', 24, fresh=True, stream=[False, False, True],
               case=['', 'chunked'], curl=[[], ['--tls-max', '1.2'], ['--compressed']],
               h2=[False, False, True, True])
        + series('curl', 'curl kept', 22, stream=[False, True, False, False],
                 case=['', 'chunked'], h2=[False, False, False, True, True])
        + series('curl', 'curl kept', 2, model=None)
        + series('curl', 'curl kept', 2, case=['401', '500'])
        + series('http', 'http kept', 42, case=['', 'chunked', ''], gzip=[False, False, True])
        + series('http', 'http kept', 6, stream=True, include_usage=[True, False, True])
        + series('http', 'http kept', 2, model=None)
        + series('http', 'http fresh', 30, fresh=True, stream=[True, False, False])
        + series('sdk', 'sdk plain', 25, case=['', 'chunked'])
        + series('sdk', 'sdk plain', 3, case=['401', '429', '500'])
        + series('sdk', 'sdk plain', 1, case='429', retries=1, served=2)
        + series('sdk', 'sdk streamed', 30, stream=True)
        + series('sdk', 'sdk fresh', 10, fresh=True, stream=[False, True]))


def unrelated(count):
    """As real as the others, to a host that is no provider."""
    return [{**call, 'host': UNRELATED, 'group': 'unrelated ' + client}
            for client in ('curl', 'http', 'sdk')
            for call in series(client, '', count // 3, stream=[False, True])]


def served(plan):
    return sum(call.get('served', 1) for call in plan)


Result = collections.namedtuple('Result', 'call status id')


class Crew:
    def __init__(self, world, seed=None):
        self.world = world
        seed = seed or int(os.environ.get('SEED', '0')) or int.from_bytes(os.urandom(4), 'big')
        nonce = os.urandom(9).hex()
        self.prompt = f'PLANTED{nonce}PROMPT my neighbour, Ms Ada L., has an allergy to "pears"'
        self.answer = f'PLANTED{nonce}ANSWER'
        self.key = f'sk-proj-{nonce}KEY'
        self.secrets = (f'PLANTED{nonce}', self.key, nonce, 'an allergy to')
        print(f'  SEED={seed}')
        self.python = TOP / 'build' / 'venv' / 'bin' / 'python'
        world.spawn('provider', [self.python, HERE / 'provider.py', world.dir, self.answer, seed])
        if not wait_for(self.provider_listens, 10):
            raise SystemExit('the fake provider does not start: see its log')

    @staticmethod
    def provider_listens():
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', 443)) == 0

    def truth(self):
        with open(self.world.dir / 'truth.jsonl', encoding='utf-8') as lines:
            return [json.loads(line) for line in lines]

    def run(self, plan):
        """Makes the calls: one process a group, the groups side by side. -> Results."""
        groups = collections.defaultdict(list)
        for call in plan:
            groups[call['group']].append(call)
        with concurrent.futures.ThreadPoolExecutor(len(groups)) as pool:
            return [result for done in pool.map(self.run_group, groups.values())
                    for result in done]

    def run_group(self, plan):
        if plan[0]['client'] != 'curl':
            return self.run_python(plan)
        if plan[0]['fresh']:
            return [result for call in plan for result in self.run_curl([call])]
        return self.run_curl(plan)

    def run_python(self, plan):
        text = self.output(
            [self.python, HERE / 'clients.py', plan[0]['client']],
            '\n'.join(json.dumps(call) for call in plan))
        lines = [json.loads(line) for line in text.splitlines()]
        return [Result(call, line['status'], line['id']) for call, line in zip(plan, lines)]

    def run_curl(self, plan):
        text = self.output(clients.curl_command(plan, self.prompt, self.key), '')
        bodies = re.split(r'\n(\d{3}) \d+\n', text)
        return [Result(call, int(status), (re.findall(r'chatcmpl-\w+', body) or [None])[0])
                for call, body, status in zip(plan, bodies[::2], bodies[1::2])]

    def output(self, command, text):
        name = 'client-' + os.path.basename(str(command[-1 if 'clients.py' in str(command) else 0]))
        child = self.world.spawn(
            name, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd='/',
            env={**self.world.env, 'PROMPT': self.prompt, 'OPENAI_API_KEY': self.key})
        out, _ = child.communicate(text.encode(), timeout=120)
        self.world.children.pop(child.pid, None)
        return out.decode()

    def agree(self, results):
        """Whether the clients saw what the provider served: (good, detail)."""
        lines = {line['response_id']: line for line in self.truth()}
        wrong = [result for result in results if result.id
                 and lines.get(result.id, {}).get('status') != result.status]
        due = [int(case) if case.isdigit() else 200
               for case in (result.call.get('case', '') for result in results)]
        wrong += [result for result, status in zip(results, due) if result.status != status]
        told = [r for r in results if r.call['model'] and r.status == 200 and not r.call.get('gzip')
                and '--compressed' not in r.call.get('curl', [])]
        wrong += [result for result in told if not result.id]
        return not wrong, wrong[:3]
