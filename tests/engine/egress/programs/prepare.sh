# What the hosts of real_programs_test serve.
#   prepare.sh DIR       DIR has packages/*.tgz already
set -eu
cd "$1"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=A test's authority" \
  -keyout authority.key -out authority.crt 2>log || { cat log >&2; exit 1; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=hosts -CA authority.crt -CAkey authority.key \
  -addext "subjectAltName=DNS:git.test,DNS:registry.test,DNS:api.test,DNS:other.test" -addext basicConstraints=CA:FALSE \
  -keyout hosts.key -out hosts.crt 2>log || { cat log >&2; exit 1; }

export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1
git init -q -b main tree
cd tree
echo hello >README
head -c 2000000 /dev/urandom >large
git add .
git -c user.name=t -c user.email=t@example.com commit -q -m one
git clone -q --bare . ../git/app.git
cd ..

mkdir wheels
python3 - <<'PY'
import zipfile
with zipfile.ZipFile('wheels/hello-1.0-py3-none-any.whl', 'w') as wheel:
    about = 'hello-1.0.dist-info/'
    wheel.writestr('hello.py', 'word = "hello"\n')
    wheel.writestr(about + 'METADATA', 'Metadata-Version: 2.1\nName: hello\nVersion: 1.0\n')
    wheel.writestr(about + 'WHEEL', 'Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
    wheel.writestr(about + 'RECORD', f'hello.py,,\n{about}METADATA,,\n{about}WHEEL,,\n{about}RECORD,,\n')
PY
