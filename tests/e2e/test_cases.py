#!/usr/bin/env python3
"""Cases in which other captures have failed (tests/cases.py lists them all), as whole programs:
each call in the ledger once, right to the token and the picodollar, or said to be in doubt."""
import collections
import os
import pathlib
import signal
import socket
import subprocess
import time

import calls
import daemon as agent
from truth import differences
from world import TOP, Checks, World, wait_for

PYTHON = TOP / 'build' / 'venv' / 'bin' / 'python'
CLIENT = TOP / 'tests' / 'e2e' / 'case_clients.py'
NOBODY = '65534'
FORBIDDEN = ('bpf_probe_write_user', 'bpf_skb_store_bytes', 'bpf_override_return',
             'bpf_send_signal')
TRACEFS = pathlib.Path('/sys/kernel/tracing/uprobe_events')


class Cases:
    def __init__(self):
        self.world = World.enter('cases')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        config = self.daemon.config / 'outlayd.yaml'
        config.write_text(config.read_text().replace('canary_seconds: 60', 'canary_seconds: 0'))
        self.crew = calls.Crew(self.world)

    def run(self):
        self.hands_off()
        self.older()
        self.kept()
        self.reused()
        self.inbound()
        self.streams()
        self.long_prompt()
        self.long_event()
        self.retries()
        self.proxied()
        self.stopped()
        self.check.equal('the daemon ends well', self.daemon.stop()[0], 0)
        self.check.finish(self.world)

    def start_client(self, name, *words, **env):
        return self.world.spawn(
            name.replace(' ', '-'), [PYTHON, CLIENT, *words], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={
                **self.world.env, 'AGENT': name, 'PROMPT': self.crew.prompt,
                'OPENAI_API_KEY': self.crew.key, **env})

    def ends(self, name, child):
        said, _ = child.communicate(timeout=90)
        self.world.children.pop(child.pid, None)
        self.check(f'{name}: its program ends well', child.returncode == 0, said.decode()[-1500:])
        return said.decode()

    def client(self, name, *words, **env):
        return self.ends(name, self.start_client(name, *words, **env))

    def truth(self, *names):
        return {line['response_id']: line for line in self.crew.truth()
                if line['agent'] in names and line['host'] == calls.PROVIDER}

    def events(self, lines, due):
        """Those of the calls `lines`, by the id of request or response, once there are `due`."""
        ids = set(lines) | {line['request_id'] for line in lines.values()}

        def mine():
            return [event for event in self.daemon.all_calls()
                    if event['response_id'] in ids or event['request_id'] in ids]
        wait_for(lambda: len(mine()) >= due, 20, every=0.3)
        time.sleep(0.5)
        return mine()

    def judge(self, name, served, *names):
        """All that the provider served to `names` (or `name`), once and right. -> the events"""
        due = self.truth(*(names or (name,)))
        events = self.events(due, served)
        by_request = {line['request_id']: line for line in due.values()}
        seen = collections.Counter(event['request_id'] for event in events)
        self.check(f'{name}: each of {served} calls once',
                   len(due) == served and seen == dict.fromkeys(by_request, 1),
                   f'served {len(due)}, seen {len(seen)}, events {len(events)}')
        wrong = [found for event in events
                 if (found := differences(event, by_request[event['request_id']]))]
        self.check(f'{name}: right to the token and the picodollar', events and not wrong,
                   wrong[:2])
        return events

    # --- what is not done to others

    def hands_off(self):
        """Capture case 13: nothing is written to traffic or memory of others. Capture case 14: an
        agent that may not attach says so and ends; there is no second way by tracefs."""
        sources = {path.name: path.read_text() for path in (TOP / 'bpf').iterdir()}
        found = [(name, word) for name, text in sources.items() for word in FORBIDDEN
                 if word in text]
        self.check('13: no program can write to what it observes', len(sources) > 20 and not found,
                   found)
        before, theirs = self.tracefs(), self.world.dir / 'theirs'
        theirs.mkdir()
        os.chown(theirs, int(NOBODY), int(NOBODY))
        words = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups',
                 TOP / 'build' / 'outlayd', '--config', TOP / 'config', '--state',
                 theirs, '--socket', theirs / 'policy.sock']
        run = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
        said = run.stdout + run.stderr
        self.check('14: without rights it says what it needs, and ends', run.returncode > 0
                   and 'root' in said and len(said.splitlines()) == 1, (run.returncode, said))
        self.check.equal('14: and no probe is left in tracefs', self.tracefs(), before)

    @staticmethod
    def tracefs():
        return TRACEFS.read_text() if TRACEFS.exists() else None

    # --- older than the agent

    def older(self):
        """Capture cases 17 and 36: keep-alive connections by HTTP/1.1 and HTTP/2, and ones without
        TLS beside them, are open when the agent starts."""
        before = self.tracefs()
        clients = {kind: self.start_client(f'older {kind}', 'older', kind, '5')
                   for kind in ('h1', 'h2')}
        ready = wait_for(lambda: all((self.world.dir / f'ready-{kind}').exists()
                                     for kind in clients), 20)
        self.check('17: connections are open before the agent', ready)
        if not self.check('outlayd starts', self.daemon.start(), self.daemon.said()):
            self.check.finish(self.world)
        self.check.equal('14: what it attaches is not in tracefs', self.tracefs(), before)
        (self.world.dir / 'go').touch()
        for kind, child in clients.items():
            self.ends(f'17 {kind}', child)
        self.known_by_its_bodies(clients['h1'].pid)
        self.known_in_part(clients['h2'].pid)
        plain = [event for event in self.daemon.all_calls()
                 if event['response_id'] == 'chatcmpl-plain']
        self.check.equal('17: what was said without TLS is nobody\'s call', plain, [])

    def of_process(self, pid, due):
        def mine():
            return [event for event in self.daemon.all_calls() if event['pid'] == pid]
        wait_for(lambda: len(mine()) >= due, 20, every=0.3)
        time.sleep(0.5)
        return mine()

    def known_by_its_bodies(self, pid):
        """HTTP/1.1 says all in each message."""
        due = list(self.truth('older h1').values())[1:]
        events = self.of_process(pid, 5)
        self.check.equal('17: each call after the start, once', sorted(
            event['request_id'] for event in events), sorted(line['request_id'] for line in due))
        self.check.equal('17: priced right', sorted(
            int(event['cost_pico'] or 0) for event in events), sorted(
                line['cost_pico'] for line in due))

    def known_in_part(self, pid):
        """HTTP/2 refers to header fields of before: the path is not known, and not guessed; what a
        call cost is in its body."""
        events = self.of_process(pid, 5)
        said = collections.Counter((event['completeness'], event['route'], event['server'])
                                   for event in events)
        self.check.equal('36: each call after the start is there, and in doubt', said,
                         {('pre_attach', None, calls.PROVIDER): 5})
        due = sorted(line['cost_pico'] for line in list(self.truth('older h2').values())[1:])
        self.check.equal('36: each has its own price', sorted(
            int(event['cost_pico'] or 0) for event in events), due)

    # --- connections

    def kept(self):
        """Capture case 23: every request of a kept connection, not the first alone."""
        self.client('23 kept', 'kept', '10', '40')
        self.judge('23 kept', 400)

    def reused(self):
        """Capture case 22: a descriptor that is closed and opened again to another host."""
        self.client('22 reused', 'reused', '8')
        self.judge('22 reused', 8)
        self.check.equal('22: nothing of the other host', [
            event for event in self.daemon.all_calls() if event['server'] != calls.PROVIDER], [])

    def inbound(self):
        """Capture case 16: services that call out for whoever calls in, by memory BIOs."""
        services = {f'16 service {name}': (name, 9000 + number)
                    for number, name in enumerate(('left', 'right'))}
        children = [self.start_client(service, 'inbound', str(port),
                                      OUTLAY_LABELS=f'service={name}')
                    for service, (name, port) in services.items()]
        wait_for(lambda: all(self.listens(port) for _, port in services.values()), 20)
        self.client('16 visitors', 'visitors', '150', *(str(p) for _, p in services.values()))
        events = self.judge('16 inbound', 300, *services)
        lines = {line['request_id']: line for line in self.truth(*services).values()}
        pids = dict(zip(services, (child.pid for child in children)))
        wrong = [event for event in events for service in [lines[event['request_id']]['agent']]
                 if (event['labels'], event['pid'])
                 != ({'service': services[service][0]}, pids[service])]
        self.check('16: each call is of the service that made it', not wrong, wrong[:1])
        for child in children:
            self.world.end(child)

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', port)) == 0

    def streams(self):
        """Capture case 28: many small streams at once; the ring is no larger for it."""
        self.client('28 streams', 'streams', '200')
        self.judge('28 streams', 200)
        self.check.equal('28: nothing was lost', self.daemon.get('/v1/status')['capture']
                         ['lost_bytes'], 0)

    # --- sizes

    def long_prompt(self):
        """Capture case 31: a request larger than what is kept of it."""
        before = self.daemon.get('/v1/status')['capture']['cut_bytes']
        self.client('31 prompt', 'prompt', '300')
        self.judge('31 prompt', 1)
        cut = self.daemon.get('/v1/status')['capture']['cut_bytes'] - before
        self.check('31: most of it stayed in the kernel', cut > 250 << 10, cut)

    def long_event(self):
        """Capture case 32: the event with the usage has 64 KiB and comes in five reads."""
        self.client('32 event', 'huge')
        self.judge('32 event', 1)

    def retries(self):
        """Capture case 41: 429, 500, 200 are three calls, of which one is billed."""
        self.client('41 retries', 'sdk_retries')
        events = self.judge('41 retries', 3)
        self.check.equal('41: with status and cost', [
            (event['status'], event['attempt'], int(event['cost_pico'] or 0) > 0)
            for event in sorted(events, key=lambda event: event['attempt'])],
            [(429, 1, False), (500, 2, False), (200, 3, True)])

    # --- a proxy on the same host

    def proxied(self):
        """A proxy that terminates TLS makes each call once more. It is one call, of the program;
        what the proxy does of its own is its own."""
        proxy = self.start_client('proxy', 'proxy', '8443')
        wait_for(lambda: self.listens(8443), 20)
        before = self.duplicates()
        child = self.start_client('proxied', 'through', '8443', '10', '4')
        self.ends('proxied', child)
        events = self.judge('proxied', 40)
        self.check.equal('proxied: each is of the program', {
            event['pid'] for event in events}, {child.pid})
        self.check.equal('proxied: as many duplicates are counted', self.duplicates() - before, 40)
        self.proxy_retries(proxy)
        self.proxy_caches()
        self.world.end(proxy)

    def duplicates(self):
        return self.daemon.get('/v1/status')['meter']['duplicates_of_proxies']

    def proxy_retries(self, proxy):
        child = self.start_client('proxy retries', 'through_retries', '8443')
        self.ends('proxy retries', child)
        due = self.truth('proxy retries')
        status = {line['request_id']: line['status'] for line in due.values()}
        events = self.events(due, 3)
        self.check.equal('proxy retries: its failures are its own, the answer is the program\'s',
                         sorted((status[event['request_id']], event['pid']) for event in events),
                         [(200, child.pid), (429, proxy.pid), (500, proxy.pid)])

    def proxy_caches(self):
        child = self.start_client('proxy caches', 'through_cache', '8443')
        self.ends('proxy caches', child)
        events = self.events(self.truth('proxy caches'), 2)
        self.check.equal('proxy caches: what comes from no provider is no duplicate',
                         [event['pid'] for event in events], [child.pid] * 2)

    # --- loss

    def stopped(self):
        """Capture case 30: the agent stands still under load. What it could not take is counted to
        the byte, and no number is made up."""
        before = self.counted()
        child = self.start_client('30 load', 'load', '8', '8', PROMPT=self.crew.prompt * 400)
        time.sleep(1)
        self.daemon.child.send_signal(signal.SIGSTOP)
        time.sleep(5)
        self.daemon.child.send_signal(signal.SIGCONT)
        moved = int(self.ends('30 stopped', child).split()[-1])
        wait_for(lambda: sum(self.counted().values()) - sum(before.values()) >= moved, 20, every=.3)
        after = self.counted()
        got = {key: after[key] - before[key] for key in after}
        self.check('30: something was lost', got['lost_bytes'] > 1 << 20, got)
        self.check.equal('30: seen + lost = what the program moved', sum(got.values()), moved)
        due = {line['request_id']: line for line in self.truth('30 load').values()}
        events = self.events(self.truth('30 load'), 50)
        seen = collections.Counter(event['request_id'] for event in events)
        self.check('30: no call twice', set(seen.values()) == {1}, seen.most_common(3))
        whole = [event for event in events if event['completeness'] == 'complete']
        wrong = [found for event in whole
                 if (found := differences(event, due[event['request_id']]))]
        self.check('30: what is said to be complete is right', len(whole) > 20 and not wrong,
                   (len(whole), wrong[:2]))
        made_up = [event for event in events if event['completeness'] != 'complete'
                   and event['cost_pico'] is not None
                   and int(event['cost_pico']) != due[event['request_id']]['cost_pico']]
        self.check(f'30: the other {len(events) - len(whole)} of {len(due)} have no wrong price',
                   not made_up, made_up[:2])
        self.client('30 after', 'kept', '2', '10')
        self.judge('30 after', 20)

    def counted(self):
        status = self.daemon.get('/v1/status')['capture']
        return {key: status[key] for key in ('bytes', 'cut_bytes', 'lost_bytes')}


if __name__ == '__main__':
    Cases().run()
