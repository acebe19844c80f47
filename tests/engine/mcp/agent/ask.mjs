// An MCP client inside a sandbox, which knows of its mesh what is in its environment and nothing else:
//   ask.mjs tools             the names of the tools
//   ask.mjs call NAME TEXT    a tool that is given a message
//   ask.mjs status PATH…      what brigd says to a GET there
const url = process.env.BRIG_MCP_URL;
const [what, ...more] = process.argv.slice(2);

async function get(path) {
  const answer = await fetch(new URL(path, url));
  return `${answer.status}`;
}

let session = '';
let last = 0;
async function send(message) {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
  if (session) headers['Mcp-Session-Id'] = session;
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) });
  session ||= answer.headers.get('mcp-session-id') ?? '';
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  const body = await answer.text();
  return body && JSON.parse(body);
}
async function ask(method, params = {}) {
  const answer = await send({ id: ++last, method, params });
  if (answer.error) throw new Error(answer.error.message);
  return answer.result;
}

if (what === 'status') {
  for (const path of more) console.log(path, await get(path));
} else {
  await ask('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'agent', version: '1' } });
  await send({ method: 'notifications/initialized' });
  if (what === 'tools') for (const tool of (await ask('tools/list')).tools) console.log(tool.name);
  if (what === 'call') {
    const result = await ask('tools/call', { name: more[0], arguments: { message: more[1] } });
    for (const part of result.content) console.log(part.text);
  }
}
