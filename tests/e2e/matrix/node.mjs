// node.mjs https|fetch: two plain calls and a streamed one.
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

for (const body of bodies) {
	const status = await (process.argv[2] === 'fetch' ? byFetch : byHttps)(body);
	if (status !== 200)
		throw new Error(`status ${status}`);
}
kept.destroy();
