import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import {
  type AttributeValue,
  BatchGetItemCommand,
  CreateTableCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'
import { type Clock, type Id, type IndexedStore, type ScannableStore, StoreError } from 'strongroom'
import {
  conditionFailed,
  copied,
  deadline,
  entryKey,
  FIELDS,
  type Item,
  idOf,
  isConflict,
  namesIn,
  ownerKey,
  Refused,
  SIZE_LIMIT,
  setting,
  toFields,
  toItem,
  toListing,
  withoutValues,
} from './dynamodb-items.ts'

export interface DynamoOptions {
  readonly table?: string
  /** Ms within which a request to DynamoDB succeeds or fails, those that are sent again included. */
  readonly timeout?: number
  readonly clock?: Clock
}

const TABLE = 'strongroom_sessions'
/**
 * Creates the table. DynamoDB removes an entry within some days of `purgeAt`, in seconds, which is an hour after its deadline. That is a
 * help: reads check the deadline themselves.
 */
export async function createTable(client: DynamoDBClient, table = TABLE): Promise<void> {
  const text = (AttributeName: string) => ({ AttributeName, AttributeType: 'S' }) as const
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [text('pk'), text('sk')],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
    }),
  )
  await waitUntilTableExists({ client, maxWaitTime: 120 }, { TableName: table })
  const TimeToLiveSpecification = { AttributeName: 'purgeAt', Enabled: true }
  await client.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification }))
}

