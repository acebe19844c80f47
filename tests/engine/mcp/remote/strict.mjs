// An MCP server by Streamable HTTP that wants a header, answers with plain JSON, has no stream of its own, and forgets
// its sessions when it ends: node strict.mjs PORT AUTHORIZATION
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

const [, , port, wanted] = process.argv;
const sessions = new Set();
const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "strict", version: "1" },
  }),
  "tools/list": () => ({ tools: [{ name: "number", inputSchema: { type: "object" } }] }),
  "tools/call": () => ({ content: [{ type: "text", text: "PLACE" }] }),
};

createServer(async (request, response) => {
  const end = (status, body, headers = {}) => response.writeHead(status, headers).end(body);
  if (request.headers.authorization !== wanted) return end(401);
  if (request.method === "DELETE") return end(sessions.delete(request.headers["mcp-session-id"]) ? 204 : 404);
  if (request.method !== "POST") return end(405);
  let text = "";
  for await (const piece of request) text += piece;
  const { id, method, params } = JSON.parse(text);
  let session = request.headers["mcp-session-id"];
  if (method === "initialize") sessions.add((session = randomUUID()));
  if (!sessions.has(session)) return end(404);
  if (id === undefined) return end(202);
  const result = JSON.stringify(answers[method](params ?? {}), null, 2).replace('"PLACE"', '"one", "big": 12345678901234567890');
  end(200, `{"jsonrpc": "2.0", "id": ${JSON.stringify(id)},\n "result": ${result}}\n`, {
    "Content-Type": "application/json",
    "Mcp-Session-Id": session,
  });
}).listen(Number(port), "127.0.0.1");
