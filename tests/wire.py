#!/usr/bin/env python3
"""wire.py: the corpus of tests/corpus.sh through the other door. Each exchange is put back into the
bytes that its client and its provider would have sent, as HTTP/1.1 and as HTTP/2 (header blocks by
nghttp2's own deflater, streams interleaved), the body compressed as it was or in a coding by lot,
cut at random, and put through the stages by tests/wire.c. Its event must be that of `outlay price`
on the same exchange in HAR, field by field; so what tests/corpus.sh allows of misses holds here,
too, and is counted by score.py for the eye. Exchanges with hosts of no provider are passed over:
capture never sees them. What was recorded on the way as by `outlayd --record` gives the same events
again, but for bodies that a recording leaves out (Bedrock's streams) and for estimates by texts.

And what holds for any call, on these: a count is never below zero, rates times counts rounded once
are the cost, and a model that prints usage of its own into its text changes nothing.

Prints its seed and takes SEED=. Skipped without the corpus."""
import collections
import ctypes
import datetime
import decimal
import itertools
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, '../../shared/corpus')
OUTLAYD = os.path.join(HERE, '../build/outlayd')
OUTLAY = os.path.join(HERE, '../build/outlay')
WIRE = os.path.join(HERE, '../build/opt/tests/wire')
CONFIG = os.path.join(HERE, '../config')

SENT, RECEIVED = 0, 1
READ_MAX = 16384  # bytes of one read or write
FRAME_MAX = 16384
HELD_MAX = 16384  # bytes of an answer that wait for their request
PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
# What belongs to one hop of HTTP/1, and what the framing here says anew.
HOP = {'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'host',
       'content-length'}
PLANTED = json.dumps({
    'model': 'gpt-4', 'id': 'planted', 'service_tier': 'priority', 'error': {'type': 'planted'},
    'usage': {'prompt_tokens': 9, 'completion_tokens': 9, 'input_tokens': 9, 'output_tokens': 9,
              'total_tokens': 18, 'inputTokens': 9, 'outputTokens': 9, 'cost': 9},
    'usageMetadata': {'promptTokenCount': 9, 'candidatesTokenCount': 9}})
PLANTED += '"},' + PLANTED + '\n\ndata: ' + PLANTED + '\n\ndata: [DONE]\n\n'
PROSE = {'text', 'content', 'thinking', 'arguments', 'partial_json', 'reasoning', 'delta',
         'reasoning_content', 'output_text', 'refusal'}
# Operations that have an event behind that of their answer.
BESIDES = {'compaction', 'advice', 'image_generation', 'svg'}
# Of this run, of the wire alone, or of the program that would have made the call.
UNLIKE = {'event_id', 'source_id', 'pid', 'exe', 'comm', 'uid', 'time_end', 'duration_ms',
          'ttfb_ms', 'request_bytes', 'response_bytes'}


# --- codings

def brotli(body):
    out, size = room_for(body)
    ctypes.CDLL('libbrotlienc.so.1').BrotliEncoderCompress(
        5, 22, 0, ctypes.c_size_t(len(body)), body, ctypes.byref(size), out)
    return out.raw[:size.value]


def zstd(body):
    out, size = room_for(body)
    n = ctypes.CDLL('libzstd.so.1').ZSTD_compress(out, size, body, ctypes.c_size_t(len(body)), 3)
    return out.raw[:n]


def room_for(body):
    room = len(body) + len(body) // 2 + 1024
    return ctypes.create_string_buffer(room), ctypes.c_size_t(room)


def deflated(bits):
    def compress(body):
        made = zlib.compressobj(wbits=bits)
        return made.compress(body) + made.flush()
    return compress


CODINGS = {'gzip': deflated(31), 'deflate': deflated(15), 'br': brotli, 'zstd': zstd}


# --- one message

class Message:
    """The lines and the body of one direction, from the corpus."""

    def __init__(self, part, lot, har):
        self.headers = [(name, value) for name, value in (part['headers'] or {}).items()]
        names = {name.lower() for name, _ in self.headers}
        self.chunked = 'transfer-encoding' in names
        self.status = part.get('status')
        self.body = har.raw(part) or b''
        recode = self.status and self.body and 'content-encoding' not in names
        if recode and lot.random() < 0.5:
            coding = lot.choice(sorted(CODINGS))
            self.body = CODINGS[coding](self.body)
            self.headers.append(('Content-Encoding', coding))
        elif 'content-encoding' in names and not part.get('content_coding_kept'):
            raise ValueError('a coding that the body has not')

    def kept(self):
        return [(name, value) for name, value in self.headers if name.lower() not in HOP]


