#!/usr/bin/env python3
"""The ways in which captures of TLS plaintext and prices of calls have gone wrong elsewhere, by
number, and the tests that hold each here. A test claims its case by the words "capture case N" or
"pricing case N" ("pricing cases N, M and O") in its comment or docstring, a vector in its "source";
a case that no test claims is a failure. --table prints them all.

A new case: a row here, and a test that says its number."""
import collections
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
CAPTURE = {
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
PRICING = {
    1: 'what was written to the cache is no input',
    2: 'nor extra to it',
    3: 'three prices of input',
    4: 'cached is part of the prompt: OpenAI',
    5: 'OpenRouter',
    6: 'the Responses API',
    7: 'a million cached tokens',
    8: 'read and written apart: Anthropic',
    9: 'Converse leaves the cache out of its input',
    10: 'and what was written too',
    11: 'nothing is floored to zero',
    13: 'a count that the provider itself tells twice',
    14: 'Gemini: cached, and over the step',
    15: 'Gemini: nearly all cached',
    16: 'Gemini: thoughts are beside the candidates',
    17: 'Gemini: thoughts cost as output',
    18: 'xAI: reasoning beside the completion, by its total',
    19: 'xAI: reasoning within it, by its total',
    20: 'realtime: reasoning within the text',
    21: 'writes that live for an hour',
    22: 'writes of two lifetimes',
    24: 'OpenAI: written to the cache',
    25: 'DeepSeek: hits are part of the prompt',
    26: 'DeepSeek: hits without details',
    27: 'a prompt mostly read',
    28: 'a region costs more',
    29: 'the global profile does not',
    30: 'a bare id on Bedrock is in its region',
    31: 'a deployment whose answer names another model',
    32: 'flex and priority',
    33: 'no prefix of a name: mini',
    34: 'no part of a name, no earlier version',
    35: 'the served tier, not the one asked for',
    37: 'a step moves the whole call',
    38: 'no marginal price',
    40: 'xAI: the step is inclusive',
    41: 'no step where the model has none',
    42: 'fine-tuned models have their own price',
    43: 'peak hours',
    44: 'weekends and holidays are off-peak',
    45: 'a call keeps the rate of its day',
    46: 'an unknown model is unpriced, never zero',
    47: 'searches are no tokens',
    48: 'totals of a stream replace each other',
    49: 'one, then fifteen',
    51: 'the last, not the first',
    52: 'a stream without usage',
    53: 'a client that hangs up',
    54: 'incomplete and failed answers are billed',
    55: 'snapshots on every chunk',
    56: 'attempts without an answer',
    57: 'Responses over a WebSocket',
    58: 'images by tokens, not pixels',
    59: 'text beside an image',
    60: 'an image without details',
    62: 'audio that was made',
    64: 'audio that was cached',
    65: 'the model that listens is another',
    66: 'whisper counts seconds',
    67: 'an hourly rate and a minimum, rounded once',
    68: 'searches that the provider makes',
    69: 'batches: cached, and over the step',
    71: 'what a gateway reports of its cost',
    72: 'billed units, not tokens',
    73: 'ten calls at once for the last of a budget',
    74: 'the first calls of somebody unknown',
    75: 'reservations of calls that nobody ends',
    77: 'a settlement that fails, or counts twice',
    78: 'an answer without a price is not free',
    79: 'nor is a model that no list has',
    80: 'a decision that cannot be kept is a denial',
    81: 'when a day ends, by which clock',
    82: 'a window that is changed',
    83: 'tokens and requests a minute, all at once',
    85: 'negative limits',
    86: 'a budget is no rate, a token no request',
    87: 'what is charged is what was priced',
    88: 'a path that nobody knows',
    90: 'what was charged by mistake is put right, and no history deleted',
    91: 'how many calls there are is no matter',
    92: 'segments that are not known yet',
    93: 'an emoji makes three segments',
    94: 'one message each, pictures flat',
    95: 'every recipient counts',
    96: 'bytes, not rows',
}
CASES = {'capture': CAPTURE, 'pricing': PRICING}
CLAIM = re.compile(r'\b(capture|pricing)\s+cases?\s+((?:\d+(?:,?\s+and\s+|,\s*(?:\*\s*)?)?)+)',
                   re.I)
FOLDERS = ('unit', 'model', 'bpf', 'e2e', 'vectors')


def claims():
    """{(kind, number): [file:line]}"""
    found = collections.defaultdict(list)
    for folder in FOLDERS:
        for path in sorted((TOP / 'tests' / folder).rglob('*')):
            if path.suffix not in ('.c', '.py') and path.name != 'expected.json':
                continue
            text = path.read_text(encoding='utf-8')
            for match in CLAIM.finditer(text):
                line = text.count('\n', 0, match.start()) + 1
                for number in re.findall(r'\d+', match[2]):
                    found[match[1].lower(), int(number)].append(
                        f'{path.relative_to(TOP)}:{line}')
    return found


def main():
    found = claims()
    cases = {(kind, number): name for kind in CASES for number, name in CASES[kind].items()}
    if '--table' in sys.argv:
        for (kind, number), name in cases.items():
            print(f'{kind} {number:3}  {name:60}  {", ".join(found[kind, number])}')
    missing = [case for case in cases if not found[case]]
    unknown = [case for case in found if case not in cases]
    for kind, number in missing:
        print(f'no test claims {kind} case {number}: {cases[kind, number]}')
    for kind, number in unknown:
        print(f'there is no {kind} case {number} ({found[kind, number][0]})')
    print(f'{len(cases) - len(missing)} passed, {len(missing) + len(unknown)} failed')
    return bool(missing or unknown)


if __name__ == '__main__':
    sys.exit(main())
