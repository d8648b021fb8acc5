// Runs before `npm start`, `npm test` and `npm run bench`, possibly on a fresh clone with nothing installed. Plain JavaScript
// for the Node that the machine has (18 or later); everything after it runs on the project's own Node.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { find, installLine, programs } from './programs.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const lock = join(root, '.setup.lock')
const LEAST = [22, 13]

await takeLock()
try {
  if (!installed()) install()
  checkNode()
  for (const use of ['tests', 'bench']) if (process.argv.includes(`--${use}`)) installPrograms(use)
} finally {
  rmSync(lock, { force: true })
}

/** Two commands started in parallel on a fresh clone would otherwise install over each other. */
async function takeLock() {
  for (let waited = 0; ; waited++) {
    try {
      return writeFileSync(lock, String(process.pid), { flag: 'wx' })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isAbandoned()) rmSync(lock, { force: true })
    if (waited === 10) console.log('Waiting for another setup of this folder to end (.setup.lock) …')
    await new Promise((done) => setTimeout(done, 200))
  }
}

/** A setup that was killed leaves its lock behind. An empty lock is one that is just being written. */
function isAbandoned() {
  try {
    const pid = Number(readFileSync(lock, 'utf8'))
    return pid > 0 && process.kill(pid, 0) !== true
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

/** Whether node_modules is what the lockfile asks for. Compares hashes, because timestamps can be wrong. */
function installed() {
  const hidden = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(hidden)) return false
  const read = (file) => JSON.parse(readFileSync(file, 'utf8')).packages
  const present = read(hidden)
  return Object.entries(read(join(root, 'package-lock.json'))).every(([path, wanted]) => {
    if (path === '') return true
    const found = present[path]
    // Optional packages of other platforms are in the lockfile and never on the disk.
    return found ? found.integrity === wanted.integrity : Boolean(wanted.optional || wanted.devOptional)
  })
}

function install() {
  console.log('Installing dependencies (npm ci) …')
  // NODE_ENV=production must not leave out the Node that everything here runs on.
  npm('ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error')
}

function npm(...args) {
  const { npm_execpath: cli, npm_node_execpath: node = process.execPath } = process.env
  const [command, ...first] = cli ? [node, cli] : ['npm']
  const run = spawnSync(command, [...first, ...args], { cwd: root, encoding: 'utf8', shell: !cli && isWindows() })
  if (run.status === 0) return
  process.stderr.write(`${run.stdout ?? ''}${run.stderr ?? ''}`)
  fail(`npm ${args.join(' ')} failed${run.error ? `: ${run.error.message}` : ''}.`)
}

/** The Node of the dev dependency `node`: its install script puts the binary in place, and npm may be told to skip those. */
function checkNode() {
  if (!nodeVersion()) npm('rebuild', 'node', '--ignore-scripts=false', '--loglevel=error')
  const version = nodeVersion()
  if (!version) fail('The package `node` was installed without its binary. Remove node_modules and run this again.')
  const [major, minor] = version.split('.').map(Number)
  if (major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1]))
    fail(`The package \`node\` brought Node ${version}; Strongroom needs ${LEAST.join('.')} or later.`)
}

function nodeVersion() {
  const binary = join(root, 'node_modules', 'node', 'bin', isWindows() ? 'node.exe' : 'node')
  const { status, stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim().slice(1) : null
}

/** Installs what is missing on Debian, as root. Elsewhere, or if that fails, suites are skipped and say how to enable them. */
function installPrograms(use) {
  const missing = programs
    .filter((entry) => entry.for.includes(use) && !find(entry.program))
    .map((entry) => entry.package)
  if (missing.length === 0 || process.getuid?.() !== 0 || !find('apt-get')) return
  console.log(`Installing Debian packages: ${missing.join(', ')} …`)
  apt('update')
  const known = missing.filter((name) => spawnSync('apt-cache', ['show', name]).status === 0)
  const unknown = missing.filter((name) => !known.includes(name))
  if (known.length > 0) installPackages(known)
  if (unknown.length > 0) withBackports((options) => installPackages(unknown, options))
}

function installPackages(packages, options = []) {
  const run = withoutStarting(() => apt('install', '-y', '--no-install-recommends', ...options, ...packages))
  if (run.status === 0) return
  console.error(`${run.stderr ?? ''}apt-get could not install them; suites that need them are skipped.`)
  console.error(`By hand: ${installLine(packages)}`)
}

/**
 * Runs `work` with apt options that add this Debian's backports from the same mirror. The system's own lists stay unchanged,
 * and backports have the lowest priority.
 */
function withBackports(work) {
  const format = '$(REPO_URI) $(CODENAME)'
  const targets = ['indextargets', '--format', format, 'Created-By: Packages', 'Origin: Debian', 'Component: main']
  const { stdout } = spawnSync('apt-get', targets, { encoding: 'utf8' })
  const [, uri, name] = /^(\S+) ([a-z]+)$/m.exec(stdout ?? '') ?? []
  if (!uri) return work([])
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-apt-'))
  try {
    const [own, keys] = ['/etc/apt/sources.list', '/usr/share/keyrings/debian-archive-keyring.gpg']
    const line = `deb ${existsSync(keys) ? `[signed-by=${keys}] ` : ''}${uri} ${name}-backports main\n`
    const file = join(directory, 'sources.list')
    writeFileSync(file, `${existsSync(own) ? readFileSync(own, 'utf8') : ''}\n${line}`)
    const options = ['-o', `Dir::Etc::SourceList=${file}`]
    apt('update', ...options)
    work(options)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/**
 * Debian starts a server as soon as it is installed. The tests start their own, on other ports, and nobody who runs tests
 * expects a database on 5432. Packages obey this file; one that exists already is the administrator's decision.
 */
function withoutStarting(work) {
  const policy = '/usr/sbin/policy-rc.d'
  if (existsSync(policy)) return work()
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    return work()
  } finally {
    rmSync(policy, { force: true })
  }
}

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], { env, encoding: 'utf8' })
}

function isWindows() {
  return process.platform === 'win32'
}

function fail(message) {
  rmSync(lock, { force: true })
  console.error(message)
  process.exit(1)
}
