#!/usr/bin/env python3
"""The ways in which captures of TLS plaintext have failed elsewhere, by number, and the tests that
hold each here. A test claims its case by the words "capture case N" ("capture cases N, M and O") in
its comment or docstring; a case that no test claims is a failure. --table prints them all.

A new case: a row here, and a test that says its number."""
import collections
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
CASES = {
    1: 'Python reads and writes by the _ex functions alone',
    2: 'SSL_write_ex2, and SSL_write_ex that calls it: one write',
    3: 'both directions, not mixed up',
    4: 'a library that has the old functions alone',
    6: 'a write that is retried',
    7: 'a peek is no read',
    8: '0-RTT early data',
    9: 'sendfile and kTLS: a gap that is told',
    10: 'Go moves its stacks: no return probe',
    11: 'attach, detach and kill -9 under load harm nobody',
    12: 'a program under strict seccomp',
    13: 'nothing is written to traffic or memory of others',
    14: 'one way to attach: on failure stop and say so',
    15: 'curl, which tells the library no descriptor',
    16: 'services by memory BIOs: no call is another\'s',
    17: 'connections with and without TLS older than the agent',
    18: 'an object whose address is used again',
    20: 'connections that are abandoned',
    21: 'an object freed, the next one for another host',
    22: 'a descriptor used again for another host',
    23: 'every request of a kept connection',
    25: 'written by one thread, read by another',
    26: 'one write of any size, 1 byte to 1 MiB',
    27: 'powers of two, and one more or less',
    28: 'many small streams at once',
    29: 'a lost piece shifts nothing behind it',
    30: 'the agent stands still: loss is counted to the byte',
    31: 'a request larger than any buffer',
    32: 'a last event of 64 KiB',
    34: 'an HTTP/2 stream that is left without its end',
    35: 'content codings, plain and streamed, HTTP/1.1 and HTTP/2',
    36: 'HTTP/2 whose header tables are not known',
    37: 'what is no HTTP is no call',
    38: 'CONTINUATION, padding, priorities, table sizes',
    39: 'WebSocket with masks and permessage-deflate',
    40: 'a stream without its usage',
    41: 'retries are calls of their own',
    42: 'programs that are over in milliseconds',
    43: 'many processes on one library: one event a write',
    44: 'a library that is replaced while it is used',
    45: 'names of files that mislead',
    47: 'node, with OpenSSL inside',
    48: 'who cannot be read is listed',
    49: 'two TLS libraries in one process',
    50: 'a setuid program',
    51: 'a pid namespace',
}
CLAIM = re.compile(r'\bcapture\s+cases?\s+((?:\d+(?:,?\s+and\s+|,\s*(?:\*\s*)?)?)+)', re.I)
FOLDERS = ('unit', 'bpf', 'e2e')


def claims():
    """{number: [file:line]}"""
    found = collections.defaultdict(list)
    for folder in FOLDERS:
        for path in sorted((TOP / 'tests' / folder).rglob('*')):
            if path.suffix not in ('.c', '.py'):
                continue
            text = path.read_text(encoding='utf-8')
            for match in CLAIM.finditer(text):
                line = text.count('\n', 0, match.start()) + 1
                for number in re.findall(r'\d+', match[1]):
                    found[int(number)].append(f'{path.relative_to(TOP)}:{line}')
    return found


def main():
    found = claims()
    if '--table' in sys.argv:
        for number, name in CASES.items():
            print(f'{number:3}  {name:60}  {", ".join(found[number])}')
    missing = [number for number in CASES if not found[number]]
    unknown = [f'{number} ({found[number][0]})' for number in found if number not in CASES]
    for number in missing:
        print(f'no test claims capture case {number}: {CASES[number]}')
    for claim in unknown:
        print(f'there is no capture case {claim}')
    print(f'{len(CASES) - len(missing)} passed, {len(missing) + len(unknown)} failed')
    return bool(missing or unknown)


if __name__ == '__main__':
    sys.exit(main())
