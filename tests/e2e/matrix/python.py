#!/usr/bin/env python3
"""Python's clients: python.py LIBRARY makes two plain calls and a streamed one; the last two rows
make twelve calls at once on one connection, or leave a stream at its marker without its end."""
import asyncio
import json
import os
import sys

URL, MODEL = os.environ['URL'], 'gpt-4o-mini'
PATH = '/v1/chat/completions'
KEY, AGENT = os.environ['OPENAI_API_KEY'], os.environ['AGENT']
HEADERS = {'authorization': 'Bearer ' + KEY, 'content-type': 'application/json',
           'user-agent': AGENT}
MESSAGES = [{'role': 'user', 'content': os.environ['PROMPT']}]
STREAM = {'stream': True, 'stream_options': {'include_usage': True}}
BODIES = [json.dumps({'messages': MESSAGES, 'model': MODEL, **more}) for more in ({}, {}, STREAM)]


def http_client():
    import http.client
    connection = http.client.HTTPSConnection(URL.removeprefix('https://'), timeout=20)
    for body in BODIES:
        connection.request('POST', PATH, body, HEADERS)
        connection.getresponse().read()


def requests():
    import requests as library
    with library.Session() as session:
        for body in BODIES:
            session.post(URL + PATH, data=body, headers=HEADERS, timeout=20).raise_for_status()


def httpx(http2=False):
    import httpx as library
    with library.Client(http2=http2, timeout=20) as client:
        for body in BODIES:
            client.post(URL + PATH, content=body, headers=HEADERS).raise_for_status()


async def httpx_async(http2=False):
    import httpx as library
    async with library.AsyncClient(http2=http2, timeout=20) as client:
        for body in BODIES:
            (await client.post(URL + PATH, content=body, headers=HEADERS)).raise_for_status()


async def httpx_at_once():
    import httpx as library
    async with library.AsyncClient(http2=True, timeout=20) as client:
        answers = await asyncio.gather(*(client.post(URL + PATH, content=body, headers=HEADERS)
                                         for body in BODIES * 4))
        assert {(one.status_code, one.http_version) for one in answers} == {(200, 'HTTP/2')}


def httpx_leaves():
    import httpx as library
    client = library.Client(http2=True, timeout=20)
    stream = client.stream('POST', URL + PATH, content=BODIES[2],
                           headers={**HEADERS, 'x-case': 'open'})
    for line in stream.__enter__().iter_lines():
        if line == 'data: [DONE]':
            os._exit(0)


async def aiohttp():
    import aiohttp as library
    async with library.ClientSession(trust_env=True) as session:
        for body in BODIES:
            async with session.post(URL + PATH, data=body, headers=HEADERS) as response:
                await response.read()


def openai():
    import openai as library
    client = library.OpenAI(base_url=URL + '/v1', default_headers={'user-agent': AGENT},
                            max_retries=0)
    for more in ({}, {}):
        client.chat.completions.create(messages=MESSAGES, model=MODEL, **more)
    for _ in client.chat.completions.create(messages=MESSAGES, model=MODEL, **STREAM):
        pass


async def openai_async():
    import openai as library
    client = library.AsyncOpenAI(base_url=URL + '/v1', default_headers={'user-agent': AGENT},
                                 max_retries=0)
    for more in ({}, {}):
        await client.chat.completions.create(messages=MESSAGES, model=MODEL, **more)
    async for _ in await client.chat.completions.create(messages=MESSAGES, model=MODEL, **STREAM):
        pass


LIBRARIES = {
    'http.client': http_client, 'requests': requests, 'httpx': httpx, 'httpx async': httpx_async,
    'httpx h2': lambda: httpx(True), 'httpx async h2': lambda: httpx_async(True),
    'httpx h2 at once': httpx_at_once, 'httpx h2 leaves': httpx_leaves,
    'aiohttp': aiohttp, 'openai': openai, 'openai async': openai_async,
}

if __name__ == '__main__':
    result = LIBRARIES[sys.argv[1]]()
    if result is not None:
        asyncio.run(result)
