import { siteOf } from '../../site.js'

const respond = (event) => siteOf(event).respond(event)

export { respond as DELETE, respond as GET, respond as OPTIONS, respond as PATCH, respond as POST, respond as PUT }
