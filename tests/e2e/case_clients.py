#!/usr/bin/env python3
"""Programs that do what has led others astray: case_clients.py WHAT [WORDS]. Each exits with 0 only
when it saw what it was served, and names itself by its User-Agent."""
import asyncio
import concurrent.futures
import http.client
import http.server
import json
import os
import pathlib
import socket
import ssl
import sys
import threading
import time

HOST, PATH, MODEL = 'api.openai.com', '/v1/chat/completions', 'gpt-4o-mini'
AGENT, PROMPT = os.environ['AGENT'], os.environ['PROMPT']
HEADERS = {'authorization': 'Bearer ' + os.environ['OPENAI_API_KEY'],
           'content-type': 'application/json', 'user-agent': AGENT}


def body(stream=False, prompt=PROMPT):
    more = {'stream': True, 'stream_options': {'include_usage': True}} if stream else {}
    return json.dumps({'messages': [{'role': 'user', 'content': prompt}], 'model': MODEL, **more})


def post(connection, text, **headers):
    connection.request('POST', PATH, text, {**HEADERS, **headers})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200 and b'"usage"' in text, (answer.status, text[:80])


def connect(host=HOST):
    return http.client.HTTPSConnection(host, timeout=60)


def kept(connections, each):
    """Requests on kept connections, all connections at once."""
    def run(_):
        connection = connect()
        for number in range(int(each)):
            post(connection, body(number % 4 == 3))
    with concurrent.futures.ThreadPoolExecutor(int(connections)) as pool:
        list(pool.map(run, range(int(connections))))


def reused(rounds):
    """One descriptor, now of the provider's connection, now of another's."""
    numbers = set()
    for number in range(2 * int(rounds)):
        connection = connect(HOST if number % 2 == 0 else 'example.test')
        connection.connect()
        numbers.add(connection.sock.fileno())
        post(connection, body())
        connection.close()
    assert len(numbers) == 1, numbers


def prompt(kib):
    post(connect(), body(prompt='p' * (int(kib) << 10)))


def huge():
    post(connect(), body(True), **{'x-case': 'huge'})


def sdk_retries():
    import openai
    client = openai.OpenAI(base_url=f'https://{HOST}/v1', max_retries=2,
                           default_headers={'user-agent': AGENT, 'x-case': 'flaky'})
    assert client.chat.completions.create(model=MODEL, messages=[
        {'role': 'user', 'content': PROMPT}]).usage.total_tokens


def older(kind, calls):
    """A connection to the provider, and one without TLS, that are there before the agent: a call on
    each, then the rest when the file `go` is there."""
    plain = PlainServer()
    beside = http.client.HTTPConnection('127.0.0.1', plain.port, timeout=20)
    post_plain(beside)
    client = client_of_kind(kind)
    client()
    pathlib.Path(f'ready-{kind}').touch()
    while not pathlib.Path('go').exists():
        time.sleep(0.02)
    for _ in range(int(calls)):
        client()
        post_plain(beside)


def client_of_kind(kind):
    if kind == 'h1':
        connection = connect()
        return lambda: post(connection, body())
    import httpx
    client = httpx.Client(http2=True, timeout=20)

    def call():
        answer = client.post(f'https://{HOST}{PATH}', content=body(), headers=HEADERS)
        assert (answer.status_code, answer.http_version) == (200, 'HTTP/2')
    return call


