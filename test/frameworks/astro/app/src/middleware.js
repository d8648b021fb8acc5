import { sequence } from 'astro/middleware'
import { siteOf } from './site.js'

export const onRequest = (context, next) => sequence(...siteOf(context).middleware)(context, next)
