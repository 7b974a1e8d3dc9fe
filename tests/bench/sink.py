#!/usr/bin/env python3
"""Starts Apache Kafka in a world of its own and runs build/opt/tests/bench/sink against it: its
lines go to stdout."""
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))
from kafka import Kafka  # noqa: E402
from world import TOP, World  # noqa: E402


def main():
    world = World.enter('bench-sink')
    kafka = Kafka(world)
    if not kafka.start():
        sys.exit('the broker does not answer')
    run = subprocess.run([TOP / 'build/opt/tests/bench/sink', kafka.address, *sys.argv[1:]],
                         capture_output=True, text=True, check=False, timeout=200)
    print(run.stdout, end='')
    kafka.stop()
    world.keep = run.returncode != 0
    sys.exit(run.stderr or run.returncode)


if __name__ == '__main__':
    main()