def as_chunks(body, lot):
    out, at = b'', 0
    while at < len(body):
        size = lot.choice((1, 7, 100, 4096, len(body)))
        piece = body[at:at + size]
        out += b'%x%s\r\n%s\r\n' % (len(piece), lot.choice((b'', b';x=y')), piece)
        at += size
    return out + b'0\r\n\r\n'


def h1_message(first, message, lot, until_close=False):
    lines = [first] + ['%s: %s' % pair for pair in message.kept()]
    bodiless = message.status in (204, 304)
    if message.chunked and not bodiless:
        lines.append('Transfer-Encoding: chunked')
        body = as_chunks(message.body, lot)
    else:
        body = message.body
        if not bodiless and not until_close and (body or message.status):
            lines.append('Content-Length: %d' % len(body))
    return ('\r\n'.join(lines) + '\r\n\r\n').encode() + body


# --- HTTP/2

class Pair(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('value', ctypes.c_char_p),
                ('name_len', ctypes.c_size_t), ('value_len', ctypes.c_size_t),
                ('flags', ctypes.c_uint8)]


class Deflater:
    library = None

    def __init__(self):
        if not Deflater.library:
            Deflater.library = ctypes.CDLL('libnghttp2.so.14')
            Deflater.library.nghttp2_hd_deflate_hd.restype = ctypes.c_ssize_t
        self.made = ctypes.c_void_p()
        self.library.nghttp2_hd_deflate_new(ctypes.byref(self.made), ctypes.c_size_t(4096))

    def block(self, pairs):
        raw = [(name.lower().encode(), value.encode()) for name, value in pairs]
        given = (Pair * len(raw))(*(Pair(n, v, len(n), len(v), 0) for n, v in raw))
        out = ctypes.create_string_buffer(sum(len(n) + len(v) + 32 for n, v in raw) + 64)
        size = self.library.nghttp2_hd_deflate_hd(self.made, out, ctypes.c_size_t(len(out)), given,
                                                  ctypes.c_size_t(len(raw)))
        return out.raw[:size]

    def __del__(self):
        self.library.nghttp2_hd_deflate_del(self.made)


def frame(kind, flags, stream, payload):
    return struct.pack('>I', len(payload))[1:] + struct.pack('>BBI', kind, flags, stream) + payload


def h2_head(deflater, stream, pairs, end, lot):
    block = deflater.block(pairs)
    if lot.random() < 0.8 and len(block) <= FRAME_MAX:
        return [frame(1, 4 | end, stream, block)]
    cut = lot.randrange(len(block))
    return [frame(1, end, stream, block[:cut]) + frame(9, 4, stream, block[cut:])]


def h2_message(deflater, stream, pseudo, message, lot):
    """Its frames; the first is the head, which must keep its place among the heads."""
    pairs = pseudo + message.kept()
    frames = h2_head(deflater, stream, pairs, 0 if message.body else 1, lot)
    at, body = 0, message.body
    while at < len(body):
        size = lot.choice((1, 100, 1000, FRAME_MAX - 256))
        last = at + size >= len(body)
        pad = lot.randrange(200) if lot.random() < 0.2 else -1
        piece = body[at:at + size]
        if pad >= 0:
            piece = bytes([pad]) + piece + bytes(pad)
        frames.append(frame(0, (8 if pad >= 0 else 0) | (1 if last else 0), stream, piece))
        at += size
    return frames


# --- connections

OPENS, MOVES, CLOSES = 1, 2, 4


class Wire:
    """What tests/wire.c reads."""

    def __init__(self, file, lot):
        self.file, self.lot = file, lot
        self.number = 0

    def step(self, what, time_ns, data=b''):
        self.file.write(struct.pack('<BIqI', what, self.number, time_ns, len(data)) + data)

    def open(self, host):
        self.number += 1
        self.step(OPENS, 0, host.encode())
        return self.number

    def put(self, direction, time_ns, data):
        """Cut by lot; most in pieces of a read, some byte by byte."""
        most = self.lot.choice((3, 50, 1400, READ_MAX, READ_MAX))
        if most * 400 < len(data):
            most = READ_MAX
        at = 0
        while at < len(data):
            piece = data[at:at + self.lot.randint(1, most)]
            self.step(MOVES + direction, time_ns, piece)
            at += len(piece)

    def close(self, time_ns):
        self.step(CLOSES, time_ns)


