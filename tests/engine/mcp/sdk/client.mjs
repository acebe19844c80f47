// What the official SDK's client makes of a mesh: one line, "ok NAME" or "not ok NAME: why", for each thing it tries.
//   client.mjs http URL TOKEN | client.mjs stdio COMMAND ARG…
// The mesh has the services ev, files, mem, dc and own (server/ of this test).
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';

const [kind, ...where] = process.argv.slice(2);
const run = `run${process.pid}`; // names of its own in services that remember
let roots = [{ uri: 'file:///home/service', name: 'the first root' }];
const heard = { logs: [], updated: [] };
let wake = () => {};

function transport() {
  if (kind === 'stdio') return new StdioClientTransport({ command: where[0], args: where.slice(1), env: process.env });
  return new StreamableHTTPClientTransport(new URL(where[0]), { requestInit: { headers: { authorization: `Bearer ${where[1]}` } } });
}
// Until what was heard satisfies it.
async function until(condition) {
  while (!condition()) await new Promise((resolve) => { wake = resolve; });
}
const first = (result) => result.content[0].text;
const call = (name, args = {}, options) => client.callTool({ name, arguments: args }, undefined, options);

const client = new Client({ name: 'sdk-test', version: '1.0.0' },
  { capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } } });
client.setRequestHandler(types.CreateMessageRequestSchema, (request) => ({
  model: 'none', role: 'assistant', stopReason: 'endTurn',
  content: { type: 'text', text: `asked: ${request.params.messages[0].content.text}` } }));
client.setRequestHandler(types.ElicitRequestSchema, (request) => ({
  action: 'accept', content: { name: Object.keys(request.params.requestedSchema.properties)[0], check: true, integer: 7 } }));
client.setRequestHandler(types.ListRootsRequestSchema, () => ({ roots }));
client.setNotificationHandler(types.LoggingMessageNotificationSchema, (n) => { heard.logs.push(n.params); wake(); });
client.setNotificationHandler(types.ResourceUpdatedNotificationSchema, (n) => { heard.updated.push(n.params.uri); wake(); });

