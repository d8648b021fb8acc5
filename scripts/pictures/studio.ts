import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { recordedReport } from '@strongroom/cli/lab'
import { devicesPage, serveStudio } from '@strongroom/studio'
import { createSessions, type Session, type Sessions } from 'strongroom'
import { strongroom } from 'strongroom/express'
import { type Figures, figures } from 'strongroom/figures'
import { postgres } from 'strongroom/postgres'
import { type ManualClock, manualClock, sessionFor } from 'strongroom/testing'
import { startPostgres } from '../../packages/cli/src/lab/servers/postgres.ts'
import { advisorPanel, doctorPanel } from '../../packages/cli/src/studio-panels.ts'
import { type Camera, LAPTOP, PHONE, press } from './camera.ts'

const MINUTE = 60_000
const AGENTS = {
  laptop: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  phone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1',
  office:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  shell: 'curl/8.14.1',
}

export async function studioPictures(camera: Camera): Promise<void> {
  const shop = await openShop()
  const lab = recordedReport()
  const panels = {
    figures: shop.counting,
    lab,
    advisor: advisorPanel(lab),
    doctor: doctorPanel(shop.sessions, undefined),
  }
  const studio = await serveStudio(shop.sessions, { write: true, title: 'shop, production', ...panels })
  try {
    const page = await camera.page({ viewport: LAPTOP })
    await page.goto(studio.link())
    await page.waitForURL(`${studio.url}/`)
    await page.goto(`${studio.url}/sessions?user=ada`)
    await camera.takeBoth(page, 'studio-sessions', { to: 'details.panel' })
    await page.goto(`${studio.url}/lab`)
    await camera.takeBoth(page, 'studio-lab', { to: '.matrix' })
    await page.goto(`${studio.url}/doctor`)
    await press(page, 'Examine now')
    await page.getByText('Examined').waitFor()
    await camera.takeBoth(page, 'studio-doctor', { to: 'section.panel:nth-of-type(2)' })
    for (const colorScheme of ['light', 'dark'] as const) {
      // Charts are drawn in the colours of the moment.
      await page.emulateMedia({ colorScheme })
      await page.goto(`${studio.url}/figures`)
      await page.waitForSelector('[data-chart="latency"] canvas')
      await camera.take(page, `studio-figures-${colorScheme}`, { to: '.chart:nth-child(4)' })
    }
    await devicesPicture(camera, shop.sessions)
  } finally {
    await studio.close()
    await shop.close()
  }
}

interface Shop {
  readonly sessions: Sessions
  readonly counting: Figures
  close(): Promise<void>
}

/** A shop after an hour with visitors, as its clock has it, on a private PostgreSQL for which the doctor has some advice. */
async function openShop(): Promise<Shop> {
  const server = await startPostgres({ synchronous_commit: 'off' })
  const clock = manualClock(Date.now() - 61 * MINUTE)
  const store = postgres({ url: server.url, createTable: true, clock })
  const sessions = createSessions({ store, secrets: 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx', clock, idle: '20m' })
  const counting = figures(sessions, { clock })
  await anHour({ sessions, counting, clock })
  return {
    sessions,
    counting,
    async close() {
      await counting.close()
      await sessions.close()
      await store.close()
      await server.stop()
    },
  }
}

interface Hour {
  readonly sessions: Sessions
  readonly counting: Figures
  readonly clock: ManualClock
}

async function anHour({ sessions, counting, clock }: Hour): Promise<void> {
  /** Between -1 and 1, and always the same, so that the picture is. */
  const chance = (n: number) => (Math.sin(n * 12.9898) * 43_758.5453) % 1
  const cookies: string[] = []
  for (let step = 0; step < 366; step++) {
    const busy = 1.4 + Math.sin(step / 40)
    for (let n = 0; n < Math.round(busy * 3 + chance(step) * 2); n++) {
      const { cookie } = await sessionFor(sessions, { userId: `visitor ${step} ${n}` })
      cookies.push(cookie)
    }
    // Some sign out, and most just leave.
    for (let n = 0; n < busy; n++) {
      const [cookie] = cookies.splice(Math.floor(Math.abs(chance(step + n)) * cookies.length), 1)
      if (cookie !== undefined) await request(sessions, { cookie }, (session) => session.logout())
    }
    const agent = DEVICES.get(step)
    if (agent) await request(sessions, { 'user-agent': agent }, (session) => session.login('ada'))
    if (step === 200) await sessions.of(`visitor ${step} 0`).revokeAll()
    clock.advance(10_000)
    if (step % 6 === 5) await counting.flush()
    // The sweep.
    if (step % 90 === 89) await sessions.clearExpired()
  }
}

/** When ada signs in, and on what. */
const DEVICES: ReadonlyMap<number, string> = new Map([
  [262, AGENTS.office],
  [300, AGENTS.phone],
  [331, AGENTS.shell],
  [358, AGENTS.laptop],
])

async function request(
  sessions: Sessions,
  headers: Readonly<Record<string, string>>,
  work: (session: Session<Record<string, unknown>>) => void,
): Promise<void> {
  const visit = sessions.open(headers)
  work(await visit.get())
  await visit.commit()
}

/** Of a user who signs in on a phone, and has been elsewhere. */
async function devicesPicture(camera: Camera, sessions: Sessions): Promise<void> {
  const attach = strongroom(sessions)
  const devices = devicesPage(sessions)
  const server = createServer((request, response) =>
    attach(request, response, async () => {
      if (request.url?.startsWith(devices.path)) return devices.node(request, response)
      ;(await sessions.get(request)).login('ada')
      response.end('signed in')
    }),
  )
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const baseURL = `http://localhost:${(server.address() as AddressInfo).port}`
  const page = await camera.page({ baseURL, viewport: PHONE, userAgent: AGENTS.phone })
  await page.goto('/sign-in')
  await page.goto(devices.path)
  await camera.take(page, 'studio-devices', { to: 740 })
  server.close()
}
