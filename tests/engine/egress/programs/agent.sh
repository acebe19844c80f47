# What a project's programs do, in a sandbox that may reach git.test, registry.test and api.test.
#   agent.sh MODE        MODE: "proxy" or "names" (the variables that name a proxy are unset)
# Prints "ok WHAT" for each that works; what does not says why.
mode=$1
cd "$(mktemp -d)" || exit 1
if [ "$mode" = names ]; then
  for name in $(env | sed -n 's/^\([A-Za-z_]*_[Pp][Rr][Oo][Xx][Yy]\)=.*/\1/p'); do unset "$name"; done
else
  export NODE_USE_ENV_PROXY=1
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
check() { # check WHAT COMMAND…
  what=$1
  shift
  if "$@" >log 2>&1; then echo "ok $what"; else echo "failed $what: $(tail -c 2000 log)"; fi
}
fails() { ! "$@"; }

clone() { git clone -q https://git.test/app.git app && grep -q hello app/README; }
push() { cd app && git fetch -q origin && git ls-remote -q --exit-code origin main; }
check clone clone
check fetch push

# `which` has a program and a dependency.
install() {
  npm install --registry https://registry.test/ --no-audit --no-fund --no-update-notifier which &&
    [ -d node_modules/isexe ] && [ "$(./node_modules/.bin/node-which sh)" = "$(command -v sh)" ]
}
check npm install
pip() { python3 -m pip install -q --target site --index-url https://registry.test/simple/ hello && PYTHONPATH=site python3 -c 'import hello'; }
check pip pip

answers() { "$@" https://api.test/json >answer && grep -q '"path":"/json"' answer; }
check curl answers curl -sS --http1.1
check http2 sh -c 'curl -sS --http2 https://api.test/two | grep "\"version\":\"2.0\""'
head -c 3000000 /dev/zero >large
check upload sh -c 'curl -sS --data-binary @large https://api.test/up | grep "\"bytes\":3000000"'
check plain sh -c 'curl -sS http://api.test/a http://api.test/b | grep "\"path\":\"/b\""'
check python python3 -c 'import urllib.request as u; assert b"/json" in u.urlopen("https://api.test/json").read()'
cat >fetch.mjs <<'JS'
const answer = await (await fetch('https://api.test/json', { method: 'POST', body: 'x'.repeat(100000) })).json()
if (answer.bytes !== 100000) throw new Error(JSON.stringify(answer))
JS
check fetch.js node fetch.mjs
cat >events.mjs <<'JS'
const stream = String(process.pid) + process.env.MODE
const events = (await fetch('https://api.test/events?stream=' + stream)).body.pipeThrough(new TextDecoderStream())
let number = 0
for await (const event of events) {
  if (event !== `data: ${++number}\n\n`) throw new Error(event)
  await (await fetch(`https://api.test/seen?stream=${stream}&number=${number}`)).text()
}
if (number !== 3) throw new Error(`${number} events`)
JS
check events env MODE="$mode" node events.mjs
cat >socket.mjs <<'JS'
const socket = new WebSocket('wss://api.test/echo')
socket.binaryType = 'arraybuffer'
const next = (what) => new Promise((yes, no) => { socket['on' + what] = yes; socket.onerror = (e) => no(e.error ?? e) })
await next('open')
for (const size of [5, 60000, 1000000]) {
  socket.send('x'.repeat(size))
  const { data } = await next('message')
  if (data !== 'x'.repeat(size)) throw new Error(`${size} came back as ${data.length}`)
}
socket.close()
await next('close')
JS
check websocket node socket.mjs

check denied fails curl -sS https://other.test/json
check denied.git fails git clone -q https://other.test/app.git other
check denied.fetch fails node -e 'await fetch("https://other.test/")' --input-type=module
