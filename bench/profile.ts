import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import type { Route } from './http/contender.ts'
import { contenderOf } from './http/contenders.ts'
import { start } from './http/fleet.ts'
import { load, warmUp } from './http/load.ts'
import { type Profile, timesOf } from './profile/times.ts'
import { startServers } from './servers.ts'

const { top, seconds, keep } = new Command('node bench/profile.ts')
  .description('Where a server spends its time: `node bench/profile.ts "strongroom memory none" read`')
  .argument('<contender>')
  .argument('<route>')
  .option('--seconds <n>', 'of load', Number, 6)
  .option('--top <n>', 'functions to show', Number, 40)
  .option('--keep', 'keep the .cpuprofile, for the DevTools')
  .parse()
  .opts<{ top: number; seconds: number; keep?: true }>()
const [name = '', route = ''] = process.argv.slice(2)

const directory = mkdtempSync(join(tmpdir(), 'strongroom-profile-'))
const flags = ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', directory]
const contender = contenderOf(name)
const servers = await startServers(contender.needs ? [contender.needs] : [])
try {
  const running = await start(contender, { sessions: 1000, node: flags, urls: servers.urls })
  try {
    await warmUp(running, route as Route)
    await load(running, route as Route, seconds)
  } finally {
    await running.stop()
  }
} finally {
  await servers.stop()
}
const file = join(directory, readdirSync(directory)[0] as string)
// Before that come the start, the logins, and the compiler's work.
const { groups, functions } = timesOf(JSON.parse(readFileSync(file, 'utf8')) as Profile, seconds * 1e6)

const percent = (share: number) => `${(share * 100).toFixed(1).padStart(5)} %`
console.log(`${name}, ${route}: self time, as a share of the time that was not idle\n`)
for (const { name, share } of groups.filter(({ share }) => share > 0.001)) console.log(`${percent(share)}  ${name}`)
console.log()
for (const { name, group, share } of functions.slice(0, top))
  console.log(`${percent(share)}  ${group.padEnd(10)} ${name}`)
if (keep) console.log(`\n${file}`)
else rmSync(directory, { recursive: true })
