import assert from 'node:assert/strict'
import { test } from 'node:test'
import express from 'express'
import request from 'supertest'
import { both, type LooseSession, type SessionFunction, sessionOf } from './both.ts'

/** One route for each change that a test makes: it responds with the data of the session. */
function application(session: SessionFunction, changes: Readonly<Record<string, (session: LooseSession) => void>>) {
  const app = express().set('env', 'test').use(session())
  const send: express.RequestHandler = (request, response) => {
    const { cookie: _, ...data } = sessionOf(request)
    response.json(data)
  }
  for (const [name, change] of Object.entries(changes))
    app.get(
      `/${name}`,
      (request, _response, next) => {
        change(sessionOf(request))
        next()
      },
      send,
    )
  return app.get('/', send)
}

interface Item {
  listKey: string
  itemId: string
  data?: { name: string; roles: string[]; seen?: Record<string, number> }
}
const itemOf = (session: LooseSession) => session.item as Item

both('objects in a session, as Keystone and others keep them', (session) => {
  test('are assigned as a whole, changed at any depth, and replaced', async () => {
    const agent = request.agent(
      application(session, {
        start: (session) => {
          session.item = { listKey: 'User', itemId: '1', data: { name: 'Ada', roles: ['reader'] } } satisfies Item
        },
        rename: (session) => {
          ;(itemOf(session).data as { name: string }).name = 'Grace'
        },
        promote: (session) => void itemOf(session).data?.roles.push('editor'),
        see: (session) => {
          const { data } = itemOf(session)
          if (data) data.seen = { ...data.seen, home: (data.seen?.home ?? 0) + 1 }
        },
        forget: (session) => {
          delete itemOf(session).data
        },
        replace: (session) => {
          session.item = { listKey: 'Admin', itemId: '2' }
        },
        end: (session) => {
          delete session.item
        },
      }),
    )
    const item = async (path: string) => (await agent.get(path)).body.item
    await agent.get('/start')
    for (const path of ['/rename', '/promote', '/see', '/see']) await agent.get(path)
    const data = { name: 'Grace', roles: ['reader', 'editor'], seen: { home: 2 } }
    assert.deepEqual(await item('/'), { listKey: 'User', itemId: '1', data })
    await agent.get('/forget')
    assert.deepEqual(await item('/'), { listKey: 'User', itemId: '1' })
    await agent.get('/replace')
    assert.deepEqual(await item('/'), { listKey: 'Admin', itemId: '2' })
    await agent.get('/end')
    assert.equal(await item('/'), undefined)
  })

  test('are merged into it by Object.assign, and read by spread, keys and JSON', async () => {
    const agent = request.agent(
      application(session, {
        assign: (session) => void Object.assign(session, { data: { id: 1 }, itemId: '7', listKey: 'User' }),
        copy: (session) => {
          const { cookie: _, ...rest } = session
          session.copy = {
            keys: Object.keys(session),
            spread: rest,
            json: Object.keys(JSON.parse(JSON.stringify(session))),
          }
        },
      }),
    )
    await agent.get('/assign')
    await agent.get('/copy')
    const spread = { data: { id: 1 }, itemId: '7', listKey: 'User' }
    const keys = ['cookie', 'data', 'itemId', 'listKey']
    const { copy } = (await agent.get('/')).body
    assert.deepEqual({ ...copy, keys: copy.keys.sort(), json: copy.json.sort() }, { keys, spread, json: keys })
  })

  test('may be the same in two places, and are two from the next request on', async () => {
    const agent = request.agent(
      application(session, {
        share: (session) => {
          session.one = session.two = { n: 1 }
        },
        change: (session) => {
          ;(session.one as { n: number }).n = 2
        },
      }),
    )
    await agent.get('/share')
    await agent.get('/change')
    assert.deepEqual((await agent.get('/')).body, { one: { n: 2 }, two: { n: 1 } })
  })
})
