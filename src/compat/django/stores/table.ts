import { tableName } from '../../../engines/sql.ts'

/** The name of Django's table, quoted. */
export function djangoTable(where: string, given: unknown, quote: '"' | '`'): string {
  return tableName(where, given, 'django_session')
    .split('.')
    .map((part) => quote + part + quote)
    .join('.')
}
