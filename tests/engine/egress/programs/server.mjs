// The hosts that real_programs_test allows, in brigd's network: HTTP/1.1, HTTP/2 and plain HTTP on one program.
//
//   node server.mjs ADDRESS DIR      DIR: hosts.crt, hosts.key, git/*.git, packages/*.tgz, wheels/*.whl
//
// Writes "ready", then a line for each connection: "tls NAME" as the client names it, and "http HOST".
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { createSecureServer } from 'node:http2'
import { gunzipSync } from 'node:zlib'

const [address, dir] = process.argv.slice(2)
const say = (text) => process.stdout.write(text + '\n')
const read = async (request) => {
  const pieces = []
  for await (const piece of request) pieces.push(piece)
  return Buffer.concat(pieces)
}

// Smart HTTP, by git's own program.
async function git(request, response) {
  const url = new URL(request.url, 'https://git.test')
  const body = await read(request)
  const run = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH, GIT_PROJECT_ROOT: dir + '/git', GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: url.pathname,
      GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*',
      QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method, REMOTE_ADDR: '127.0.0.1',
      CONTENT_TYPE: request.headers['content-type'] ?? '', HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: request.headers['git-protocol'] ?? '',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  run.stdin.on('error', () => {})
  run.stdin.end(body)
  const out = await read(run.stdout)
  const end = out.indexOf('\r\n\r\n')
  for (const line of out.subarray(0, end).toString().split('\r\n')) {
    const [name, value] = line.split(': ')
    if (name === 'Status') response.statusCode = parseInt(value)
    else response.setHeader(name, value)
  }
  response.end(out.subarray(end + 4))
}

// The package.json of a package, which npm packs first or not.
function manifest(tar) {
  for (let at = 0; tar[at] !== 0;) {
    const name = tar.subarray(at, at + 100).toString().split('\0')[0]
    const size = parseInt(tar.subarray(at + 124, at + 136).toString(), 8)
    if (name === 'package/package.json') return JSON.parse(tar.subarray(at + 512, at + 512 + size))
    at += 512 + Math.ceil(size / 512) * 512
  }
}
const packages = new Map(readdirSync(dir + '/packages').map((file) => {
  const tgz = readFileSync(`${dir}/packages/${file}`)
  const about = manifest(gunzipSync(tgz))
  about.dist = {
    tarball: `https://registry.test/${about.name}/-/${file}`,
    integrity: 'sha512-' + createHash('sha512').update(tgz).digest('base64'),
  }
  return [about.name, { about, tgz }]
}))
function registry(request, response) {
  const [, name, tarball, file] = request.url.split('/')
  if (name === 'simple') {  // pip's
    response.setHeader('content-type', 'text/html')
    const wheels = readdirSync(dir + '/wheels')
    return response.end(wheels.map((wheel) => `<a href="/wheels/${wheel}">${wheel}</a>`).join('\n'))
  }
  if (name === 'wheels') return response.end(readFileSync(`${dir}/wheels/${tarball}`))
  const found = packages.get(name)
  if (!found) return response.writeHead(404).end()
  if (file) return response.end(found.tgz)
  const { about } = found
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ name, 'dist-tags': { latest: about.version }, versions: { [about.version]: about } }))
}

// Server-sent events: each is sent when the client has said, on a connection of its own, that it has the one before.
const streams = new Map()
async function api(request, response) {
  const url = new URL(request.url, 'https://api.test')
  const stream = streams.get(url.searchParams.get('stream'))
  if (url.pathname === '/events') {
    response.setHeader('content-type', 'text/event-stream')
    response.write('data: 1\n\n')
    streams.set(url.searchParams.get('stream'), response)
  } else if (url.pathname === '/seen') {
    const number = parseInt(url.searchParams.get('number')) + 1
    if (number < 4) stream.write(`data: ${number}\n\n`)
    else stream.end()
    response.end()
  } else {
    const body = await read(request)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method: request.method, path: url.pathname, version: request.httpVersion, bytes: body.length }))
  }
}

// A WebSocket that says everything again.
function websocket(request, socket) {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11')
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`)
  let have = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (piece) => {
    have = Buffer.concat([have, piece])
    while (have.length >= 2) {
      const short = have[1] & 127
      const head = short === 127 ? 10 : short === 126 ? 4 : 2
      if (have.length < head + 4) return
      const size = short === 127 ? Number(have.readBigUInt64BE(2)) : short === 126 ? have.readUInt16BE(2) : short
      if (have.length < head + 4 + size) return
      const mask = have.subarray(head, head + 4)
      const body = have.subarray(head + 4, head + 4 + size).map((byte, i) => byte ^ mask[i % 4])
      socket.write(Buffer.concat([have.subarray(0, 1), Buffer.from([short]), have.subarray(2, head), body]))
      if ((have[0] & 15) === 8) socket.end()
      have = have.subarray(head + 4 + size)
    }
  })
}

async function serve(request, response) {
  const host = request.headers[':authority'] ?? request.headers.host
  say('http ' + host)
  try {
    if (host === 'git.test') await git(request, response)
    else if (host === 'registry.test') registry(request, response)
    else await api(request, response)
  } catch (error) {  // mostly a client that left
    say(`${request.url} ended: ${error.stack}`)
    response.destroy()
  }
}
process.on('uncaughtException', (error) => say('error ' + error.stack))

const options = { cert: readFileSync(dir + '/hosts.crt'), key: readFileSync(dir + '/hosts.key'), allowHTTP1: true }
const secure = createSecureServer(options, serve)
secure.on('secureConnection', (socket) => say('tls ' + socket.servername))
secure.on('upgrade', websocket)
secure.listen(443, address, () => createServer(serve).listen(80, address, () => say('ready')))