def play_h1(wire, calls, lot, har):
    """One after the other on a connection kept alive. Yields ids in the order of their ends."""
    for i, (exchange, time_ns) in enumerate(calls):
        until_close = i + 1 == len(calls) and lot.random() < 0.3
        request = Message(exchange['request'], lot, har)
        response = Message(exchange['response'], lot, har)
        first = '%s %s HTTP/1.1\r\nHost: %s' % (exchange['method'], exchange['path'],
                                                exchange['host'])
        sides = [(SENT, h1_message(first, request, lot)),
                 (RECEIVED, h1_message('HTTP/1.1 %d X' % response.status, response, lot,
                                       until_close))]
        # Another thread of the client may hand us the answer first.
        if len(sides[1][1]) <= HELD_MAX and lot.random() < 0.1:
            sides.reverse()
        for direction, data in sides:
            wire.put(direction, time_ns, data)
        yield exchange['id']


def play_h2(wire, calls, lot, har):
    """All at once: requests in order, then the frames of the answers in turns by lot."""
    deflaters = Deflater(), Deflater()
    wire.put(SENT, calls[0][1], PREFACE + frame(4, 0, 0, b''))
    wire.put(RECEIVED, calls[0][1], frame(4, 0, 0, b''))
    open_streams = []
    for i, (exchange, time_ns) in enumerate(calls):
        stream = 2 * i + 1
        pseudo = [(':method', exchange['method']), (':scheme', 'https'),
                  (':authority', exchange['host']), (':path', exchange['path'])]
        frames = h2_message(deflaters[0], stream, pseudo,
                            Message(exchange['request'], lot, har), lot)
        wire.put(SENT, time_ns, b''.join(frames))
        open_streams.append((exchange, time_ns, stream, []))
    while open_streams:
        exchange, time_ns, stream, frames = chosen = lot.choice(open_streams)
        if not frames:  # its head is deflated when it is sent
            response = Message(exchange['response'], lot, har)
            frames += h2_message(deflaters[1], stream, [(':status', str(response.status))],
                                 response, lot)
        n = lot.randint(1, len(frames))
        wire.put(RECEIVED, time_ns, b''.join(frames[:n]))
        del frames[:n]
        if not frames:
            open_streams.remove(chosen)
            yield exchange['id']


def time_of(want):
    text = (want.get('recorded_at') or '2026-11-25T00:00:00Z').replace('Z', '+00:00')
    return int(datetime.datetime.fromisoformat(text).timestamp()) * 10**9


def run(*words, **options):
    return subprocess.run(words, stdout=subprocess.PIPE, check=True, **options).stdout.splitlines()


def name(ident, event):
    """Of an event: the exchange's own, or of what was done besides its answer."""
    return '%s %s' % (ident, event['operation']) if event['operation'] in BESIDES else ident


def through(play, chosen, wanted, lot, har):
    """{name: event} of all exchanges, and pairs of an event and that of its recording."""
    by_host, ends = collections.defaultdict(list), collections.defaultdict(list)
    for exchange in chosen:
        by_host[exchange['host']].append((exchange, time_of(wanted[exchange['id']])))
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
        recording = os.path.join(folder, 'recording')
        wire = Wire(file, lot)
        for host in sorted(by_host):
            calls = by_host[host]
            lot.shuffle(calls)
            while calls:
                some = [calls.pop() for _ in range(min(len(calls), lot.randint(1, 20)))]
                number = wire.open(host)
                ends[number] = list(play(wire, some, lot, har))
                wire.close(some[-1][1])
        file.seek(0)
        lines = run(WIRE, CONFIG, recording, stdin=file)
        again = run(OUTLAYD, '--config', CONFIG, '--replay', recording, stderr=subprocess.DEVNULL)
    events, pairs, last = {}, [], {}
    for line, recorded in itertools.zip_longest(map(json.loads, lines), map(json.loads, again)):
        if line['operation'] not in BESIDES:
            last[line['pid']] = ends[line['pid']].pop(0)
        ident = name(last[line['pid']], line)
        events[ident] = line
        pairs.append((ident, line, recorded or {}))
    return events, pairs


def unlike_recorded(event, recorded):
    """A recording leaves out what its masks do not know: then no price is told, never another."""
    # Errors may be told by a "name" or in prose. The corpus has <PLACEHOLDERS> for some ids.
    apart = {'event_id', 'error', 'request_id' if '<' in (event['request_id'] or '') else ''}
    told = recorded.get('cost_pico') is not None and event['cost_source'] != 'estimated'
    return unlike(event, recorded, apart) if told else ''


def price(entries):
    """{name: event} of HAR entries."""
    ran = subprocess.run([OUTLAY, 'price', '--config', CONFIG, '-'],
                         input='\n'.join(map(json.dumps, entries)).encode(),
                         stdout=subprocess.PIPE, check=True)
    return {name(event['source_id'], event): event
            for event in map(json.loads, ran.stdout.splitlines())}


