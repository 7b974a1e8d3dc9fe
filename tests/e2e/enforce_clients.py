"""Programs that call a provider and never ask: what test_enforce.py stops."""
import calls

URL = f'https://{calls.PROVIDER}/v1/chat/completions'
MODEL = 'gpt-4o-mini-2024-07-18'

# A client reads lines: each is a call, or a stream, and its outcome is a line of JSON.
DRIVER = '''
import json, sys, time
for line in sys.stdin:
    start = time.monotonic()
    try:
        said = {'good': call(line.strip())}
    except Exception as e:
        said = {'error': repr(e)[:300]}
    print(json.dumps({**said, 'ms': round((time.monotonic() - start) * 1e3, 1)}), flush=True)
'''
REQUESTS = f'''
import requests
session = requests.Session()
def call(how):
    return len(session.post({URL!r}, json={{'model': {MODEL!r}, 'stream': how == 'stream'}},
                            headers={{'X-Who': sys.argv[1]}}, timeout=30).content)
'''
CURL = f'''
import subprocess
def call(how):
    run = subprocess.run(['curl', '-sS', '-m', '30', '-H', 'X-Who: ' + sys.argv[1], '-d',
                          json.dumps({{'model': {MODEL!r}}}), {URL!r}], capture_output=True)
    if run.returncode:
        raise OSError(run.stderr.decode())
    return len(run.stdout)
'''
AIOHTTP = f'''
import aiohttp, asyncio, ssl
loop = asyncio.new_event_loop()
session = None
async def one():
    async with session.post({URL!r}, json={{'model': {MODEL!r}}},
                            headers={{'X-Who': sys.argv[1]}}) as response:
        return len(await response.read())
async def many(n):
    global session
    session = session or aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100))
    return [x if isinstance(x, int) else repr(x) for x in
            await asyncio.gather(*(one() for _ in range(n)), return_exceptions=True)]
def call(how):
    said = loop.run_until_complete(many(int(how or 1)))
    if how:
        return said
    if isinstance(said[0], str):
        raise OSError(said[0])
    return said[0]
'''
FETCH = f'''
const lines = require('readline').createInterface({{input: process.stdin}});
lines.on('line', async how => {{
    const start = performance.now();
    let said;
    try {{
        const response = await fetch({URL!r}, {{
            method: 'POST',
            headers: {{'X-Who': process.argv[2], 'Content-Type': 'application/json'}},
            body: JSON.stringify({{model: {MODEL!r}}})}});
        said = {{good: (await response.text()).length}};
    }} catch (e) {{
        said = {{error: `${{e.name}} ${{e.message}} ${{e.code ?? ''}} ${{e.cause?.code ?? ''}}`}};
    }}
    said.ms = Math.round((performance.now() - start) * 10) / 10;
    console.log(JSON.stringify(said));
}});
'''
HTTP2 = f'''
import httpx
client = httpx.Client(http2=True, timeout=30)
def call(how):
    response = client.post({URL.replace('.com', '.com:8443')!r}, json={{'model': {MODEL!r}}})
    return [response.http_version, len(response.content)]
'''
GO = '''package main
import ("bufio"; "encoding/json"; "fmt"; "io"; "net/http"; "os"; "strings"; "time")
func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		start, said := time.Now(), map[string]any{}
		request, _ := http.NewRequest("POST", "%s", strings.NewReader(`{"model":"%s"}`))
		request.Header.Set("X-Who", os.Args[1])
		if response, err := http.DefaultClient.Do(request); err != nil {
			said["error"] = err.Error()
		} else if body, err := io.ReadAll(response.Body); err != nil {
			said["error"] = err.Error()
		} else { response.Body.Close(); said["good"] = len(body) }
		said["ms"] = float64(time.Since(start).Microseconds()/100) / 10
		out, _ := json.Marshal(said)
		fmt.Println(string(out))
	}
}
''' % (URL, MODEL)
