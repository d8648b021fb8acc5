import { type Check, Topic } from './check.ts'
import { versionCheck } from './versions.ts'

interface Application {
  readonly environment: NodeJS.ProcessEnv
  /** Whether sodium-native computes; null if that is not known without a config. */
  readonly usesSodium: boolean | null
  readonly version: string
  readonly now: number
}

/** What this process shares with the application, when it is run where that runs. */
export function examineApplication({ environment, usesSodium, version, now }: Application): readonly Check[] {
  const topic = new Topic('application', 'application')
  const { NODE_ENV: mode } = environment
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
  const sodium =
    usesSodium === null
      ? []
      : [
          topic.green(
            'sodium',
            usesSodium
              ? 'sodium-native computes what is sealed.'
              : 'node:crypto computes what is sealed. With npm install sodium-native the same bytes take less time.',
          ),
        ]
  return [
    mode === 'production'
      ? topic.green('node-env', 'NODE_ENV is production.')
      : topic.amber(
          'node-env',
          `NODE_ENV is ${mode ? 'not production' : 'not set'} here, so createSessions() accepts cookies and defaults that it refuses in production.`,
          'NODE_ENV=production where the application runs, and for this command.',
        ),
    versionCheck(topic, 'node-version', {
      program: 'Node',
      line: String(major),
      full: version.replace(/^v/, ''),
      isSupported: major > 22 || (major === 22 && minor >= 13),
      needed: '22.13 or later',
      now,
    }),
    ...sodium,
  ]
}
