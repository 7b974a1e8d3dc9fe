#!/usr/bin/env python3
"""An idle agent is small, with all providers and price lists, 100 budgets and the ring, also where
no other program shares a library with it; and it maps nothing that only a sink needs."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'bench'))
import rig
from world import Checks

BYTES_MAX = 10_000_000
NEVER_IDLE = {'librdkafka', 'libssl', 'libcrypto', 'libcurl', 'libsasl2'}


def main():
    check = Checks()
    agent = rig.Agent()
    try:
        time.sleep(5)
        shared, alone = agent.memory()
        check('it takes less than 10 MB', sum(alone.values()) * 1024 < BYTES_MAX,
              f'{sum(alone.values())} KiB: {dict(alone)}\nPSS: {dict(shared)}')
        check.equal('it maps no library of a sink', agent.libraries() & NEVER_IDLE, set())
    finally:
        agent.stop()
    check.finish()


if __name__ == '__main__':
    main()
