import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type Figure, find } from '../../bench/figures.ts'
import { contenderOf, NO_SESSION } from '../../bench/http/contenders.ts'
import { ADDED, COST, figuresOf, PER_SECOND, type Turn, timesUnit, turnKey } from '../../bench/http/figures.ts'
import type { Slice } from '../../bench/http/load.ts'
import { barsOf, passes } from '../../bench/report/bars.ts'
import { slowerThanPeers } from '../../bench/report/slower.ts'

const OURS = 'strongroom redis two-key'
const PEER = 'express-session + connect-redis'
const LIMIT = 'limit: redis'

const slice = (cost: number, more: Partial<Slice> = {}): Slice => ({
  requests: 1000,
  perSecond: 1e6 / cost,
  cost,
  collecting: 0,
  collectionsPerRequest: 0,
  allocated: 0,
  foreign: 0,
  ...more,
})

/** A turn in which everything costs `pace` times what it should. */
const turnAt = (pace: number, ours: Partial<Slice> = {}): Turn =>
  new Map([
    [turnKey(NO_SESSION, 'untouched'), slice(20 * pace)],
    [turnKey(LIMIT, 'read'), slice(40 * pace)],
    [turnKey(PEER, 'read'), slice(100 * pace)],
    [turnKey(OURS, 'read'), slice(50 * pace, ours)],
    [turnKey(OURS, 'write'), slice(75 * pace)],
  ])

const group = [NO_SESSION, LIMIT, PEER, OURS].map(contenderOf)
const measured = (...turns: Turn[]) => figuresOf(new Map([[group, turns]]))

suite('figures over HTTP', () => {
  const figures = measured(turnAt(1), turnAt(3), turnAt(2, { foreign: 0.5 }), turnAt(1))
  const value = (route: string, unit: string) => find(figures, OURS, route, unit)?.value

  test('a ratio is taken within each turn, so that a slow turn does not affect it', () => {
    assert.equal(value('read', timesUnit(PEER, 'read')), 0.5)
    assert.equal(value('write', timesUnit(OURS, 'read')), 1.5)
    assert.equal(find(figures, OURS, 'read', COST)?.ratioToLimit, 0.8)
    assert.equal(find(figures, OURS, 'read', PER_SECOND)?.ratioToLimit, 0.8)
  })

  test('what a session adds is the difference to an application without any, in the same turn', () => {
    assert.equal(find(measured(turnAt(1)), OURS, 'read', ADDED)?.value, 30)
    // In a turn that is three times as slow, so is the difference; the median is between the two.
    assert.equal(value('read', ADDED), 45)
  })

  test('a figure says which share of its slices was disturbed', () => {
    assert.equal(find(figures, OURS, 'read', COST)?.disturbed, 0.25)
    assert.equal(find(figures, OURS, 'write', COST)?.disturbed, undefined)
  })

  test('what was not measured has no figure', () => assert.equal(find(figures, PEER, 'write'), undefined))
})

suite('the bars', () => {
  const bars = barsOf(measured(turnAt(1)))

  test('a ratio passes up to its bar, and not above', () => {
    const bar = bars.find(({ what, comparedWith }) => what === `read, ${OURS}` && comparedWith === `read, ${PEER}`)
    assert.deepEqual({ value: bar?.value, bound: bar?.bound, aim: bar?.aim }, { value: 0.5, bound: 0.37, aim: 0.33 })
    assert.equal(bar && passes(bar), false)
    assert.equal(bar && passes({ ...bar, value: 0.37 }), true)
    assert.equal(bar && passes({ ...bar, value: null }), null)
  })

  test('those with an aim come first', () => {
    const last = bars.findLastIndex(({ aim }) => aim !== undefined)
    assert.ok(last > 0)
    assert.ok(bars.slice(0, last).every(({ aim }) => aim !== undefined))
  })
})

suite('what is slower than a peer', () => {
  const figure = (contender: string, unit: string, value: number): Figure => ({
    bench: 'http',
    contender,
    route: 'write',
    value,
    unit,
    ratioToLimit: null,
  })
  const listed = (cost: number, perSecond: number, ours = OURS, peer = PEER) =>
    slowerThanPeers([
      figure(ours, timesUnit(peer, 'write'), cost),
      figure(ours, PER_SECOND, perSecond),
      figure(peer, PER_SECOND, 1000),
    ]).rows.map(([request]) => request)

  test('is listed if it takes more processor time', () => assert.deepEqual(listed(1.2, 1000), [`write, ${OURS}`]))

  test('is listed if it serves fewer requests', () => assert.deepEqual(listed(0.5, 800), [`write, ${OURS}`]))

  test('is not listed if it is as fast', () => assert.deepEqual(listed(1.01, 990), []))

  test('is not listed for a variant, which nobody has who did not ask for it', () =>
    assert.deepEqual(listed(2, 500, `${OURS}, no memo`), []))

  test('is not listed for a server in comparison with memory', () =>
    assert.deepEqual(listed(2, 500, 'strongroom memory over redis', 'express-session + memory'), []))

  test('the slowest comes first', () => {
    const rows = slowerThanPeers([
      ...[OURS, 'strongroom postgres two-key'].flatMap((ours, at) => {
        const peer = at === 0 ? PEER : 'express-session + connect-pg-simple'
        return [
          figure(ours, timesUnit(peer, 'write'), 1.2 + at),
          ...[ours, peer].map((name) => figure(name, PER_SECOND, 1000)),
        ]
      }),
    ]).rows
    assert.deepEqual(
      rows.map(([, , cost]) => cost),
      ['2.20 ×', '1.20 ×'],
    )
  })
})

suite('the bars', () => {
  test('name contenders and routes that there are, so that none passes because it is never measured', () => {
    const named = barsOf([]).flatMap(({ what, comparedWith }) => [what, comparedWith ?? ''])
    const requests = named
      .filter((text) => text !== NO_SESSION)
      .flatMap((text) => {
        const [, route = '', contender = ''] = /^(?:allocated by an? )?([a-z-]+), (.+)$/.exec(text) ?? []
        return contender === '' || contender === 'strongroom (all engines)' ? [] : [{ route, contender }]
      })
    assert.ok(requests.length > 40)
    for (const { route, contender } of requests)
      assert.ok(contenderOf(contender).routes.includes(route as never), `${route}, ${contender}`)
  })
})