class PlainServer:
    """An API as the provider's, without TLS: what it says is nobody's call."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection, _ = self.listener.accept()
        text = json.dumps({'id': 'chatcmpl-plain', 'model': MODEL,
                           'usage': {'prompt_tokens': 1, 'completion_tokens': 1}}).encode()
        answer = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(text), text)
        have = b''
        while piece := connection.recv(65536):
            have += piece
            if have.endswith(b'"}'):
                have = b''
                connection.sendall(answer)


def post_plain(connection):
    connection.request('POST', PATH, json.dumps({'model': MODEL}), HEADERS)
    assert b'chatcmpl-plain' in connection.getresponse().read()


async def streams(count):
    """So many streams at once."""
    import aiohttp
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(trust_env=True, connector=connector) as session:
        async def one():
            async with session.post(f'https://{HOST}{PATH}', data=body(True),
                                    headers=HEADERS) as answer:
                assert (await answer.read()).endswith(b'data: [DONE]\n\n')
        await asyncio.gather(*(one() for _ in range(int(count))))


async def inbound(port):
    """A service that calls the provider twice for each request it gets, by memory BIOs."""
    import aiohttp
    session = aiohttp.ClientSession(trust_env=True)

    async def call(stream):
        async with session.post(f'https://{HOST}{PATH}', data=body(stream),
                                headers=HEADERS) as answer:
            return (await answer.read()).count(b'"usage"')

    async def serve(reader, writer):
        await reader.readuntil(b'\r\n\r\n')
        counts = await asyncio.gather(call(False), call(True))
        writer.write(b'HTTP/1.1 %d OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
                     % (200 if all(counts) else 500))
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(serve, '127.0.0.1', int(port), backlog=300)
    await server.serve_forever()


async def visitors(count, *ports):
    """Clients of such services, all at once."""
    async def visit(port):
        reader, writer = await asyncio.open_connection('127.0.0.1', int(port))
        writer.write(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert (await reader.read()).startswith(b'HTTP/1.1 200')
        writer.close()
    await asyncio.gather(*(visit(ports[number % len(ports)]) for number in range(int(count))))


class Proxy(http.server.BaseHTTPRequestHandler):
    """Terminates TLS itself and makes each call anew, with a try more for one that fails when it is
    asked for by x-tries, and from a cache when x-cache names an answer that it has."""
    protocol_version = 'HTTP/1.1'
    cache = {}

    def log_message(self, *_):
        pass

    def do_POST(self):
        text = self.rfile.read(int(self.headers['content-length']))
        name = self.headers['x-cache']
        if name not in self.cache:
            answer = self.ask(text)
            if not name:
                return self.pass_on(*answer)
            self.cache[name] = *answer[:2], list(answer[2])
        return self.pass_on(*self.cache[name])

    def ask(self, text):
        headers = {key: value for key, value in self.headers.items() if key.lower() != 'host'}
        for number in range(int(self.headers.get('x-tries', 1))):
            connection = connect()
            connection.request('POST', self.path, text, {
                **headers, 'x-stainless-retry-count': str(number)})
            answer = connection.getresponse()
            if answer.status == 200:
                break
        told = [(key, value) for key, value in answer.getheaders()
                if key.lower() not in ('content-length', 'transfer-encoding')]
        return answer.status, told, iter(lambda: answer.read1(700), b'')

    def pass_on(self, status, headers, body):
        self.send_response_only(status)
        for key, value in (*headers, ('Transfer-Encoding', 'chunked')):
            self.send_header(key, value)
        self.end_headers()
        for piece in body:
            self.wfile.write(b'%x\r\n%s\r\n' % (len(piece), piece))
        self.wfile.write(b'0\r\n\r\n')


def proxy(port):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', int(port)), Proxy)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain('server.pem', 'server.key')
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def through(port, calls, threads):
    """Plain and streamed calls through the proxy, side by side."""
    def run(_):
        connection = http.client.HTTPSConnection(HOST, int(port), timeout=60)
        for number in range(int(calls)):
            post(connection, body(number % 2))
    with concurrent.futures.ThreadPoolExecutor(int(threads)) as pool:
        list(pool.map(run, range(int(threads))))


def through_kindly(port, **headers):
    post(http.client.HTTPSConnection(HOST, int(port), timeout=60), body(), **headers)


def through_retries(port):
    through_kindly(port, **{'x-case': 'flaky', 'x-tries': '3'})


def through_cache(port):
    for _ in range(2):
        through_kindly(port, **{'x-cache': 'one'})


def load(seconds, threads):
    """Calls without end on kept connections; prints how many bytes passed under TLS."""
    context, total = ssl.create_default_context(), []
    text = body(True).encode()
    head = ''.join(f'{name}: {value}\r\n' for name, value in {
        'host': HOST, **HEADERS, 'content-length': len(text)}.items())
    request = f'POST {PATH} HTTP/1.1\r\n{head}\r\n'.encode() + text
    end = time.monotonic() + float(seconds)

    def run(_):
        moved = 0
        with context.wrap_socket(socket.create_connection((HOST, 443)), server_hostname=HOST) as s:
            while time.monotonic() < end:
                s.sendall(request)
                moved += len(request)
                answer = b''
                while not answer.endswith(b'\r\n0\r\n\r\n'):
                    piece = s.recv(65536)
                    assert piece, 'closed'
                    answer += piece
                moved += len(answer)
        total.append(moved)
    with concurrent.futures.ThreadPoolExecutor(int(threads)) as pool:
        list(pool.map(run, range(int(threads))))
    print(sum(total))


if __name__ == '__main__':
    result = globals()[sys.argv[1]](*sys.argv[2:])
    if result is not None:
        asyncio.run(result)
