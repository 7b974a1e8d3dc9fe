"""From the end of the call that spends a budget, as its client sees it, to the first call that the
kernel refuses: a program that does nothing but call, a new one for each budget. Prints a JSON list
of milliseconds. Argument: how often. Needs root."""
import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))
import daemon as agent  # noqa: E402
from enforce_clients import DRIVER, REQUESTS  # noqa: E402
from enforce_server import Server  # noqa: E402
from world import TOP, World  # noqa: E402

PYTHON = TOP / 'build' / 'venv' / 'bin' / 'python'


def measure(world, name):
    child = world.spawn(name, [PYTHON, '-c', 'import sys, json\n' + REQUESTS + DRIVER, name],
                        env={**world.env, 'OUTLAY_LABELS': f'who={name}'},
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def call():
        child.stdin.write(b'\n')
        child.stdin.flush()
        return json.loads(child.stdout.readline())
    call()
    begin = time.monotonic()
    while 'good' in call():
        pass
    took = time.monotonic() - begin
    world.end(child)
    return took * 1e3


def main(rounds):
    world = World.enter('refusal', 552)
    daemon = agent.Daemon(world)
    Server(world)
    names = [f'r{number}' for number in range(rounds)]
    (daemon.config / 'budgets.yaml').write_text(json.dumps({'budgets': [
        {'name': name, 'match': {'provider': 'openai', 'label': {'who': name}}, 'mode': 'cut',
         'limit': '0.0000001 USD per month'} for name in names]}))
    if not daemon.start():
        sys.exit(daemon.said())
    print(json.dumps([measure(world, name) for name in names]))
    world.keep = False
    world.close()


if __name__ == '__main__':
    main(int(sys.argv[1]))
