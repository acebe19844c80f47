// A small MCP server by hand that makes use of all that a client can do for it.
import { createInterface } from 'node:readline';

const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n');
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const asked = new Map();
const waiting = [];
const cancelled = [];
let asks = 0;

function ask(method, params) {
  const id = `ask-${++asks}`;
  send({ id, method, params });
  return new Promise((resolve) => asked.set(id, resolve));
}

function release() {
  const all = waiting.splice(0);
  for (const go of all) go(text('released'));
  return all.length;
}
process.on('SIGUSR2', release);

const tools = {
  echo: (a) => text(a.message),
  sample: async (a) => text(JSON.stringify(await ask('sampling/createMessage', {
    messages: [{ role: 'user', content: { type: 'text', text: a.prompt } }], maxTokens: 5 }))),
  count: (a, meta) => {
    for (let i = 1; i <= 3; ++i)
      send({ method: 'notifications/progress', params: { progressToken: meta.progressToken, progress: i, total: 3 } });
    return text('counted');
  },
  speak: () => {
    send({ method: 'notifications/message', params: { level: 'debug', data: 'too much' } });
    send({ method: 'notifications/message', params: { level: 'error', data: 'enough' } });
    return text('spoken');
  },
  wait: () => new Promise((resolve) => waiting.push(resolve)),
  release: () => text(release()),
  waiting: () => text(waiting.length),
  cancelled: () => text(cancelled.length),
};
const answers = {
  initialize: (p) => ({ protocolVersion: p.protocolVersion, instructions: 'Ask nicely.',
    capabilities: { tools: {}, prompts: {}, resources: { subscribe: true }, logging: {} },
    serverInfo: { name: 'asks-back', version: '0.1.0' } }),
  ping: () => ({}),
  'tools/list': () => ({ tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' },
    annotations: { readOnlyHint: name === 'echo' } })) }),
  'tools/call': (p) => tools[p.name](p.arguments ?? {}, p._meta),
  'resources/list': () => ({ resources: [{ uri: 'demo://note', name: 'note' }] }),
  'resources/read': (p) => ({ contents: [{ uri: p.uri, text: 'a note' }] }),
  'resources/subscribe': (p) => { setImmediate(() => send({ method: 'notifications/resources/updated', params: { uri: p.uri } })); return {}; },
  'prompts/list': () => ({ prompts: [{ name: 'greet' }] }),
  'prompts/get': (p) => ({ messages: [{ role: 'user', content: { type: 'text', text: `${p.name} you` } }] }),
  'logging/setLevel': () => ({}),
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  let message;
  try { message = JSON.parse(line); } catch { return; }
  const { id, method, params } = message;
  if (method === 'notifications/cancelled') cancelled.push(params.requestId);
  if (!method) return asked.get(id)?.(message.result ?? message.error);
  if (id === undefined) return;
  if (!answers[method]) return send({ id, error: { code: -32601, message: 'no such method' } });
  send({ id, result: await answers[method](params) });
});
