// An MCP server elsewhere, as one on standard input and output: what comes in by lines goes there over HTTP, what comes
// back leaves by lines. Speaks Streamable HTTP, and the transport of 2024-11-05 with servers that know no other.
//
//   node index.mjs URL          HEADER_NAME=VALUE in the environment is a header; _ in its name stands for -
//
// It runs in a sandbox that reaches that host alone, and believes nothing it hears: what is no JSON is dropped, what is
// too long ends the answer. Errors go to whoever asked, as answers; what concerns nobody, to standard error. Where the
// server has forgotten the session, this ends, for whoever runs it to begin anew.
const LONGEST = 8 << 20; // of a message
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];
const url = new URL(process.argv[2]);
const headers = Object.fromEntries(
  Object.entries(process.env)
    .filter(([name]) => name.startsWith("HEADER_"))
    .map(([name, value]) => [name.slice("HEADER_".length).replaceAll("_", "-"), value]),
);
const ending = new AbortController();
const under_way = new Map(); // requests by their ids, to be given up

let session; // as the server calls it
let version; // of the protocol, once agreed
let old; // where messages go, by the transport of 2024-11-05

const say = (text) => process.stderr.write(`${text}\n`);
const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms, undefined));
const fail = (id, message) => {
  if (id === undefined) say(message);
  else write({ jsonrpc: "2.0", id, error: { code: -32000, message } });
};

function why(error) {
  const cause = error.cause ?? error;
  return `${url.host} cannot be reached: ${cause.code ?? cause.message}`;
}

function refusal(status) {
  if (status === 401 || status === 403)
    return `${url.host} refuses (${status}); give what it asks for, as in --env 'HEADER_AUTHORIZATION=$vault:KEY'`;
  if (status >= 300 && status < 400) return `${url.host} sends elsewhere (${status}); deploy the address it names`;
  return `${url.host} answers with status ${status}`;
}

function request(method, more, body, to = url, signal = ending.signal) {
  const all = { ...headers, ...more };
  if (session) all["Mcp-Session-Id"] = session;
  if (version) all["MCP-Protocol-Version"] = version;
  return fetch(to, { method, headers: all, body, redirect: "manual", signal });
}

// What was said, if it is a message or several.
function messages(text) {
  try {
    const read = JSON.parse(text);
    return (Array.isArray(read) ? read : [read]).filter((one) => one !== null && typeof one === "object");
  } catch {
    say(`${url.host} said something that is no JSON`);
    return [];
  }
}

async function whole(response) {
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (text.length > LONGEST) throw new Error(`an answer is over ${LONGEST >> 20} MiB`);
  }
  return text;
}

// Server-sent events, one by one.
async function* events(response) {
  let pending = "";
  let event = { name: "message", data: [] };
  let size = 0;
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    pending += piece;
    if (pending.length + size > 2 * LONGEST) throw new Error(`an event is over ${LONGEST >> 20} MiB`);
    const lines = pending.split(/\r\n|\n|\r(?!$)/);
    pending = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data.length > 0) yield { ...event, data: event.data.join("\n") };
        event = { name: "message", data: [], id: event.id };
        size = 0;
        continue;
      }
      const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (field === "data") event.data.push(value);
      if (field === "event") event.name = value;
      if (field === "id" && !value.includes("\0")) event.id = value;
      size += line.length;
    }
  }
}

function take(text, waiting) {
  const all = messages(text);
  for (const message of all) {
    if (message.method === undefined && waiting !== undefined && message.id === waiting.id) {
      waiting.answered = true;
      if (waiting.initialize) version = message.result?.protocolVersion;
    }
    // As it came, but for line breaks, which JSON has between its tokens alone.
    if (all.length === 1 && !text.trimStart().startsWith("[")) process.stdout.write(`${text.replace(/[\r\n]+/g, " ")}\n`);
    else write(message);
  }
}

