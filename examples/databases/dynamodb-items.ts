import { randomUUID } from 'node:crypto'
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DynamoDBServiceException,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb'
import { type Entry, type Id, type Listing, StoreError } from 'strongroom'

export type Item = Record<string, AttributeValue>

/**
 * Two kinds of items, in one table with the keys `pk` and `sk`:
 *
 *     entry#ID     entry   version, birth, expiresAt, purgeAt, createdAt, owner, label, bytes, size
 *     owner#OWNER  ID      birth
 *
 * The second finds a user's sessions, by a consistent read: a global secondary index lags behind, and a revoke-all would miss a session.
 * `birth` is random and made by `create`, for both items together: what is left of an earlier entry is told from the present one.
 */
export const entryKey = (id: string) => ({ pk: { S: `entry#${id}` }, sk: { S: 'entry' } })
export const ownerKey = (owner: string, id: string) => ({ pk: { S: `owner#${owner}` }, sk: { S: id } })

/** An item has at most 400 KB, its other attributes and their names included. */
export const SIZE_LIMIT = 400 * 1024 - 2048
/** All but the bytes, which a list does not need. */
export const FIELDS = '#pk, #sk, #birth, #expiresAt, #createdAt, #owner, #label, #size'

/** The condition of a write did not hold. `item` is what is there. */
export class Refused extends Error {
  readonly item: Item | undefined
  constructor(error: unknown) {
    super('The condition does not hold.')
    if (error instanceof ConditionalCheckFailedException) this.item = error.Item
    if (error instanceof TransactionCanceledException) this.item = error.CancellationReasons?.[0]?.Item
  }
}

const reasonsOf = (error: unknown) =>
  error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []).map(({ Code }) => Code) : []

export function conditionFailed(error: unknown): boolean {
  return error instanceof ConditionalCheckFailedException || reasonsOf(error).includes('ConditionalCheckFailed')
}

export function isConflict(error: unknown): boolean {
  const isAlone = error instanceof DynamoDBServiceException && error.name === 'TransactionConflictException'
  return isAlone || reasonsOf(error).includes('TransactionConflict')
}

/** The names in expressions, each written with a `#`: many of DynamoDB's reserved words are names of ours. */
export function namesIn(...expressions: readonly string[]): Record<string, string> {
  const names = expressions.join(' ').match(/#\w+/g) ?? []
  return Object.fromEntries(names.map((name) => [name, name.slice(1)]))
}

export function setting(attributes: Item): { set: string; values: Item } {
  const set = Object.keys(attributes).map((name) => `#${name} = :${name}`)
  const values = Object.entries(attributes).map(([name, value]) => [`:${name}`, value] as const)
  return { set: `SET ${set.join(', ')}`, values: Object.fromEntries(values) }
}

export function deadline(expiresAt: number) {
  return { expiresAt: { N: String(Math.floor(expiresAt)) }, purgeAt: { N: String(Math.ceil(expiresAt / 1000) + 3600) } }
}

/** Copies the bytes before anything is awaited: the caller may reuse its buffers while the write is under way. */
export function toItem({ bytes, label, owner, expiresAt, createdAt }: Entry) {
  if (bytes.length > SIZE_LIMIT) throw new StoreError(`The entry has more than ${SIZE_LIMIT} bytes.`)
  return {
    ...deadline(expiresAt),
    version: { S: randomUUID() },
    createdAt: { N: String(Math.floor(createdAt)) },
    size: { N: String(bytes.length) },
    bytes: { B: Uint8Array.from(bytes) },
    ...(label && { label: { B: Uint8Array.from(label) } }),
    ...(owner !== null && { owner: { S: owner } }),
  }
}

export const copied = (value: AttributeValue | undefined) => Uint8Array.from(value?.B ?? [])
export const idOf = (item: Item) => (item.pk?.S ?? '').slice('entry#'.length)

export function toFields(item: Item) {
  return {
    expiresAt: Number(item.expiresAt?.N),
    createdAt: Number(item.createdAt?.N),
    owner: item.owner?.S ?? null,
    label: item.label ? copied(item.label) : null,
  }
}

export const toListing = (item: Item): Listing => ({
  id: idOf(item) as Id,
  size: Number(item.size?.N),
  ...toFields(item),
})

/** What DynamoDB says may quote a value. What the client says names hosts. */
export function withoutValues(error: unknown): Error {
  if (error instanceof DynamoDBServiceException) return new Error(error.name)
  return error instanceof Error ? new Error(`${error.name}: ${error.message}`) : new Error('unknown error')
}
