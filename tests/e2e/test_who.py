#!/usr/bin/env python3
"""Who made a call (capture cases 42, 50 and 51): programs that are gone in a moment on a
busy machine, in a pid namespace of their own, or that run as another user than the one who started
them; and budgets that ask for it."""
import os
import pathlib
import shutil
import signal
import subprocess

import calls
import clients
import daemon as agent
from world import Checks, World, die_with_parent, wait_for

SHORT = 60
NOBODY = 65534
BUDGETS = '''\
budgets:
  - {name: by-uid, match: {uid: 65534}, limit: 100 USD per day, mode: observe}
  - {name: by-user, match: {user: nobody}, limit: 100 USD per day, mode: observe}
  - {name: by-unit, match: {unit: nightly.service}, limit: 100 USD per day, mode: observe}
'''
GROUP = 'outlay-who.slice/nightly.service'


class Who:
    def __init__(self):
        self.world = World.enter('who')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        (self.daemon.config / 'budgets.yaml').write_text(BUDGETS)
        self.crew = calls.Crew(self.world)
        self.done = 0
        self.check('outlayd starts', self.daemon.start(), self.daemon.said())

    def curl(self, *before, program='curl', **options):
        """One call by a curl of its own; the new event. `before`: words in front of it."""
        call = calls.series('curl', 'who', 1)[0]
        command = clients.curl_command([call], self.crew.prompt, self.crew.key)
        options = {'env': self.world.env, 'cwd': '/', 'stdout': subprocess.DEVNULL, **options}
        child = self.world.spawn('curl', [*before, program, '--cacert', self.world.dir / 'ca.pem',
                                          *command[1:]], **options)
        child.wait(30)
        self.done += 1
        events = wait_for(lambda: self.all()[self.done - 1:], 10)
        if not self.check('the call is in the ledger', events):
            self.check.finish(self.world)
        return events[-1]

    def all(self):
        return [event for event in self.daemon.all_calls() if event['comm'].startswith('curl')]

    def run(self):
        self.short_lives()
        self.namespaces()
        self.other_users()
        self.labels()
        self.unit()
        self.check.equal('the daemon ends well', self.daemon.stop()[0], 0)
        self.check.finish(self.world)

    def short_lives(self):
        """Case 42: each is over in milliseconds, and there is always somebody before the agent in
        the queue for a CPU."""
        burners = [self.world.spawn('burner', ['sh', '-c', 'while :; do :; done'])
                   for _ in range(4 * (os.cpu_count() or 1))]
        plan = calls.series('curl', 'short', SHORT, fresh=True)
        self.crew.run(plan)
        for burner in burners:
            self.world.end(burner, signal.SIGKILL)
        events = self.daemon.settled_calls(SHORT, 30)
        self.done = len(self.all())
        self.check.equal('every short-lived curl is in the ledger', len(events), SHORT)
        poor = [event for event in events if event['exe'] != os.path.realpath(shutil.which('curl'))
                or event['user'] != 'root' or event['labels'] != {'team': 'e2e'}
                or not event['cgroup_path'] or event['ns_pid'] != event['pid']]
        self.check(f'exe, user, labels, cgroup of all {SHORT}', not poor,
                   f'{len(poor)} lack them: {poor[:2]}')

    def namespaces(self):
        """Case 51."""
        event = self.curl('unshare', '--pid', '--fork', '--mount-proc')
        self.check.equal('its number in its own pid namespace', event['ns_pid'], 1)
        self.check('its number on the host', event['pid'] > 1 and event['pid'] != event['ns_pid'],
                   event)
        self.check.equal('exe in a mount namespace of its own', event['exe'],
                         os.path.realpath(shutil.which('curl')))

    def other_users(self):
        """Case 50: into a program of another user not just anybody may look."""
        copy = pathlib.Path('/opt/curl-outlay-who')
        shutil.copy(os.path.realpath(shutil.which('curl')), copy)
        try:
            os.chown(copy, NOBODY, NOBODY)
            copy.chmod(0o4755)
            event = self.curl('setpriv', '--reuid=4711', '--regid=4711', '--clear-groups',
                              program=copy)
        finally:
            copy.unlink()
        self.check.equal('who started a setuid program', (event['uid'], event['user']),
                         (4711, '4711'))
        self.check.equal('labels of a setuid program', event['labels'], {'team': 'e2e'})
        self.check.equal('exe of a setuid program', event['exe'], str(copy))
        event = self.curl('setpriv', f'--reuid={NOBODY}', '--clear-groups')
        self.check.equal('uid and name of another user', (event['uid'], event['user']),
                         (NOBODY, 'nobody'))
        self.check.equal('budgets by uid and user charge it',
                         [b['name'] for b in event['budgets']], ['by-uid', 'by-user'])

    def labels(self):
        bare = {k: v for k, v in self.world.env.items() if k != 'OUTLAY_LABELS'}
        self.check.equal('known to have no label', self.curl(env=bare)['labels'], {})
        long = {'A': 'OUTLAY_LABELS=no ' * 5000, **self.world.env,
                'OUTLAY_LABELS': 'k=v,w=' + 'x' * 90}
        self.check.equal('labels behind a long environment', self.curl(env=long)['labels'],
                         {'k': 'v', 'w': 'x' * 90})

    def unit(self):
        groups = self.world.dir / 'groups'
        groups.mkdir()
        subprocess.run(['mount', '-t', 'cgroup2', 'none', groups], check=True)
        group = groups / GROUP
        try:
            group.mkdir(parents=True)

            def enter():
                die_with_parent()
                (group / 'cgroup.procs').write_text('0')
            event = self.curl(preexec_fn=enter)
        finally:
            wait_for(lambda: not (group / 'cgroup.procs').read_text(), 5)
            group.rmdir()
            group.parent.rmdir()
            subprocess.run(['umount', groups], check=True)
        self.check.equal('cgroup and unit of a program that has ended, in a cgroup that is gone',
                         (event['cgroup_path'], event['unit'], event['container_id']),
                         ('/' + GROUP, 'nightly.service', None))
        self.check.equal('a budget by unit charges it', [b['name'] for b in event['budgets']],
                         ['by-unit'])


Who().run()
