import { StoreError } from 'strongroom'
import { tableName } from 'strongroom/internal'

/** The name of Django's table, quoted. */
export function djangoTable(where: string, given: unknown, quote: '"' | '`'): string {
  return quoted(tableName(where, given, 'django_session'), quote)
}

export const quoted = (name: string, quote: '"' | '`') =>
  name
    .split('.')
    .map((part) => quote + part + quote)
    .join('.')

/** The advice of the engines for tables of our own would send people to the wrong program. */
export const noTable = (cause: unknown) =>
  new StoreError(
    'The table of Django’s sessions is not there. Run its `manage.py migrate`, or give the option "table".',
    {
      cause,
    },
  )
