import type { BaseSessions } from 'strongroom'
import { type Html, nothing } from './html.ts'

/** Forms are sent from here, and from nowhere else. */
export interface Forms {
  /** Was it sent by a page of this origin? */
  isOwn(request: Request, fields: Readonly<Record<string, string>>): Promise<boolean>
  /** What a form of ours has in it. */
  field(request: Request): Promise<Html | string>
}

export function forms(_sessions: BaseSessions<object>): Forms {
  return {
    async isOwn(request) {
      const site = request.headers.get('sec-fetch-site')
      if (site !== null) return site === 'same-origin'
      const origin = request.headers.get('origin')
      return origin !== null && URL.canParse(origin) && new URL(origin).host === request.headers.get('host')
    },
    field: async () => nothing,
  }
}
