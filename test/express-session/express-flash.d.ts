/** It has no types of its own. */
declare module 'express-flash' {
  import type { RequestHandler } from 'express'
  export default function flash(): RequestHandler
}
