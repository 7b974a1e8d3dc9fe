#!/usr/bin/env python3
"""Responses over a WebSocket, by aiohttp at both ends.

    websocket.py serve DIR          on port 8443; one line of truth an answer in DIR/answers.jsonl
    websocket.py connect URL CASE   some answers in a row; CASE: plain, deflate or broken (hangs up
                                    in the middle of the last one)"""
import asyncio
import itertools
import json
import os
import pathlib
import ssl
import sys

import aiohttp
from aiohttp import web

ANSWERS = 4
numbers = itertools.count(1)


def events(number, model):
    """What the server says for one answer, and the line of truth for it."""
    usage = {'input_tokens': 1000 + number, 'input_tokens_details': {'cached_tokens': 64 * number},
             'output_tokens': 300 + number, 'output_tokens_details': {'reasoning_tokens': 0},
             'total_tokens': 1300 + 2 * number}
    response = {'id': f'resp_{number}', 'object': 'response', 'model': model, 'usage': None,
                'status': 'in_progress', 'error': None}
    yield {'type': 'response.created', 'response': response}
    for delta in range(20):
        yield {'type': 'response.output_text.delta', 'delta': 'naïve "usage": ' * (delta * 40)}
    yield {'type': 'response.completed',
           'response': {**response, 'status': 'completed', 'usage': usage}}


async def serve(directory):
    async def answer(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            asked, number = json.loads(message.data), next(numbers)
            with open(directory / 'answers.jsonl', 'a', encoding='utf-8') as file:
                print(json.dumps({'number': number, 'case': request.headers['x-case'],
                                  'compress': socket.compress}), file=file)
            for event in events(number, asked['model']):
                if request.headers['x-case'] == 'broken':
                    await asyncio.sleep(0.01)  # so that there is time to be gone in the middle
                await socket.send_str(json.dumps(event))
        return socket

    app = web.Application()
    app.router.add_get('/v1/responses', answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / 'server.pem', directory / 'server.key')
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, '127.0.0.1', 8443, ssl_context=context).start()
    await asyncio.Event().wait()


async def connect(url, case):
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, headers={'x-case': case}, max_msg_size=0,
                                      compress=0 if case == 'plain' else 15) as socket:
            for number in range(ANSWERS):
                await socket.send_str(json.dumps({
                    'type': 'response.create', 'model': 'gpt-4o', 'input': 'x' * 3000 * number}))
                async for message in socket:
                    event = json.loads(message.data)
                    if event['type'] == 'response.completed':
                        break
                    if case == 'broken' and number == ANSWERS - 1:
                        os._exit(0)
                print(event['response']['id'], flush=True)


if __name__ == '__main__':
    if sys.argv[1] == 'serve':
        asyncio.run(serve(pathlib.Path(sys.argv[2])))
    else:
        asyncio.run(connect(*sys.argv[2:]))
