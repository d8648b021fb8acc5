import type { Response } from 'express'
import { troubleView } from '../views/trouble.ts'

/** A page for when something is wrong. It asks nothing of the session, which may be what is wrong. */
export async function troublePage(response: Response, status: number, message = ''): Promise<void> {
  response
    .status(status)
    .type('html')
    .send(String(await troubleView(status, message)))
}
