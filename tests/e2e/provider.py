#!/usr/bin/env python3
"""A fake OpenAI on port 443 that knows what it served: HTTP/1.1, and HTTP/2 for those who ask for
it by ALPN, over TLS 1.2 and 1.3, one line of truth a response in DIR/truth.jsonl. It answers every
host name alike, so that a call to a host that is no provider would look just like one if anybody
listened.

A request picks how it is answered by the header X-Case:
    (none)    200 with Content-Length, or an event stream when it says "stream": true
    chunked   200 in chunks of odd sizes        401 429 500  an error of the provider
    short     Content-Length less than the body, then closed
    long      Content-Length more than the body, then closed
    cut       the stream ends in the middle, then closed
    notjson   200 with HTML in it               garbage      no HTTP at all
    open      HTTP/2: the stream is never ended
    huge      the stream's last event has 64 KiB    flaky  429, then 500, then 200
and how its body is coded by the header X-Coding: names of CODINGS in the order of their use.
"""
import email.message
import gzip
import http.server
import io
import json
import os
import pathlib
import random
import re
import ssl
import sys
import threading
import time
import zlib

import brotli
import h2.config
import h2.connection
import h2.events
import zstandard

import truth

CODINGS = {'gzip': gzip.compress, 'deflate': zlib.compress, 'br': brotli.compress,
           'zstd': zstandard.compress,
           # as some servers do it, and all clients take it: deflate without the zlib header
           'raw': lambda body: zlib.compress(body)[2:-4]}
ERRORS = {401: ('invalid_request_error', 'invalid_api_key'),
          429: ('requests', 'rate_limit_exceeded'),
          500: ('server_error', None)}


