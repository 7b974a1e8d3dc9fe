#!/usr/bin/env python3
"""The two commands of the README as an ordinary user gives them: `make`, then `make run`, which
goes through sudo for the agent alone. User, rule and tree are in the mount namespace of this test:
the host's own are not touched, and nothing is left behind."""
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess

from world import TOP, Checks, World, wait_for

NAME = 'outlay-test'
HOME = pathlib.Path('/home') / NAME
TREE = HOME / 'outlay'
BUILT = ('opt/src', 'opt/core.a', 'bpf', 'gen', 'lib', 'liboutlay.a', 'liboutlay.so')
READY_SECONDS, END_SECONDS = 60, 10


class User:
    def __init__(self):
        self.world = World.enter('user')
        self.check = Checks()
        taken = {entry.pw_uid for entry in pwd.getpwall()}
        self.uid = next(uid for uid in range(64000, 65000) if uid not in taken)

    def run(self):
        if not shutil.which('sudo'):
            print('skipped: no sudo here')
        else:
            self.add_user()
            self.copy_tree()
            try:
                if self.makes():
                    self.runs()
            finally:  # what sudo started does not end with its parent
                for process in self.agents():
                    os.kill(int(process.parent.name), signal.SIGKILL)
        self.check.finish(self.world)

    def over(self, path, more):
        """The file with a line more, for who is in this namespace."""
        mine = self.world.dir / pathlib.Path(path).name
        shutil.copy2(path, mine)
        os.chown(mine, *(getattr(os.stat(path), field) for field in ('st_uid', 'st_gid')))
        with open(mine, 'a', encoding='utf-8') as file:
            file.write(more + '\n')
        subprocess.run(['mount', '--bind', mine, path], check=True)

    def add_user(self):
        subprocess.run(['mount', '-t', 'tmpfs', 'home', '/home'], check=True)
        self.over('/etc/passwd', f'{NAME}:x:{self.uid}:{self.uid}::{HOME}:/bin/sh')
        self.over('/etc/group', f'{NAME}:x:{self.uid}:')
        self.over('/etc/shadow', f'{NAME}:*:20000::::::')
        self.over('/etc/sudoers', f'{NAME} ALL=(root) NOPASSWD: {TREE}/build/outlayd')

    def copy_tree(self):
        """With what was built, but for the programs: there is something to do, and soon done."""
        shutil.copytree(TOP, TREE, symlinks=True, ignore=lambda folder, names: [
            name for name in names
            if name in ('.git', '__pycache__') or pathlib.Path(folder) == TOP and name == 'build'])
        for name in BUILT:
            (TREE / 'build' / name).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(['cp', '-a', TOP / 'build' / name, TREE / 'build' / name], check=True)
        (TREE / 'build' / 'opt' / 'src' / 'agent' / 'main.o').unlink()
        subprocess.run(['chown', '-R', f'{NAME}:', HOME], check=True)

    def as_user(self):
        return {'cwd': TREE, 'user': self.uid, 'group': self.uid, 'extra_groups': [],
                'env': {'HOME': str(HOME), 'USER': NAME, 'LANG': 'C.UTF-8',
                        'PATH': '/usr/local/bin:/usr/bin:/bin'}}

    def makes(self):
        made = subprocess.run(['make'], capture_output=True, text=True, check=False, timeout=200,
                              **self.as_user())
        return self.check('`make` as an ordinary user', made.returncode == 0
                          and (TREE / 'build' / 'outlayd').stat().st_uid == self.uid,
                          made.stdout + made.stderr)

    def runs(self):
        child = self.world.spawn('make', ['make', 'run'], **self.as_user())
        said = self.world.dir / 'make.log'
        ready = wait_for(lambda: 'outlayd: ready' in said.read_text() or child.poll() is not None,
                         READY_SECONDS) and child.poll() is None
        self.check('`make run` as an ordinary user: ready', ready, said.read_text())
        if not ready:
            return
        status = subprocess.run(
            ['build/outlay', 'status', '--socket', 'build/run/policy.sock'], capture_output=True,
            text=True, check=False, timeout=20, **self.as_user())
        self.check('the same user asks it', status.returncode == 0, status.stdout + status.stderr)
        self.ends(child, said)

    def ends(self, child, said):
        subprocess.run(['kill', '-TERM', str(self.sudo_of(child.pid))], check=True)
        ended = wait_for(lambda: child.poll() is not None, END_SECONDS)
        self.check('SIGTERM ends it in order', ended and child.returncode == 0, said.read_text())
        self.check('nothing runs on', not any(self.agents()))
        self.check('its state is where `make run` says',
                   (TREE / 'build' / 'run' / 'ledger.db').exists())

    @staticmethod
    def sudo_of(pid):
        """The process of sudo that make, or a shell of its own, waits for."""
        found = subprocess.run(['ps', '-eo', 'pid=,ppid=,comm='], capture_output=True, text=True,
                               check=True).stdout
        rows = [re.match(r'\s*(\d+)\s+(\d+)\s+(.*)', line).groups() for line in found.splitlines()]
        below = {str(pid)}
        for child, parent, name in sorted(rows, key=lambda row: int(row[0])):
            if parent in below:
                below.add(child)
                if name == 'sudo':
                    return int(child)
        raise RuntimeError('make run has not called sudo')

    @staticmethod
    def agents():
        for process in pathlib.Path('/proc').glob('[0-9]*/exe'):
            try:
                if str(process.readlink()).startswith(f'{TREE}/build/outlayd'):
                    yield process
            except OSError:
                pass


if __name__ == '__main__':
    User().run()
