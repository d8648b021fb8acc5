/** What spans and metrics are made by. */
export const SCOPE = 'strongroom'
export const VERSION = '0.1.0'

/** The release of the semantic conventions that the following names are of. */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.45.0'

/** Names of the semantic conventions. Written here, because their package is large, and changes what it exports with each release. */
export const DB_SYSTEM = 'db.system.name'
export const DB_OPERATION = 'db.operation.name'
export const DB_COLLECTION = 'db.collection.name'
export const DB_DURATION = 'db.client.operation.duration'
export const ERROR_TYPE = 'error.type'
/** These two have the status "development". */
export const SESSION_ID = 'session.id'
export const SESSION_PREVIOUS_ID = 'session.previous_id'

/** Ours. */
export const NAMESPACE = 'strongroom.namespace'
export const REQUEST_ID = 'strongroom.request.id'
export const LOAD_RESULT = 'strongroom.load.result'
export const LOAD_REASON = 'strongroom.load.reason'
export const SAVE_ACTION = 'strongroom.save.action'
export const SAVE_CONFLICTS = 'strongroom.save.conflicts'
export const EVENT_TYPE = 'strongroom.event.type'
export const EVENT_REASON = 'strongroom.event.reason'
export const EVENT_WHAT = 'strongroom.event.what'
export const LOAD_DURATION = 'strongroom.session.load.duration'
export const SAVE_DURATION = 'strongroom.session.save.duration'
export const EVENTS = 'strongroom.session.events'
export const ENDED = 'strongroom.session.ended'
export const CLEARED = 'strongroom.session.cleared'