def unlike(event, right, apart=UNLIKE):
    """The fields of two events of one call that differ, as a text; empty when none does."""
    return '; '.join('%s %s, not %s' % (key, event.get(key), right.get(key))
                     for key in sorted(right.keys() | event.keys())
                     if key not in apart and right.get(key) != event.get(key))


# --- what holds for any call

def plant(value, key=None):
    """The same with PLANTED for every text that a model wrote."""
    if isinstance(value, dict):
        return {k: plant(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [plant(v, key) for v in value]
    return PLANTED if isinstance(value, str) and key in PROSE else value


def plant_body(text):
    """Of a JSON document, or of the data of server-sent events; None: neither."""
    try:
        return json.dumps(plant(json.loads(text)))
    except ValueError:
        pass
    lines = text.split('\n')
    for i, line in enumerate(lines):
        if line.startswith('data: {'):
            try:
                lines[i] = 'data: ' + json.dumps(plant(json.loads(line[6:])))
            except ValueError:
                return None
    return '\n'.join(lines)


def planted(entry):
    """The entry with other words of the model; None where it has none."""
    content = entry['response']['content']
    body = plant_body(content['text']) if 'text' in content and 'encoding' not in content else None
    if body is None or PLANTED[1:9] not in body:
        return None
    response = {**entry['response'], 'content': {**content, 'text': body}}
    return {**entry, 'response': response}


def unsound(event):
    """What is wrong with the figures of one event."""
    if any(count < 0 for count in event['usage'].values()):
        return 'a count below zero: %s' % event['usage']
    if event['cost_source'] != 'catalog' or event['context'] in ('free', 'error'):
        return ''
    pico = sum(decimal.Decimal(rate) * event['usage'][bucket] * 10**12
               for bucket, rate in event['rates'].items())
    pico = decimal.Decimal(pico).quantize(1, decimal.ROUND_HALF_EVEN)
    return '' if pico == int(event['cost_pico']) else \
        'cost %s, rates times counts %s' % (event['cost_pico'], pico)


def main():
    if not os.access(os.path.join(CORPUS, 'exchanges.jsonl.gz'), os.R_OK):
        print('skipped: no corpus')
        return 0
    sys.path.insert(0, CORPUS)
    sys.dont_write_bytecode = True
    import har
    import score
    seed = int(os.environ.get('SEED') or random.SystemRandom().randrange(1 << 32))
    print('SEED=%d' % seed)
    wanted = {w['id']: w for w in score.rows(os.path.join(CORPUS, 'expected.jsonl.gz'))}
    chosen = list(score.rows(os.path.join(CORPUS, 'exchanges.jsonl.gz')))
    decimal.getcontext().prec = 60
    entries = [har.entry(x, wanted[x['id']]) for x in chosen]
    priced = price(entries)
    faults = [('figures', ident, unsound(event)) for ident, event in priced.items()]
    told = price(filter(None, map(planted, entries)))
    faults += [('planted', ident, unlike(event, priced[ident])) for ident, event in told.items()
               if 'estimate=' not in (event['context'] or '')]  # which goes by the words
    for door, play in ('HTTP/1.1', play_h1), ('HTTP/2', play_h2):
        events, pairs = through(play, chosen, wanted, random.Random(seed), har)
        faults += [(door + ' recorded', ident, unlike_recorded(event, recorded))
                   for ident, event, recorded in pairs]
        faults += [(door, ident, unlike(events.get(ident, {}), right))
                   for ident, right in priced.items()
                   if right.get('unpriced_reason') != 'provider_unknown']
        good, total = collections.Counter(), collections.Counter()
        for ident in priced.keys() & wanted.keys():
            for check, ok, _ in score.check(wanted[ident], events.get(ident)):
                good[check] += ok
                total[check] += 1
        same = sum(event['cost_pico'] == recorded.get('cost_pico') for _, event, recorded in pairs)
        faults.append((door, pairs[0][0], '' if same >= 0.94 * len(pairs) else 'few are recorded'))
        print('%s: %d of %d recorded with their cost' % (door, same, len(pairs)))
        print(door + ''.join('  %s %d/%d' % (c, good[c], total[c]) for c in total))
    failed = [fault for fault in faults if fault[2]]
    for what, ident, text in failed[:40]:
        print('%s %s %s: %s' % (what, wanted[ident.split()[0]]['provider'], ident, text[:300]))
    print('%d passed, %d failed' % (len(faults) - len(failed), len(failed)))
    return bool(failed)


if __name__ == '__main__':
    sys.exit(main())