// The stream of an answer or, without `waiting`, of what the server says by itself. One that breaks is taken up again
// where it broke, if the server gave its events ids.
async function listen(response, waiting, signal) {
  let last;
  for (let tries = 0; ; ++tries) {
    try {
      for await (const event of events(response)) {
        tries = 0;
        last = event.id ?? last;
        take(event.data, waiting);
        if (waiting?.answered) return;
      }
    } catch (error) {
      if (ending.signal.aborted || signal?.aborted) return;
      if (/ is over /.test(error.message)) throw error;
    }
    if (waiting && (waiting.answered || last === undefined || tries >= RETRY_MS.length)) return;
    await pause(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
    const more = { Accept: "text/event-stream", ...(last === undefined ? {} : { "Last-Event-ID": last }) };
    try {
      response = await request("GET", more, undefined, url, signal);
    } catch {
      if (ending.signal.aborted || signal?.aborted) return;
      continue;
    }
    if (response.status === 404 && session) lost();
    if (!response.ok) {
      await response.body?.cancel();
      return;
    }
  }
}

function lost() {
  say(`${url.host} has forgotten the session`);
  process.exit(1);
}

async function listen_aside() {
  let response;
  try {
    response = await request("GET", { Accept: "text/event-stream" });
  } catch {
    return;
  }
  const streams = response.ok && (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
  if (streams) await listen(response);
  else await response.body?.cancel();
}

// The transport of 2024-11-05: one stream for all that the server says, whose first event names where to send.
async function begin_old() {
  const response = await request("GET", { Accept: "text/event-stream" });
  if (!response.ok || !(response.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
    await response.body?.cancel();
    return false;
  }
  const stream = events(response);
  const first = await stream.next();
  if (first.done || first.value.name !== "endpoint") return false;
  const endpoint = new URL(first.value.data, url);
  if (endpoint.origin !== url.origin) throw new Error("it sends to another host");
  old = endpoint;
  (async () => {
    try {
      for await (const event of stream) take(event.data);
    } catch (error) {
      say(why(error));
    }
    if (!ending.signal.aborted) lost();
  })();
  return true;
}

async function send(message, text) {
  const id = message.method === undefined ? undefined : message.id;
  const waiting = id === undefined ? undefined : { id, initialize: message.method === "initialize" };
  const more = { "Content-Type": "application/json", Accept: "application/json, text/event-stream" };
  const given_up = new AbortController();
  const signal = AbortSignal.any([ending.signal, given_up.signal]);
  if (waiting) {
    under_way.set(id, given_up);
    waiting.done = () => under_way.get(id) === given_up && under_way.delete(id);
  }
  try {
    await exchange(message, text, waiting, more, signal);
  } catch (error) {
    if (!given_up.signal.aborted) throw error;
  } finally {
    waiting?.done();
  }
}

async function exchange(message, text, waiting, more, signal) {
  const id = waiting?.id;
  let response = await request("POST", more, text, old ?? url, signal);
  if (waiting?.initialize && !old && [400, 404, 405].includes(response.status)) {
    const { status } = response;
    await response.body?.cancel();
    if (!(await begin_old())) return fail(id, refusal(status));
    response = await request("POST", more, text, old, signal);
  }
  if (!response.ok) {
    // 404 by the specification; some say 400, and why.
    const said = response.status === 400 ? await whole(response) : await response.body?.cancel();
    if (session && (response.status === 404 || /session/i.test(said))) lost();
    return fail(id, refusal(response.status));
  }
  if (old) return response.body?.cancel(); // the answer comes by the stream
  if (waiting?.initialize) session = response.headers.get("mcp-session-id") ?? undefined;
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/event-stream")) await listen(response, waiting, signal);
  else if (type.startsWith("application/json")) take(await whole(response), waiting);
  else await response.body?.cancel();
  if (waiting && !waiting.answered && !signal.aborted) fail(id, `${url.host} gave no answer`);
  if (message.method === "notifications/cancelled") under_way.get(message.params?.requestId)?.abort();
  if (message.method === "notifications/initialized") listen_aside().catch((error) => say(why(error)));
}

// At line feeds alone: what else some take for the end of a line stands in messages as it is.
async function* lines(stream) {
  let pieces = [];
  for await (const piece of stream.setEncoding("utf8")) {
    const [first, ...more] = piece.split("\n");
    pieces.push(first);
    for (const next of more) {
      yield pieces.join("");
      pieces = [next];
    }
  }
}

for await (const line of lines(process.stdin)) {
  const [message] = messages(line);
  if (!message) continue;
  const sent = send(message, line).catch((error) => {
    if (!ending.signal.aborted) fail(message.method === undefined ? undefined : message.id, why(error));
  });
  // What comes after it is for a server that knows.
  if (message.method === "notifications/initialized") await sent;
}
if (session) await request("DELETE", {}).catch(() => {});
ending.abort();
