import { ConfigError, StoreError } from 'strongroom'

/** A value of a column of one's own. A Date is written in the format of the database. */
export type ColumnValue = string | number | boolean | null | Date

/** What is known of a session that is written. */
export interface SessionRow {
  /** The user who is signed in, as in `_auth_user_id`. */
  readonly userId: string | null
  /** Whether the row is inserted. Otherwise it is updated. */
  readonly isNew: boolean
  /** When it is written. */
  readonly at: Date
}

/** For a session table of one's own: a model that inherits from `AbstractBaseSession`, or one of a package. */
export interface ExtraColumnsOptions {
  /**
   * The column with the user's id, such as `account_id` or `user_id`. It is filled at every save, and then a user's sessions can be
   * listed and ended: `sessions.of(userId)`.
   */
  readonly userColumn?: string | undefined
  /** Returns the values of other columns, at every insert and update. A `userColumn` in it takes precedence. */
  readonly columns?: ((row: SessionRow) => Readonly<Record<string, ColumnValue>>) | undefined
}

export const EXTRA = ['userColumn', 'columns'] as const satisfies readonly (keyof ExtraColumnsOptions)[]

export interface ExtraColumns {
  readonly userColumn: string | null
  valuesOf(row: SessionRow): readonly (readonly [column: string, value: ColumnValue])[]
}

/** Checks the options. Throws `ConfigError`, naming `where`. */
export function extraColumns(where: string, { userColumn, columns }: ExtraColumnsOptions): ExtraColumns {
  if (userColumn !== undefined) checkColumn(`${where}: userColumn`, userColumn)
  if (columns !== undefined && typeof columns !== 'function')
    throw new ConfigError(`${where}: columns must be a function that returns the values of the other columns.`)
  return {
    userColumn: userColumn ?? null,
    valuesOf(row) {
      const user = userColumn === undefined ? {} : { [userColumn]: row.userId }
      const values = Object.entries({ ...user, ...columns?.(row) })
      for (const [column] of values) checkColumn(`${where}: a name that columns() returned`, column)
      return values
    },
  }
}

function checkColumn(what: string, name: unknown): void {
  if (typeof name !== 'string' || !/^[a-z_][a-z0-9_]{0,62}$/i.test(name))
    throw new ConfigError(`${what} must be the name of a column: letters, digits and underscores.`)
  if (OWN.includes(name.toLowerCase())) throw new ConfigError(`${what} must not be ${name}, which is Django's.`)
}

const OWN = ['session_key', 'session_data', 'expire_date']

/** Says what to do in Node: Django fills such a column itself, in `create_model_instance`. */
export const columnMissing = (cause: unknown) =>
  new StoreError("Django's session table has a column that must not be null: fill it with the option columns.", {
    cause,
  })
