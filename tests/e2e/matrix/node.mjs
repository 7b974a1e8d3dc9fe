// node.mjs https|fetch|http2: two plain calls and a streamed one.
import http2 from 'node:http2';
import https from 'node:https';

const { URL: url, PROMPT: prompt, OPENAI_API_KEY: key, AGENT: agent } = process.env;
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json',
	'user-agent': agent };
const bodies = [{}, {}, { stream: true, stream_options: { include_usage: true } }].map(more =>
	JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: prompt }], ...more }));
const target = `${url}/v1/chat/completions`;

async function byFetch(body) {
	const answer = await fetch(target, { method: 'POST', headers, body });
	await answer.text();
	return answer.status;
}

const kept = new https.Agent({ keepAlive: true });
const byHttps = body => new Promise((resolve, reject) => {
	const request = https.request(target, { method: 'POST', headers, agent: kept }, answer => {
		answer.resume().on('end', () => resolve(answer.statusCode)).on('error', reject);
	});
	request.on('error', reject).end(body);
});

let session;
const byHttp2 = body => new Promise((resolve, reject) => {
	session ??= http2.connect(url);
	const head = { ':method': 'POST', ':path': '/v1/chat/completions', ...headers };
	const request = session.request(head);
	let status;
	request.on('response', got => { status = got[':status']; });
	request.resume().on('end', () => resolve(status)).on('error', reject).end(body);
});

const call = { https: byHttps, fetch: byFetch, http2: byHttp2 }[process.argv[2]];
for (const body of bodies) {
	const status = await call(body);
	if (status !== 200)
		throw new Error(`status ${status}`);
}
kept.destroy();
session?.close();
