// soak.mjs BODY URL...: posts the file to each on one connection, and writes the answers.
import fs from 'node:fs';
import https from 'node:https';

const [file, ...urls] = process.argv.slice(2);
const body = fs.readFileSync(file);
const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });

const post = url => new Promise((resolve, reject) => {
	const headers = { 'content-length': body.length };
	https.request(url, { method: 'POST', agent, headers }, answer => {
		const pieces = [];
		answer.on('data', piece => pieces.push(piece)).on('error', reject)
			.on('end', () => resolve([answer.statusCode, Buffer.concat(pieces)]));
	}).on('error', reject).end(body);
});

for (const url of urls) {
	const [status, text] = await post(url);
	if (status !== 200)
		throw new Error(`status ${status}`);
	process.stdout.write(text);
}
agent.destroy();
