#!/usr/bin/env python3
"""The server of the soak, and its clients in Python: soak.py serve DIR, soak.py client|asyncio BODY
URL.... /SEED/SIZE/NUMBER wants SIZE bytes by SEED and answers with as many by SEED + NUMBER + 1."""
import asyncio
import http.client
import http.server
import pathlib
import random
import ssl
import sys
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def setup(self):
        self.request.settimeout(60)
        self.request.do_handshake()
        super().setup()

    def log_message(self, *_):
        pass

    def do_POST(self):
        seed, size, number = map(int, self.path.strip('/').split('/'))
        body = self.rfile.read(int(self.headers['content-length']))
        good = body == random.Random(seed).randbytes(size)
        self.send_response(200 if good else 400)
        self.send_header('Content-Length', str(size))
        self.end_headers()
        answer = random.Random(seed + number + 1).randbytes(size)
        step = 1 + seed % 20000
        for at in range(0, size, step):
            self.wfile.write(answer[at:at + step])


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, directory):
        super().__init__(('127.0.0.1', 443), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / 'server.pem', directory / 'server.key')
        self.socket = context.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)


def serve(directory):
    Server(pathlib.Path(directory)).serve_forever()


def client(body, *urls):
    connection = http.client.HTTPSConnection(urllib.parse.urlsplit(urls[0]).netloc, timeout=30)
    for url in urls:
        connection.request('POST', urllib.parse.urlsplit(url).path, pathlib.Path(body).read_bytes())
        answer = connection.getresponse()
        assert answer.status == 200
        sys.stdout.buffer.write(answer.read())


async def by_asyncio(body, *urls):
    import aiohttp
    async with aiohttp.ClientSession(trust_env=True) as session:
        for url in urls:
            async with session.post(url, data=pathlib.Path(body).read_bytes()) as answer:
                assert answer.status == 200
                sys.stdout.buffer.write(await answer.read())


if __name__ == '__main__':
    if sys.argv[1] == 'asyncio':
        asyncio.run(by_asyncio(*sys.argv[2:]))
    else:
        {'serve': serve, 'client': client}[sys.argv[1]](*sys.argv[2:])
