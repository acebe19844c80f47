// A small MCP server by hand, with tools that misbehave when asked to.
import { createInterface } from 'node:readline';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';

const instance = randomUUID();
const home = process.env.HOME;
if (existsSync(`${home}/broken`)) {
  console.error('I am broken');
  process.exit(9);
}
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const tools = {
  echo: (a) => text(a.message),
  instance: () => text(instance),
  variable: (a) => text(process.env[a.name] ?? 'unset'),
  remember: (a) => { appendFileSync(`${home}/notes`, a.note + '\n'); return text('kept'); },
  recall: () => text(existsSync(`${home}/notes`) ? readFileSync(`${home}/notes`, 'utf8') : ''),
  write_own_code: () => { appendFileSync(new URL(import.meta.url), '// changed\n'); return text('changed'); },
  breakdown: () => { appendFileSync(`${home}/broken`, ''); process.exit(8); },
  exit: (a) => process.exit(a.code),
  silence: () => undefined,
  mutter: () => { console.log('this is no message'); console.error('this is an error line');
    console.error('it was given', process.env.KEY);  return text('done'); },
  twice: () => text('twice'),
};

function answer(id, result) {
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\n');
}

createInterface({ input: process.stdin }).on('line', (line) => {
  let message;
  try { message = JSON.parse(line); } catch { return; }
  const { id, method, params } = message;
  if (method === 'initialize') {
    console.error('hello from ' + instance);
    answer(id, {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'by-hand', version: '1.2.3' },
    });
  } else if (method === 'ping') {
    answer(id, {});
  } else if (method === 'tools/list') {
    answer(id, { tools: Object.keys(tools).map((name) => ({ name, description: `does ${name}`,
      inputSchema: { type: 'object' }, annotations: { destructiveHint: name === 'exit' } })) });
  } else if (method === 'tools/call') {
    const result = tools[params.name](params.arguments);
    if (result) answer(id, result);
    if (result && params.name === 'twice') answer(id, result);
  }
});
