#!/usr/bin/env python3
"""--record and --replay: what a live run of clients left in the file gives the same events without
root and without a daemon, and no prompt, answer or key is in it."""
import json
import os
import shutil
import stat
import subprocess

import calls
import daemon as agent
from world import TOP, Checks, World

SAME = ('status', 'model', 'model_requested', 'service_tier', 'response_id', 'route', 'operation',
        'error', 'streaming', 'attempt', 'usage', 'cost_pico', 'cost_source', 'completeness',
        'lost_bytes', 'request_bytes', 'response_bytes', 'server', 'pid', 'exe', 'comm')
PLAN = (calls.series('http', 'http kept', 10, case=['', 'chunked'])
        + calls.series('http', 'http kept', 6, stream=True, include_usage=[True, False, True])
        + calls.series('http', 'http kept', 2, model=None)
        + calls.series('http', 'http kept', 3, case=['401', '429', '500'])
        + calls.series('sdk', 'sdk', 4, stream=True)
        + calls.series('curl', 'curl kept', 8, stream=[False, True], case=['', 'chunked'])
        + calls.series('curl', 'curl fresh', 3, fresh=True, stream=[True, False]))
PLAN += (calls.series('http', 'coded', 4, gzip=True) + calls.series('sdk', 'sdk', 3)
         + calls.series('curl', 'h2', 4, h2=True))


class Record:
    def __init__(self):
        self.world = World.enter('record')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        self.file = self.world.dir / 'recording'
        self.crew = calls.Crew(self.world)

    def run(self):
        if not self.check('outlayd starts', self.daemon.start('--record', self.file),
                          self.daemon.said()):
            self.check.finish(self.world)
        self.check('it says what it stores', f'recording to {self.file}: ' in self.daemon.said(),
                   self.daemon.said())
        self.check.equal('the file is root\'s alone', stat.S_IMODE(os.stat(self.file).st_mode),
                         0o600)
        results = self.crew.run(PLAN)
        self.check('the clients saw what the provider served', *self.crew.agree(results))
        due = calls.served(PLAN)
        live = {event['request_id']: event for event in self.daemon.settled_calls(due)}
        self.check.equal('the ledger has every call', len(live), due)
        self.check.equal('outlayd ends well', self.daemon.stop()[0], 0)
        self.replays(live)
        self.nothing_leaks(live)
        status, said = self.daemon.run('--record', self.file)
        self.check('a file that is there is left alone', status == 1 and 'File exists' in said,
                   said)
        self.check.finish(self.world)

    def replay(self):
        """As a user who may do nothing."""
        world, copy = self.world, self.world.dir / 'copy'
        shutil.copyfile(self.file, copy)
        copy.chmod(0o644)
        run = subprocess.run(
            ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all',
             TOP / 'build' / 'outlayd', '--config', TOP / 'config', '--replay', copy],
            capture_output=True, text=True, timeout=60, check=False,
            env=world.env)
        self.check.equal('the replay ends well', run.returncode, 0)
        self.check('and says what was not stored', 'bytes of their bodies not stored' in run.stderr,
                   run.stderr)
        events = [json.loads(line) for line in run.stdout.splitlines()]
        return [event for event in events if event['pid'] in world.pids]

    def replays(self, live):
        replayed = {event['request_id']: event for event in self.replay()}
        self.check.equal('all calls are replayed, coded ones and HTTP/2 too', set(replayed),
                         set(live))
        # An estimate rests on texts, which are not there.
        wrong = [f'{name} {key}: {replayed[name][key]!r}, live {live[name][key]!r}'
                 for name in live for key in SAME
                 if name in replayed and live[name]['cost_source'] != 'estimated'
                 and replayed[name][key] != live[name][key]]
        self.check('each as it was, to the token, the byte and the picodollar', not wrong,
                   '\n'.join(wrong[:10]))
        self.check('and with prices', sum(int(event['cost_pico'] or 0)
                                          for event in replayed.values()) > 0)

    def nothing_leaks(self, live):
        text = self.file.read_bytes()
        found = [secret for secret in (*self.crew.secrets, 'Ms Ada', 'pears', 'Bearer')
                 if secret.encode() in text]
        self.check('prompt, answer and key are not in the file', not found, found)
        self.check('and the search would have found them',
                   any(event['response_id'] and event['response_id'].encode() in text
                       for event in live.values()))


if __name__ == '__main__':
    Record().run()
