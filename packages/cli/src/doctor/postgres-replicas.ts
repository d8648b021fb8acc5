import type { PostgresBackend } from 'strongroom/internal'
import { number } from '../format.ts'
import type { Check, Topic } from './check.ts'

const SYNC = "synchronous_standby_names = 'ANY 1 (*)'"

/** Does a commit wait for what could take over? Otherwise a failover brings back what was ended a moment before. */
export async function replicaCheck(topic: Topic, query: PostgresBackend['query']): Promise<readonly Check[]> {
  const name = 'postgres-replicas'
  // Every role may count them, although the rest of that view is for monitoring roles.
  const [[followers, standbys, commit] = []] = await query(
    `SELECT (SELECT count(*) FROM pg_stat_replication),
       current_setting('synchronous_standby_names'), current_setting('synchronous_commit')`,
  )
  const count = Number(followers)
  if (Number.isNaN(count)) return [topic.unknown(name, 'The server does not tell its replicas.')]
  if (count === 0) return [topic.green(name, 'No replica follows this server now.')]
  const who = count === 1 ? 'One program follows' : `${number(count)} programs follow`
  if (!standbys)
    return [
      topic.amber(
        name,
        `${who} this server, and no commit waits for it: if a replica takes over, the last logouts are undone.`,
        `With two replicas or more, in postgresql.conf: ${SYNC}`,
      ),
    ]
  if (commit === 'local' || commit === 'off')
    return [
      topic.amber(
        name,
        `synchronous_commit is ${commit}, so commits do not wait for synchronous_standby_names: a failover undoes the last logouts.`,
        'In postgresql.conf: synchronous_commit = on',
      ),
    ]
  return [topic.green(name, `A commit waits for a replica (${standbys}).`)]
}
