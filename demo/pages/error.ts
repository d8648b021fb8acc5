import type { Response } from 'express'
import { errorView } from '../views/error.ts'

/** The page for errors. It does not use the session, which may be what is wrong. */
export async function errorPage(response: Response, status: number, message = ''): Promise<void> {
  response
    .status(status)
    .type('html')
    .send(String(await errorView(status, message)))
}
