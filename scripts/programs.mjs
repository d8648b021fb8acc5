// Plain JavaScript for Node 18 and later: setup reads it before anything is installed.
import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs that are not npm packages: their Debian packages, and which commands need them. */
export const programs = [
  { program: 'chromium', package: 'chromium', for: ['tests'] },
  // Of util-linux; it gives a program a terminal.
  { program: 'script', package: 'bsdutils', for: ['tests'] },
  { program: 'openssl', package: 'openssl', for: ['tests'] },
  { program: 'wrk', package: 'wrk', for: ['tests', 'bench'] },
  // Servers: the tests break private instances of them, and the benchmarks measure them.
  { program: 'postgres', package: 'postgresql', for: ['tests', 'bench'] },
  { program: 'pgbouncer', package: 'pgbouncer', for: ['tests', 'bench'] },
  { program: 'mariadbd', package: 'mariadb-server', for: ['tests', 'bench'] },
  { program: 'redis-server', package: 'redis-server', for: ['tests', 'bench'] },
  { program: 'valkey-server', package: 'valkey-server', for: ['tests'], note: 'in Debian 12 from its backports' },
  { program: 'memcached', package: 'memcached', for: ['tests', 'bench'] },
  // Modules of Debian's Python: a real Django is the peer that its formats are tested against.
  { program: 'django', package: 'python3-django', for: ['tests'] },
  { program: 'psycopg2', package: 'python3-psycopg2', for: ['tests'] },
  { program: 'MySQLdb', package: 'python3-mysqldb', for: ['tests'] },
  { program: 'redis_sessions', package: 'python3-django-redis-sessions', for: ['tests'] },
  { program: 'django_redis', package: 'python3-django-redis', for: ['tests'] },
]

/** Where Debian's Python has its modules, each a folder. */
const MODULES = '/usr/lib/python3/dist-packages'

/** The program's full path, or null. Debian's own folders count although a stripped PATH may lack them. */
export function find(program) {
  const path = (process.env.PATH ?? '').split(delimiter)
  const folders = [...path, '/usr/bin', '/usr/sbin', ...postgresFolders(), MODULES]
  for (const folder of folders.filter(Boolean)) {
    const file = join(folder, program)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {}
  }
  return null
}

/** Debian keeps each version of PostgreSQL in a folder of its own, outside of PATH; the newest first. */
function postgresFolders() {
  const all = '/usr/lib/postgresql'
  try {
    const versions = readdirSync(all).sort((a, b) => Number(b) - Number(a))
    return versions.map((version) => join(all, version, 'bin'))
  } catch {
    return []
  }
}

/** The line that would install these packages by hand. */
export const installLine = (packages) => `sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`