const checks = {
  async initialize() {
    assert.equal(client.getServerVersion().name, 'brig');
    assert.equal(client.getServerVersion().title, 'acme');
    assert.match(client.getInstructions(), /Ask nicely/);
    await client.ping();
  },
  async tools() {
    const { tools } = await client.listTools();
    const by = Object.fromEntries(tools.map((tool) => [tool.name, tool]));
    for (const name of ['ev__echo', 'files__write_file', 'mem__create_entities', 'dc__db_query', 'own__echo']) assert.ok(by[name], name);
    assert.equal(Object.keys(by).filter((name) => name.startsWith('dc__')).length, 15);
    assert.equal(by.dc__db_delete.annotations.destructiveHint, true);
    assert.equal(by.dc__db_query.annotations.readOnlyHint, true);
    assert.equal(first(await call('ev__echo', { message: 'h\u00e9 "\n' })), 'Echo: h\u00e9 "\n');
    assert.equal((await call('ev__echo', { message: 7 })).isError, true);
    // The client holds it against the schema it was told.
    const structured = await call('ev__get-structured-content', { location: 'Chicago' });
    assert.ok(structured.structuredContent.temperature);
    const image = await call('ev__get-tiny-image');
    assert.ok(image.content.some((part) => part.type === 'image' && part.data.length > 100));
    await assert.rejects(call('ev__no-such-tool'), { code: types.ErrorCode.InvalidParams });
    await assert.rejects(call('none__echo'), { code: types.ErrorCode.InvalidParams });
  },
  async many() {
    const all = Array.from({ length: 50 }, (_, i) => call(i % 2 ? 'ev__echo' : 'own__echo', { message: `${i}` }));
    (await Promise.all(all)).forEach((said, i) => assert.equal(first(said), i % 2 ? `Echo: ${i}` : `${i}`));
  },
  async files() {
    const path = `/home/service/${run}.txt`;
    await call('files__write_file', { path, content: 'kept' });
    assert.equal(first(await call('files__read_text_file', { path })), 'kept');
    assert.equal((await call('files__read_text_file', { path: '/etc/passwd' })).isError, true);
  },
  async memory() {
    await call('mem__create_entities', { entities: [{ name: run, entityType: 'test', observations: ['was here'] }] });
    const found = await call('mem__search_nodes', { query: run });
    assert.deepEqual(found.structuredContent.entities[0].observations, ['was here']);
  },
  async backend() {
    const sql = `CREATE TABLE ${run} (id serial primary key, body text);`;
    const made = await call('dc__db_migrate', { sql });
    assert.ok(!made.isError, first(made));
    await call('dc__db_insert', { table: run, data: { body: 'hello' } });
    assert.match(first(await call('dc__db_query', { table: run })), /hello/);
  },
  async resources() {
    const { resources } = await client.listResources();
    assert.ok(resources.some((r) => r.uri.startsWith('brig://ev/demo://resource/static/')));
    assert.ok(resources.some((r) => r.uri === 'brig://own/demo://note'));
    const { resourceTemplates } = await client.listResourceTemplates();
    assert.ok(resourceTemplates.some((t) => t.uriTemplate === 'brig://ev/demo://resource/dynamic/text/{resourceId}'));
    const read = await client.readResource({ uri: 'brig://ev/demo://resource/dynamic/text/3' });
    assert.match(read.contents[0].text, /^Resource 3: /);
    const uri = 'brig://ev/demo://resource/dynamic/text/1';
    await client.subscribeResource({ uri });
    // It is a switch, and whoever was here before may have left it on.
    while (!/^Started/.test(first(await call('ev__toggle-subscriber-updates')))) { /* off, and on again */ }
    await until(() => heard.updated.includes(uri));
    await call('ev__toggle-subscriber-updates');
    await client.unsubscribeResource({ uri });
  },
  async prompts() {
    const { prompts } = await client.listPrompts();
    assert.ok(prompts.some((p) => p.name === 'ev__args-prompt' && p.arguments.length === 2));
    const said = await client.getPrompt({ name: 'ev__args-prompt', arguments: { city: 'Bern' } });
    assert.equal(said.messages[0].content.text, "What's weather in Bern?");
  },
  async completion() {
    const ref = { type: 'ref/prompt', name: 'ev__completable-prompt' };
    const some = await client.complete({ ref, argument: { name: 'department', value: 'S' } });
    assert.deepEqual(some.completion.values, ['Sales', 'Support']);
    const more = await client.complete({ ref, argument: { name: 'name', value: '' }, context: { arguments: { department: 'Sales' } } });
    assert.deepEqual(more.completion.values, ['David', 'Eve', 'Frank']);
    const template = { type: 'ref/resource', uri: 'brig://ev/demo://resource/dynamic/text/{resourceId}' };
    const ids = await client.complete({ ref: template, argument: { name: 'resourceId', value: '5' } });
    assert.deepEqual(ids.completion.values, ['5']);
  },
  async sampling() {
    assert.match(first(await call('ev__trigger-sampling-request', { prompt: run })), new RegExp(`asked: .*${run}`));
  },
  async elicitation() {
    const said = await call('ev__trigger-elicitation-request');
    assert.match(JSON.stringify(said.content), /integer\\*": ?7/);
  },
  async roots() {
    assert.match(first(await call('ev__get-roots-list')), /the first root|\(1 total\)/);
    roots = [...roots, { uri: 'file:///home/service/more', name: `root of ${run}` }];
    await client.sendRootsListChanged();
    while (!first(await call('ev__get-roots-list')).includes(`root of ${run}`)) await client.ping();
  },
  async logging() {
    await client.setLoggingLevel('debug');
    while (!/^Started/.test(first(await call('ev__toggle-simulated-logging')))) { /* as above */ }
    await until(() => heard.logs.some((log) => /message/.test(log.data)));
    await call('ev__toggle-simulated-logging');
    await client.setLoggingLevel('error');
    heard.logs = [];
    await call('own__speak');
    await until(() => heard.logs.some((log) => log.data === 'enough'));
    assert.ok(!heard.logs.some((log) => log.data === 'too much'));
  },
  async progress() {
    const steps = [];
    while (steps.length === 0) { // The client drops what arrives together with the answer.
      const said = await call('ev__trigger-long-running-operation', { duration: 0.2, steps: 4 },
        { onprogress: (progress) => steps.push(progress.progress) });
      assert.match(first(said), /completed/);
    }
    assert.deepEqual(steps, [1, 2, 3, 4].slice(0, steps.length));
  },
  async cancellation() {
    const before = Number(first(await call('own__cancelled')));
    const stop = new AbortController();
    const waiting = call('own__wait', {}, { signal: stop.signal });
    while (first(await call('own__waiting')) === '0') { /* until it is in flight */ }
    stop.abort('no more');
    await assert.rejects(waiting);
    while (Number(first(await call('own__cancelled'))) === before) { /* until the server has heard of it */ }
    await call('own__release');
  },
};

await client.connect(transport());
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`not ok ${name}: ${error.stack ?? error}`);
  }
}
await client.transport.terminateSession?.();
await client.close();
process.exit(0); // whatever is still open
