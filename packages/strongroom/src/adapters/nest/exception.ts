import { type ArgumentsHost, Catch, HttpException, Logger } from '@nestjs/common'
import { BaseExceptionFilter } from '@nestjs/core'
import { StrongroomError } from '../../errors.ts'

const logger = new Logger('StrongroomModule')
const logged = new WeakSet<StrongroomError>()

/**
 * Nest logs no `HttpException`, and the visitor is told nothing, so that nobody would find a mistake of the application. For a `StoreError`,
 * there is an event.
 */
function log(error: StrongroomError): void {
  if (error.status < 500 || error.code === 'STRONGROOM_STORE' || logged.has(error)) return
  logged.add(error)
  logger.error(error)
}

/**
 * What the exception filters of an application get when a session could not be loaded or saved: an `HttpException` with the status of the
 * error (503 when the store is down, 409 when the session is gone, 403 for a forged request), with what a visitor may read, and with the
 * error itself as its `cause`.
 */
export class SessionException extends HttpException {
  declare readonly cause: StrongroomError

  constructor(error: StrongroomError) {
    super(error.publicMessage, error.status, { cause: error })
  }

  /** What the filter of Nest sends. */
  override getResponse(): string | object {
    log(this.cause)
    return super.getResponse()
  }
}

export const exceptionOf = (error: unknown): unknown =>
  error instanceof StrongroomError ? new SessionException(error) : error

/**
 * The last filter of an application: responds to an error of this library that no other filter has caught. Nest itself would respond with
 * the error's message before 11.2.7, and that of a `StoreError` names hosts.
 */
export class StrongroomFilter extends BaseExceptionFilter<StrongroomError> {
  override catch(error: StrongroomError, host: ArgumentsHost): unknown {
    const exception = new SessionException(error)
    switch (host.getType<string>()) {
      case 'http':
        return super.catch(exception as never, host)
      case 'graphql':
        log(error)
        return exception
      default:
        // Without a result, the filter of a microservice that comes after all others handles the error.
        return undefined
    }
  }
}
Catch(StrongroomError)(StrongroomFilter)