/** Sessions in a table of one region. The client is yours: `close` leaves it open. */
export function dynamodb(client: DynamoDBClient, options: DynamoOptions = {}): IndexedStore & ScannableStore {
  const { table: TableName = TABLE, timeout = 2000, clock = Date.now } = options
  let closed = false
  const now = () => ({ N: String(Math.floor(clock())) })

  /** Sends again what collided with a transaction. Neither ids nor bytes are in the error, as they may be in DynamoDB's. */
  async function ask<T>(send: (limit: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    const limit = { abortSignal: AbortSignal.timeout(timeout) }
    for (let tries = 1; ; tries += 1) {
      if (closed) throw new StoreError('The session store was used after it was closed.')
      try {
        return await send(limit)
      } catch (error) {
        if (error instanceof Refused) throw error
        if (conditionFailed(error)) throw new Refused(error)
        if (!isConflict(error) || limit.abortSignal.aborted)
          throw new StoreError('DynamoDB could not do what was asked.', { cause: withoutValues(error) })
      }
      await setTimeout(Math.random() * Math.min(200, 2 ** tries * 5))
    }
  }

  /** A write with a condition: the attributes as they were, or null when the condition does not hold. */
  async function ifTrue(write: Parameters<typeof ask<{ Attributes?: Item | undefined }>>[0], own?: string) {
    try {
      return (await ask(write)).Attributes ?? {}
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      // The client sends again what it got no reply to. If that had been written, it is our own version that is in the way.
      return own !== undefined && error.item?.version?.S === own ? error.item : null
    }
  }

  async function get(id: string): Promise<Item | undefined> {
    const query = { TableName, Key: entryKey(id), ConsistentRead: true }
    return (await ask((limit) => client.send(new GetItemCommand(query), limit))).Item
  }

  const isLive = (item: Item) => clock() < Number(item.expiresAt?.N)

  /** Ends the entry if the condition holds. Resolves to what it was, or to null. */
  async function end(id: string, condition: string, values: Item): Promise<Item | null> {
    const command = new DeleteItemCommand({
      TableName,
      Key: entryKey(id),
      ConditionExpression: condition,
      ExpressionAttributeNames: namesIn(condition),
      ExpressionAttributeValues: values,
      ReturnValues: 'ALL_OLD',
    })
    const was = await ifTrue((limit) => client.send(command, limit))
    if (was?.owner?.S !== undefined) await unlink(was.owner.S, id, was.birth)
    return was
  }

  /** Removes what finds an entry by its owner. If that fails, it finds nothing, and the next sweep removes it. */
  async function unlink(owner: string, id: string, birth: AttributeValue | undefined): Promise<boolean> {
    if (birth === undefined) return false
    const command = new DeleteItemCommand({
      TableName,
      Key: ownerKey(owner, id),
      // Not that of an entry which has been created since.
      ConditionExpression: '#birth = :birth',
      ExpressionAttributeNames: namesIn('#birth'),
      ExpressionAttributeValues: { ':birth': birth },
    })
    return ifTrue((limit) => client.send(command, limit)).then(
      (was) => was !== null,
      () => false,
    )
  }

  async function change(id: Id, expressions: { set: string; condition: string; values: Item }, own?: string) {
    const { set, condition, values } = expressions
    const command = new UpdateItemCommand({
      TableName,
      Key: entryKey(id),
      UpdateExpression: set,
      ConditionExpression: condition,
      ExpressionAttributeNames: namesIn(set, condition),
      ExpressionAttributeValues: values,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    return (await ifTrue((limit) => client.send(command, limit), own)) !== null
  }

  /** Pages of the items that find the owner's entries. */
  async function* linksOf(owner: string, page: number) {
    let from: Item | undefined
    do {
      const command = new QueryCommand({
        TableName,
        KeyConditionExpression: '#pk = :pk',
        ExpressionAttributeNames: namesIn('#pk'),
        ExpressionAttributeValues: { ':pk': { S: `owner#${owner}` } },
        ConsistentRead: true,
        Limit: page,
        ExclusiveStartKey: from,
      })
      const { Items = [], LastEvaluatedKey } = await ask((limit) => client.send(command, limit))
      yield Items.map((item) => ({ id: item.sk?.S as Id, birth: item.birth }))
      from = LastEvaluatedKey
    } while (from)
  }

  /** Consistent reads of many entries, by id. */
  async function getAll(ids: readonly string[]): Promise<Map<string, Item>> {
    const found = new Map<string, Item>()
    for (let at = 0; at < ids.length; at += 100) {
      const request = { ConsistentRead: true, ProjectionExpression: FIELDS, ExpressionAttributeNames: namesIn(FIELDS) }
      let keys: Item[] = ids.slice(at, at + 100).map(entryKey)
      for (let tries = 0; keys.length > 0; tries += 1) {
        // A response has a limited size, and throughput is limited, too: the rest is asked for again.
        if (tries > 0) await setTimeout(Math.random() * Math.min(500, 2 ** tries * 10))
        if (tries > 10) throw new StoreError('DynamoDB could not read all entries.')
        const command = new BatchGetItemCommand({ RequestItems: { [TableName]: { ...request, Keys: keys } } })
        const { Responses, UnprocessedKeys } = await ask((limit) => client.send(command, limit))
        for (const item of Responses?.[TableName] ?? []) found.set(idOf(item), item)
        keys = UnprocessedKeys?.[TableName]?.Keys ?? []
      }
    }
    return found
  }

  /** Pages of all items, those that find entries included. */
  async function* pages(page: number, { signal }: { signal?: AbortSignal | undefined }) {
    let from: Item | undefined
    do {
      if (signal?.aborted) return
      const command = new ScanCommand({
        TableName,
        ProjectionExpression: FIELDS,
        ExpressionAttributeNames: namesIn(FIELDS),
        ConsistentRead: true,
        Limit: page,
        ExclusiveStartKey: from,
      })
      const { Items = [], LastEvaluatedKey } = await ask((limit) => client.send(command, limit))
      yield Items
      from = LastEvaluatedKey
    } while (from)
  }

  /** Removes the entry if it is still expired: it may have been replaced since it was read. Resolves to how many were removed. */
  async function clear(item: Item, until: AttributeValue, dryRun: boolean): Promise<number> {
    if (!(Number(item.expiresAt?.N) <= Number(until.N))) return 0
    return dryRun || (await end(idOf(item), '#expiresAt <= :now', { ':now': until })) ? 1 : 0
  }

  /** Removes what finds entries that are no longer there. DynamoDB itself leaves it, when it removes what has expired. */
  async function clearLinks(items: readonly Item[]): Promise<void> {
    const links = items.filter((item) => item.sk?.S !== 'entry')
    const entries = await getAll(links.map((link) => link.sk?.S ?? ''))
    for (const link of links) {
      const [owner, id] = [link.pk?.S?.slice('owner#'.length) ?? '', link.sk?.S ?? '']
      if (entries.get(id)?.birth?.S !== link.birth?.S) await unlink(owner, id, link.birth)
    }
  }

  return {
    traits: TRAITS,

    async create(id, entry) {
      const item = { ...entryKey(id), ...toItem(entry), birth: { S: randomUUID() } }
      const condition = 'attribute_not_exists(#pk) OR #expiresAt <= :now'
      const put = {
        TableName,
        Item: item,
        ConditionExpression: condition,
        ExpressionAttributeNames: namesIn(condition),
        ExpressionAttributeValues: { ':now': now() },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      } as const
      const { owner } = entry
      const made = await ifTrue(async (limit) => {
        if (owner === null) return client.send(new PutItemCommand(put), limit)
        // Both or none: a session that its owner does not find would outlive a revoke-all.
        const link = { TableName, Item: { ...ownerKey(owner, id), birth: item.birth } }
        await client.send(new TransactWriteItemsCommand({ TransactItems: [{ Put: put }, { Put: link }] }), limit)
        return {}
      }, item.version.S)
      return made !== null
    },

    async read(id) {
      const item = await get(id)
      if (!item || !isLive(item)) return null
      return { entry: { bytes: copied(item.bytes), ...toFields(item) }, version: item.version?.S ?? '' }
    },

    async update(id, entry, version) {
      if (typeof version !== 'string') return null
      const { owner, label, ...changed } = toItem(entry)
      const { set, values } = setting({ ...changed, ...(label && { label }) })
      const isOwner = owner ? '#owner = :owner' : 'attribute_not_exists(#owner)'
      const expressions = {
        set: label ? set : `${set} REMOVE #label`,
        condition: `#version = :current AND #expiresAt > :now AND ${isOwner}`,
        values: { ...values, ':current': { S: version }, ':now': now(), ...(owner && { ':owner': owner }) },
      }
      return (await change(id, expressions, changed.version.S)) ? changed.version.S : null
    },

    async touch(id, expiresAt, version) {
      if (version !== undefined && typeof version !== 'string') return false
      const { set, values } = setting(deadline(expiresAt))
      const isVersion = version === undefined ? '' : ' AND #version = :version'
      return change(id, {
        set,
        condition: `#expiresAt > :now${isVersion}`,
        values: { ...values, ':now': now(), ...(version !== undefined && { ':version': { S: version } }) },
      })
    },

    async delete(id, version) {
      if (version === undefined) return (await end(id, '#expiresAt > :now', { ':now': now() })) !== null
      if (typeof version !== 'string') return false
      const values = { ':now': now(), ':version': { S: version } }
      return (await end(id, '#expiresAt > :now AND #version = :version', values)) !== null
    },

    byOwner: {
      async *list(owner, { page = 500 } = {}) {
        for await (const links of linksOf(owner, Math.max(1, page))) {
          const found = await getAll(links.map(({ id }) => id))
          const live = [...found.values()].filter((item) => item.owner?.S === owner && isLive(item))
          if (live.length > 0) yield live.map(toListing)
        }
      },

      async deleteAll(owner, except) {
        const values = { ':owner': { S: owner } }
        let ended = 0
        for await (const links of linksOf(owner, 25)) {
          const others = links.filter(({ id }) => id !== except)
          const endings = others.map(async ({ id, birth }) => {
            // Expired ones, too: for a machine whose clock is behind, they are not over.
            const was = await end(id, '#owner = :owner', values)
            if (was && isLive(was)) ended += 1
            if (!was) await unlink(owner, id, birth)
          })
          await Promise.all(endings)
        }
        return ended
      },
    },

    async *scan({ page = 500, signal } = {}) {
      for await (const items of pages(Math.max(1, page), { signal })) {
        const live = items.filter((item) => item.sk?.S === 'entry' && isLive(item))
        if (live.length > 0) yield live.map(toListing)
      }
    },

    async clearExpired({ batch = 1000, signal, onProgress, dryRun = false } = {}) {
      const until = now()
      let removed = 0
      for await (const items of pages(Math.max(1, batch), { signal })) {
        const before = removed
        // Some at a time: they share the throughput of the table with live traffic.
        for (let at = 0; at < items.length; at += 25) {
          const counts = await Promise.all(items.slice(at, at + 25).map((item) => clear(item, until, dryRun)))
          removed += counts.reduce((sum, count) => sum + count, 0)
        }
        if (!dryRun) await clearLinks(items)
        if (removed > before) onProgress?.(removed)
      }
      return removed
    },

    async close() {
      closed = true
    },
  }
}

const TRAITS = {
  engine: 'dynamodb',
  durable: 'machine',
  shared: 'network',
  expiresByItself: true,
  granularity: 1,
  sizeLimit: SIZE_LIMIT,
  evicts: false,
  revocable: true,
} as const
