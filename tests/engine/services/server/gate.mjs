// A server whose tools are those that its package says, until it is told to become another.
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';

const about = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
let tools = about.tools;
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n');

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === 'initialize') {
    say({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: { listChanged: true } },
      serverInfo: { name: 'gate', version: about.version }, instructions: about.instructions } });
  } else if (method === 'ping') {
    say({ id, result: {} });
  } else if (method === 'tools/list') {
    say({ id, result: { tools: Object.entries(tools).map(([name, description]) =>
      ({ name, description, inputSchema: { type: 'object' } })) } });
  } else if (method === 'tools/call') {
    if (params.name === 'become') {
      tools = params.arguments;
      say({ method: 'notifications/tools/list_changed' });
    }
    say({ id, result: { content: [{ type: 'text', text: `${params.name} of ${about.version}` }] } });
  }
});
