// A server that says which version of it answers. Files in its home say when it goes on.
import { createInterface } from 'node:readline';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const home = process.env.HOME;
const about = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
if (about.broken) {
  console.error('I am broken');
  process.exit(9);
}
const me = `${about.version} ${process.env.FLAVOUR ?? 'plain'}`;
console.error('hello from ' + me);

function until(name, then) {
  const look = setInterval(() => {
    if (!existsSync(`${home}/${name}`)) return;
    clearInterval(look);
    then();
  }, 20);
}
function answer(id, result) {
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\n');
}
const say = (id) => answer(id, { content: [{ type: 'text', text: me }] });

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === 'initialize') {
    const greet = () => answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} },
      serverInfo: { name: 'versions', version: about.version } });
    if (about.slow) until('open', greet); else greet();
  } else if (method === 'ping') {
    answer(id, {});
  } else if (method === 'tools/list') {
    answer(id, { tools: ['who', 'put', 'until'].map((name) => ({ name, inputSchema: { type: 'object' } })) });
  } else if (method === 'tools/call') {
    if (params.name === 'put') {
      writeFileSync(`${home}/${params.arguments.name}`, '');
      if (params.arguments.exit) process.exit(5);
    }
    if (params.name !== 'until') return say(id);
    console.error('waiting for ' + params.arguments.name);
    until(params.arguments.name, () => say(id));
  }
});
