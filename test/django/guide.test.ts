import assert from 'node:assert/strict'
import { appendFileSync, chmodSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, suite, test } from 'node:test'
import { freePort, runOnce, type Server, startDaemon } from '../servers/daemon.ts'
import { readPage } from '../support/docs/page.ts'
import { newProject } from '../support/docs/project.ts'
import { djangoNeed } from './peer.ts'

const page = readPage('docs/django.md')
const lines = page.text.split('\n')
const from = lines.indexOf('### From an empty project')
const to = lines.findIndex((line, at) => at > from && line.startsWith('#'))

suite('the guide in docs/django.md, from an empty project', { skip: djangoNeed.skip }, () => {
  const project = newProject()
  const servers: Server[] = []
  after(async () => {
    for (const server of servers) await server.stop()
    project.remove()
  })

  /** What the guide's commands use: Debian's Python, this Node, and an npm that does nothing, because everything is installed. */
  const bin = dirname(project.put('bin/npm', '#!/bin/sh\nexit 0\n'))
  chmodSync(join(bin, 'npm'), 0o755)
  symlinkSync(process.execPath, join(bin, 'node'))
  for (const name of ['python3', 'django-admin']) symlinkSync(join('/usr/bin', name), join(bin, name))
  const shell = (folder: string, code: string) => [
    '-e',
    '-c',
    `export PATH=${bin}:/usr/bin:/bin; cd ${folder}; ${code}`,
  ]

  let folder = project.folder
  const ports: Record<string, number> = {}
  const browser = new Map<string, string>()
  const site = (port: string) => `http://127.0.0.1:${ports[port]}`

  async function ask(url: string, form?: Record<string, string>) {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...browser].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)="?([^;"]*)/.exec(line) ?? []
      if (value === '') browser.delete(name)
      else browser.set(name, value)
    }
    return response
  }
  const shown = async (url: string, form?: Record<string, string>) => (await ask(url, form)).json()

  test('the files and commands of the guide work', async () => {
    const blocks = page.blocks.filter(({ line }) => line > from && line < to)
    assert.ok(blocks.length >= 7)
    for (const { language, code, line } of blocks) {
      const said = lines.slice(0, line - 2).findLast((text) => text !== '') as string
      const file = /`([\w./]+\.\w+)`/.exec(said)?.[1]
      if (language !== 'sh') {
        const path = join(folder, String(file))
        if (said.includes('at the end')) appendFileSync(path, `\n${code}\n`)
        else writeFileSync(path, `${await elsewhere(code)}\n`)
      } else if (/runserver|node app/.test(code)) {
        servers.push(await serve(await elsewhere(code)))
      } else
        folder = runOnce(
          'bash',
          shell(folder, `(\n${code}\npwd > ${bin}/folder\n) > ${bin}/said; cat ${bin}/folder`),
        ).trim()
    }
    assert.equal(servers.length, 2)
  })

  /** The guide's ports may be taken on the machine that runs the tests. */
  async function elsewhere(code: string): Promise<string> {
    for (const port of ['8000', '3000']) if (code.includes(port)) ports[port] ??= await freePort()
    return code.replace(/\b(8000|3000)\b/g, (port) => String(ports[port]))
  }

  const serve = (code: string) =>
    startDaemon({
      name: 'guide',
      command: 'bash',
      args: () => shell(folder, code),
      answers: () => fetch(site(code.startsWith('node') ? '3000' : '8000')),
    })

  test('a user who signs in to Django is signed in at Node, and both count the visits', async () => {
    const admin = `${site('8000')}/admin/login/`
    const token = /name="csrfmiddlewaretoken" value="(\w+)"/.exec(await (await ask(admin)).text())?.[1] ?? ''
    const form = { username: 'ada', password: 'correct-horse', csrfmiddlewaretoken: token }
    assert.equal((await ask(admin, form)).status, 302)
    assert.deepEqual(await shown(`${site('8000')}/whoami/`), { user: 'ada', visits: 1 })
    assert.deepEqual(await shown(site('3000')), { user: 'ada', visits: 2 })
    assert.deepEqual(await shown(`${site('8000')}/whoami/`), { user: 'ada', visits: 3 })
  })

  test('a user who signs out at Node is signed out at Django', async () => {
    const kept = browser.get('sessionid') as string
    assert.deepEqual(await shown(`${site('3000')}/logout`, {}), { user: null, visits: 0 })
    browser.set('sessionid', kept)
    assert.deepEqual(await shown(`${site('8000')}/whoami/`), { user: null, visits: 1 })
  })

  test('a user who signs in to Node with Django’s password is signed in at Django and its admin site', async () => {
    const form = { username: 'ada', password: 'correct-horse' }
    assert.equal((await ask(`${site('3000')}/login`, { ...form, password: 'wrong' })).status, 403)
    assert.equal((await ask(`${site('3000')}/login`, { ...form, username: 'nobody' })).status, 403)
    assert.deepEqual(await shown(`${site('3000')}/login`, form), { user: 'ada', visits: 2 })
    assert.deepEqual(await shown(`${site('8000')}/whoami/`), { user: 'ada', visits: 3 })
    assert.equal((await ask(`${site('8000')}/admin/`)).status, 200)
  })
})
