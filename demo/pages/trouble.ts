import type { Response } from 'express'
import { troubleView } from '../views/trouble.ts'

/** The page for errors. It does not use the session, which may be what is wrong. */
export async function troublePage(response: Response, status: number, message = ''): Promise<void> {
  response
    .status(status)
    .type('html')
    .send(String(await troubleView(status, message)))
}
