"""A small world for one end-to-end test: its own network and mount namespace with loopback alone,
provider names that lead to it, a CA that the clients trust, one folder, and processes that end with
it whatever happens. The process ids are those of the host, as an agent sees them.

    world = World.enter('line')        # first statement: starts the program again inside
    world.spawn('name', [...])         # logs to DIR/name.log, ends with the world
"""
import atexit
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
HOSTS = ('api.openai.com', 'example.test')  # a provider's, and one that is nobody's
INSIDE = 'OUTLAY_E2E_INSIDE'
PR_SET_PDEATHSIG = 1  # linux/prctl.h

prctl = ctypes.CDLL(None).prctl  # looked up here: after a fork is no time to load anything


def die_with_parent():
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def enter_namespaces():
    """Runs this program again where it may do as it likes, through sudo when it is not root, by the
    Python of tests/setup.sh, which has the clients' packages and the system's OpenSSL."""
    if os.environ.get(INSIDE):
        return
    command = ['unshare', '--net', '--mount', '--propagation', 'private',
               'env', INSIDE + '=1', TOP / 'build' / 'venv' / 'bin' / 'python', *sys.argv]
    if os.geteuid() != 0:
        if not shutil.which('sudo'):
            sys.exit('end to end: this test needs root (namespaces, uprobes) or sudo')
        command = ['sudo', *command]
    os.execvp(command[0], command)


class World:
    @classmethod
    def enter(cls, name, seconds=300):
        enter_namespaces()
        # A signal ends the test in order: exit handlers run, children end.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, lambda number, _: sys.exit(f'ended by signal {number}'))
        signal.alarm(seconds)
        return cls(name)

    def __init__(self, name):
        parent = TOP / 'build' / 'e2e'
        parent.mkdir(parents=True, exist_ok=True)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=name + '-', dir=parent))
        self.dir.chmod(0o755)
        self.children = {}
        self.pids = set()  # of all that ever ran here
        self.keep = True  # the folder, until the test says that all went well
        atexit.register(self.close)
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        self.lead_hosts_here()
        self.make_certificates()
        self.env = {
            'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
            'OUTLAY_LABELS': 'team=e2e', 'HOME': str(self.dir), 'LANG': 'C.UTF-8',
            'PYTHONUNBUFFERED': '1', 'PYTHONDONTWRITEBYTECODE': '1',
            **dict.fromkeys(('SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE',
                             'NODE_EXTRA_CA_CERTS'), str(self.dir / 'ca.pem')),
        }

    def lead_hosts_here(self):
        hosts = self.dir / 'hosts'
        hosts.write_text('127.0.0.1 localhost ' + ' '.join(HOSTS) + '\n')
        subprocess.run(['mount', '--bind', hosts, '/etc/hosts'], check=True)

    def make_certificates(self):
        """ca.pem signs server.pem, which holds all names."""
        def openssl(out, subject, *more):
            subprocess.run(
                ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=' + subject,
                 '-keyout', f'{out}.key', '-out', f'{out}.pem', *more],
                cwd=self.dir, check=True, capture_output=True)
        openssl('ca', 'outlay test CA', '-addext', 'keyUsage=critical,keyCertSign,cRLSign')
        openssl('server', HOSTS[0], '-CA', 'ca.pem', '-CAkey', 'ca.key',
                '-addext', 'basicConstraints=critical,CA:FALSE',
                '-addext', 'subjectAltName=' + ','.join('DNS:' + name for name in HOSTS))

    def spawn(self, name, command, **options):
        log = open(self.dir / f'{name}.log', 'ab')
        options = {'stdout': log, 'stderr': log, 'stdin': subprocess.DEVNULL, 'env': self.env,
                   'preexec_fn': die_with_parent, 'cwd': self.dir, **options}
        child = subprocess.Popen([str(word) for word in command], **options)
        log.close()
        self.children[child.pid] = child
        self.pids.add(child.pid)
        return child

    def end(self, child, number=signal.SIGTERM, seconds=10):
        """Signals and waits; returns (status, seconds it took). Kills what does not go."""
        start = time.monotonic()
        if child.poll() is None:
            child.send_signal(number)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self.children.pop(child.pid, None)
        return child.returncode, time.monotonic() - start

    def close(self):
        for child in list(self.children.values()):
            self.end(child, signal.SIGKILL)
        subprocess.run(['umount', '/etc/hosts'], check=False, capture_output=True)
        owner = os.environ.get('SUDO_UID')
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)
        if owner:  # so that who called sudo can read and remove what is left
            subprocess.run(['chown', '-R', owner, self.dir.parent], check=False)
        if self.keep:
            print(f'what it left behind: {self.dir.relative_to(TOP)}')


def give_weight(child):
    """Of a session of its own: nine times that of others, as CPUWeight= of outlayd.service."""
    share = pathlib.Path(f'/proc/{child.pid}/autogroup')
    if share.exists():
        share.write_text('-10')


def wait_for(what, seconds, every=0.05):
    """The first true value of what(), or its last one when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(every)


class Checks:
    """One line a check, as it is made; `finish` prints the sum and ends the program."""

    def __init__(self):
        self.passed = self.failed = 0
        self.start = time.monotonic()

    def __call__(self, name, good, detail=''):
        self.passed += bool(good)
        self.failed += not good
        took = time.monotonic() - self.start
        print(f'  {"ok  " if good else "FAIL"} {took:6.1f} s  {name}', flush=True)
        if not good and str(detail):
            print('       | ' + str(detail)[:2000].replace('\n', '\n       | '), flush=True)
        return bool(good)

    def equal(self, name, got, due):
        return self(name, got == due, f'got {got!r}\ndue {due!r}')

    def finish(self, world=None):
        if world:
            world.keep = self.failed > 0
            world.close()
            atexit.unregister(world.close)
        print(f'{self.passed} passed, {self.failed} failed')
        sys.exit(self.failed > 0)
