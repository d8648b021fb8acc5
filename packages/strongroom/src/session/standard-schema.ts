/**
 * Standard Schema v1, the interface that zod, valibot, arktype and others have in common. Copied from `@standard-schema/spec` 1.1 (MIT), as
 * https://standardschema.dev invites to, so that nothing has to be installed for types. Only what is used here.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    /** For types alone. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** Success, unless it has issues. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

/** One thing that a schema finds wrong, as Standard Schema 1 has it. */
export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
