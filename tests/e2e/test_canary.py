#!/usr/bin/env python3
"""The canary: its calls are seen and are nobody's; when the capture loop sees nothing any more, it
says so; a library that others may write to is not tried."""
import glob
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import daemon as agent
from world import Checks, World, wait_for

EVERY = 6
SYSTEM = os.path.realpath(glob.glob('/usr/lib/*-linux-gnu/libssl.so.3')[0])


class Canary:
    def __init__(self):
        self.world = World.enter('canary')
        self.check = Checks()
        self.daemon = agent.Daemon(self.world)
        config = self.daemon.config / 'outlayd.yaml'
        config.write_text(config.read_text().replace('canary_seconds: 60',
                                                     f'canary_seconds: {EVERY}'))

    def status(self):
        return self.daemon.get('/v1/status')['canary']

    def states(self):
        return {library['path']: library['state'] for library in self.status()['libraries']}

    def run(self):
        self.check('outlayd starts', self.daemon.start(), self.daemon.said())
        self.check.equal('nothing is claimed before the first call',
                         [self.status()[key] for key in ('last_seen', 'seen', 'missed')],
                         [None, 0, 0])
        self.check.equal('what empties the rings goes before the load',
                         [os.getpriority(os.PRIO_PROCESS, int(self.thread(name).name))
                          for name in ('capture', 'flow', 'ledger')], [-10, -10, 0])
        strange = self.strange_library()
        self.check('the call through the system\'s libssl is seen',
                   wait_for(lambda: self.states().get(SYSTEM) == 'seen', 3 * EVERY),
                   f'{self.status()}\n{self.daemon.said()}')
        self.check('and when', self.status()['last_seen'])
        self.check.equal('a library of a folder that is not the system\'s is not tried',
                         self.states().get(str(strange)), 'not tried')
        self.check.equal('it is no call', self.daemon.all_calls(), [])
        self.check('nothing is missed', not self.status()['missed'], self.status())
        self.deaf()
        self.check.equal('the daemon ends well', self.daemon.stop()[0], 0)
        self.check.finish(self.world)

    def strange_library(self):
        """Loaded by a program that lives on."""
        copy = pathlib.Path(shutil.copy(SYSTEM, self.world.dir / 'libssl.so.3'))
        copy.chmod(0o666)
        self.world.spawn('holder', [sys.executable, '-c',
                                    f'import ctypes, time; ctypes.CDLL("{copy}"); time.sleep(60)'])
        return copy

    def thread(self, name):
        return next(path for path in pathlib.Path(f'/proc/{self.daemon.child.pid}/task').iterdir()
                    if (path / 'comm').read_text() == f'{name}\n')

    def deaf(self):
        """The capture thread stands still for one round, as if the ring were stuck."""
        stopper = subprocess.Popen([sys.executable, '-c', STOPPER, self.thread('capture').name])
        try:
            alarm = wait_for(lambda: self.states().get(SYSTEM) == 'missed', 4 * EVERY)
        finally:
            stopper.send_signal(signal.SIGTERM)
            stopper.wait()
        self.check('a call that is not seen is an alarm', alarm, self.status())
        self.check('and counted', self.status()['missed'] > 0, self.status())
        self.check('and said', wait_for(lambda: 'ALARM' in self.daemon.said(), 2))
        self.check('its end is said too',
                   wait_for(lambda: 'are seen again' in self.daemon.said(), 4 * EVERY),
                   self.daemon.said())


# Holds one thread of another process by ptrace(2): attached, it stands until we go.
STOPPER = '''
import ctypes, os, signal, sys, time
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
assert libc.ptrace(PTRACE_SEIZE, int(sys.argv[1]), 0, 0) == 0
assert libc.ptrace(PTRACE_INTERRUPT, int(sys.argv[1]), 0, 0) == 0
signal.pause()
'''

Canary().run()
