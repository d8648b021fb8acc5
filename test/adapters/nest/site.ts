import 'reflect-metadata'
import type { Server, ServerResponse } from 'node:http'
import type { Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import {
  Controller,
  Get,
  type INestApplication,
  Module,
  type ModuleMetadata,
  type NestApplicationOptions,
  type Type,
} from '@nestjs/common'
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { http1 } from '../../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../../packages/strongroom/src/testing/adapter/visitor.ts'
import type { RunningServer } from '../../../packages/strongroom/src/testing/index.ts'

export const PLATFORMS = ['Express', 'Fastify'] as const
export type Platform = (typeof PLATFORMS)[number]

export const adapterOf = (platform: Platform) => (platform === 'Express' ? new ExpressAdapter() : new FastifyAdapter())

/** Every method of a controller, with what stands before it and before its parameters. */
export interface Handler {
  readonly decorators: readonly MethodDecorator[]
  readonly parameters?: readonly ParameterDecorator[]
  // biome-ignore lint/suspicious/noExplicitAny: what the decorators of the parameters hand in
  readonly run: (...args: any[]) => unknown
}

/** A handler of GET. */
export const get = (
  path: string,
  run: Handler['run'],
  parameters: ParameterDecorator[],
  ...decorators: MethodDecorator[]
) => ({
  decorators: [Get(path), ...decorators],
  parameters,
  run,
})

/** A controller, made without decorator syntax, which Node does not run. */
export function controller(handlers: readonly Handler[], decorators: readonly ClassDecorator[] = [Controller()]): Type {
  class Handlers {}
  for (const [index, { decorators, parameters = [], run }] of handlers.entries()) {
    const name = `handler${index}`
    Object.defineProperty(Handlers.prototype, name, { value: run, configurable: true, writable: true })
    for (const [at, decorator] of parameters.entries()) decorator(Handlers.prototype, name, at)
    for (const decorator of decorators)
      decorator(
        Handlers.prototype,
        name,
        Object.getOwnPropertyDescriptor(Handlers.prototype, name) as PropertyDescriptor,
      )
  }
  for (const decorator of decorators) decorator(Handlers)
  return Handlers
}

export function moduleOf(metadata: ModuleMetadata, name = 'Root'): Type {
  const made = { [name]: class {} }[name] as Type
  Module(metadata)(made)
  return made
}

export const createApp = (root: Type, on: Platform | AbstractHttpAdapter, options: NestApplicationOptions = {}) =>
  NestFactory.create(root, typeof on === 'string' ? adapterOf(on) : on, {
    logger: false,
    abortOnError: false,
    ...options,
  })

/** Starts an application on a free port. Closing it does not wait for clients that keep their connections open. */
export async function listen(app: INestApplication): Promise<RunningServer> {
  const server: Server | Http2Server = app.getHttpServer()
  const open = new Set<{ destroy(): void }>()
  const opened = (session: { destroy(): void }) => open.add(session)
  server.on('session', opened)
  await app.listen(0, '127.0.0.1')
  const close = async () => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    for (const session of open) session.destroy()
    await app.close()
  }
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, http2: !('closeAllConnections' in server), close }
}

/** Runs an application until the end of the test. */
export async function visit(t: TestContext, app: INestApplication): Promise<{ url: string; visitor: Visitor }> {
  const { url, close } = await listen(app)
  t.after(close)
  const client = http1(url)
  t.after(() => client.close())
  return { url, visitor: new Visitor(client) }
}

/** What is used here of the reply of Fastify. */
export interface Reply {
  readonly raw: ServerResponse
  code(status: number): Reply
  header(name: string, value: unknown): Reply
  hijack(): Reply
  send(body?: unknown): Reply
}
