#!/usr/bin/env python3
"""httpx asks for each coding of argv, plain and streamed; says the id of what it decoded."""
import os
import re
import sys

import httpx

with httpx.Client(timeout=20) as client:
    for number, coding in enumerate(sys.argv[1:] * 2):
        body = {'model': 'gpt-4o-mini', 'messages': [{'role': 'user', 'content': 'hello'}]}
        if number >= len(sys.argv) - 1:
            body |= {'stream': True, 'stream_options': {'include_usage': True}}
        answer = client.post(os.environ['URL'] + '/v1/chat/completions', json=body,
                             headers={'x-coding': coding, 'user-agent': 'httpx'})
        print(answer.status_code, re.search('chatcmpl-[0-9a-f]+', answer.text).group())