class Ledger:
    """The lines of truth. A call is in it before its last byte is sent."""

    def __init__(self, path, seed):
        self.file = open(path, 'a', buffering=1, encoding='utf-8')
        self.lock = threading.Lock()
        self.random = random.Random(seed)
        self.served = 0

    def draw(self, model):
        """Counts of the next call: total and parts as OpenAI reports them, and as buckets."""
        with self.lock:
            self.served += 1
            number, draw = self.served, self.random.randint
            prompt, completion = draw(8, 40000), draw(1, 4000)
            cached = draw(0, prompt // 128) * 128 if draw(0, 1) else 0
            reasoning = draw(0, completion // 64) * 64 if model.startswith('o') else 0
        usage = {
            'prompt_tokens': prompt, 'completion_tokens': completion,
            'total_tokens': prompt + completion,
            'prompt_tokens_details': {'cached_tokens': cached, 'audio_tokens': 0},
            'completion_tokens_details': {
                'reasoning_tokens': reasoning, 'audio_tokens': 0,
                'accepted_prediction_tokens': 0, 'rejected_prediction_tokens': 0},
        }
        buckets = {'input': prompt - cached, 'input_cache_read': cached,
                   'output': completion - reasoning, 'output_reasoning': reasoning}
        return number, usage, {name: count for name, count in buckets.items() if count}

    def write(self, line):
        with self.lock:
            self.file.write(json.dumps(line) + '\n')


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    server_version, sys_version = 'cloudflare', ''

    def setup(self):
        # Here, in the connection's own thread: a client that does not shake hands stops nobody.
        self.request.settimeout(60)
        self.request.do_handshake()
        super().setup()

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            if self.request.selected_alpn_protocol() == 'h2':
                Http2(self).run()
            else:
                super().handle()
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass

    # --- requests

    def do_GET(self):
        self.begin('', {})
        if self.path != '/v1/models':
            return self.answer_error(404, 'invalid_request_error', 'not_found')
        names = [{'id': name, 'object': 'model', 'created': 1, 'owned_by': 'system'}
                 for name in truth.USD_PER_MILLION]
        self.record(200, {}, 0)
        return self.answer_json({'object': 'list', 'data': names})

    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length']))
        request = json.loads(body)
        self.begin(request['model'], request)
        case = self.headers.get('x-case', '')
        if case == 'flaky':
            case = ('429', '500', '')[int(self.headers['x-stainless-retry-count'])]
        if case.isdigit():
            return self.answer_error(int(case), *ERRORS[int(case)])
        number, usage, buckets = self.server.ledger.draw(self.model)
        self.cost = truth.cost_pico(self.model, buckets)
        if request.get('stream'):
            return self.answer_stream(case, usage, buckets)
        document = {
            'id': self.response_id, 'object': 'chat.completion', 'created': int(time.time()),
            'model': self.snapshot,
            'choices': [{'index': 0, 'logprobs': None, 'finish_reason': 'stop', 'message': {
                'role': 'assistant', 'refusal': None, 'annotations': [],
                'content': self.server.planted + ' "{}[]\\ \u2028é' + 'x' * (number * 97 % 9000)}}],
            'usage': usage, 'service_tier': 'default', 'system_fingerprint': 'fp_1'}
        return self.answer_case(case, document, buckets)

    def begin(self, model, request):
        self.model, self.snapshot = model, truth.SNAPSHOTS.get(model, model)
        self.streaming = bool(request.get('stream'))
        self.asked = ''.join(message['content'] for message in request.get('messages', ()))
        self.include_usage = (request.get('stream_options') or {}).get('include_usage')
        token = os.urandom(8).hex()
        self.request_id, self.response_id = 'req_' + token, 'chatcmpl-' + token
        self.cost = 0

    def record(self, status, buckets, cost, case=None, estimated=False):
        self.server.ledger.write({
            'request_id': self.request_id, 'response_id': self.response_id,
            'host': self.headers['host'].removesuffix(':443'),
            'case': case or self.headers.get('x-case', ''),
            'route': f'{self.command} {self.path}', 'status': status,
            'model_requested': self.model, 'model': self.snapshot, 'streaming': self.streaming,
            'usage': buckets, 'cost_pico': cost, 'estimated': estimated, 'time': time.time(),
            'agent': self.headers.get('user-agent', ''),
            'key': self.headers.get('authorization', ''),
            'retry': self.headers.get('x-stainless-retry-count')})

    # --- responses

    def head(self, status, kind, *more):
        self.send_response(status)
        for name, value in (('Content-Type', kind), ('x-request-id', self.request_id),
                            ('openai-processing-ms', '12'), *more):
            self.send_header(name, str(value))
        self.end_headers()

    def answer_error(self, status, kind, code):
        self.record(status, {}, 0)
        message = f'Told to fail. {self.server.planted}'
        self.answer_json({'error': {'message': message, 'type': kind, 'param': None,
                                    'code': code}}, status)

    def coded(self, body, otherwise=''):
        """-> (the body in the codings asked for, the header that says so)"""
        names = self.headers.get('x-coding', otherwise)
        for name in filter(None, names.split(', ')):
            body = CODINGS[name](body)
        return body, [('Content-Encoding', names.replace('raw', 'deflate'))] if names else []

    def answer_json(self, document, status=200, cut=None):
        """`cut`: bytes that the Content-Length is off the truth; the connection then closes."""
        body, more = self.coded(json.dumps(document).encode(),
                                'gzip' if 'gzip' in self.headers.get('accept-encoding', '') else '')
        if cut:
            self.close_connection = True
        self.head(status, 'application/json', *more, ('Content-Length', len(body) + (cut or 0)))
        self.wfile.write(body)

    def answer_case(self, case, document, buckets):
        if case in ('notjson', 'garbage', 'short'):
            self.record(200, {}, None)  # what it cost cannot be known from what was sent
        else:
            self.record(200, buckets, self.cost)
        if case == 'chunked':
            body, more = self.coded(json.dumps(document).encode())
            self.head(200, 'application/json', *more, ('Transfer-Encoding', 'chunked'))
            self.send_odd(body, chunked=True)
        elif case == 'notjson':
            page = b'<!doctype html><p>' + self.server.planted.encode()
            self.head(200, 'application/json', ('Content-Length', len(page)))
            self.wfile.write(page)
        elif case == 'garbage':
            self.close_connection = True
            self.wfile.write(os.urandom(3000))
        elif case == 'short':
            self.answer_json(document, cut=-200)
        elif case == 'long':
            self.answer_json(document, cut=200)
        else:
            self.answer_json(document)

    def send_odd(self, body, chunked, sizes=(1, 7, 513, 3, 1400, 16384, 2)):
        """Writes of odd sizes, each a TLS record; chunk boundaries are elsewhere again."""
        if chunked:
            step = 61 + len(body) % 977
            body = b''.join(b'%x\r\n%s\r\n' % (len(piece), piece) for piece in
                            (body[at:at + step] for at in range(0, len(body), step))) + b'0\r\n\r\n'
        at = turn = 0
        while at < len(body):
            size = sizes[turn % len(sizes)]
            self.wfile.write(body[at:at + size])
            at, turn = at + size, turn + 1

    def answer_stream(self, case, usage, buckets):
        def event(choices, **more):
            line = {'id': self.response_id, 'object': 'chat.completion.chunk', 'created': 1,
                    'model': self.snapshot, 'service_tier': 'default', 'choices': choices, **more}
            return f'data: {json.dumps(line, ensure_ascii=False)}\n\n'

        def delta(content, reason=None):
            return [{'index': 0, 'delta': content, 'logprobs': None, 'finish_reason': reason}]

        null = {'usage': None} if self.include_usage else {}
        words = [self.server.planted, ' naïve', ' "data: [DONE]"', '\n\n', ' end'] * 3
        lines = [event(delta({'role': 'assistant', 'content': ''}), **null)]
        lines += [event(delta({'content': word}), **null) for word in words]
        lines.append(event(delta({}, 'stop'), **null))
        if self.include_usage:
            pad = {'obfuscation': 'x' * (64 << 10)} if case == 'huge' else {}
            lines.append(event([], **pad, usage=usage))
        lines.append('data: [DONE]\n\n')
        body = ''.join(lines).encode()
        sent = body[:len(body) // 2] if case == 'cut' else body
        estimated = not self.include_usage or case == 'cut'
        if estimated:
            texts = re.findall(rb'"content": ("(?:[^"\\]|\\.)*")', sent)
            buckets = truth.estimate(self.asked, ''.join(map(json.loads, texts)))
            self.cost = truth.cost_pico(self.model, buckets)
        self.record(200, buckets, self.cost, estimated=estimated)
        body, more = self.coded(body)
        self.head(200, 'text/event-stream; charset=utf-8', *more, ('Transfer-Encoding', 'chunked'))
        if case == 'cut':
            self.close_connection = True
            self.wfile.write(b'%x\r\n%s' % (len(body), sent))
        else:
            sizes = {'sizes': (13500,)} if case == 'huge' else {}
            self.send_odd(body, chunked=True, **sizes)


class Stream(Handler):
    """One request on HTTP/2, answered as on HTTP/1; its body goes out between those of others."""

    def __init__(self, connection, server, fields):  # not the base's: there is no socket to read
        self.server, self.fields, self.out = server, [], io.BytesIO()
        self.headers, self.rfile, self.wfile = email.message.Message(), io.BytesIO(), self.out
        self.connection = connection
        for name, value in fields:
            self.headers[{':authority': 'host'}.get(name, name)] = value
        self.command, self.path = self.headers[':method'], self.headers[':path']

    def handle(self):
        self.headers['content-length'] = str(self.rfile.getbuffer().nbytes)
        self.rfile.seek(0)
        getattr(self, 'do_' + self.command)()

    def head(self, status, kind, *more):
        self.fields = [(':status', str(status)), ('content-type', kind),
                       ('x-request-id', self.request_id), ('openai-processing-ms', '12')]
        self.fields += [(name.lower(), str(value)) for name, value in more
                        if name != 'Transfer-Encoding']

    def send_odd(self, body, chunked, sizes=()):
        self.wfile.write(body)


class Http2:
    """The frames of one connection."""

    SIZES = (1, 7, 513, 3, 1400, 16384, 2)

    def __init__(self, handler):
        self.socket, self.server = handler.request, handler.server
        self.link = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding='utf-8'))
        self.streams, self.answers = {}, {}

    def run(self):
        self.link.initiate_connection()
        self.flush()
        while data := self.socket.recv(65536):
            for event in self.link.receive_data(data):
                self.take(event)
            while self.answers and self.write_some():
                pass
            self.flush()

    def flush(self):
        self.socket.sendall(self.link.data_to_send())

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.streams[event.stream_id] = Stream(self, self.server, event.headers)
        elif isinstance(event, h2.events.DataReceived):
            self.streams[event.stream_id].rfile.write(event.data)
            self.link.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.answer(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.answers.pop(event.stream_id, None)

    def answer(self, number):
        stream = self.streams.pop(number)
        stream.handle()
        self.link.send_headers(number, stream.fields)
        self.answers[number] = [memoryview(stream.out.getvalue()), 0,
                                stream.headers.get('x-case') != 'open']

    def write_some(self):
        """A frame of an odd size, some padded, for each stream that has room; False: none had."""
        any_sent = False
        for number, (body, turn, ends) in list(self.answers.items()):
            pad = 9 if turn % 3 == 1 else None
            room = self.link.local_flow_control_window(number) - (pad or 0) - 1
            size = min(self.SIZES[turn % len(self.SIZES)], len(body), room,
                       self.link.max_outbound_frame_size - 10)
            if size <= 0 and (body or not ends):
                continue
            last = ends and size == len(body)
            self.link.send_data(number, bytes(body[:size]), end_stream=last, pad_length=pad)
            self.flush()
            self.answers[number] = [body[size:], turn + 1, ends]
            any_sent = True
            if last:
                del self.answers[number]
        return any_sent


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, directory, planted, seed):
        self.planted = planted
        self.ledger = Ledger(directory / 'truth.jsonl', seed)
        super().__init__(('127.0.0.1', 443), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(directory / 'server.pem', directory / 'server.key')
        context.set_alpn_protocols(['h2', 'http/1.1'])
        self.socket = context.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError, TimeoutError)):
            super().handle_error(request, client_address)


if __name__ == '__main__':
    Server(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])).serve_forever()
