import { ActionError, defineAction } from 'astro:actions'
import { z } from 'astro/zod'
import { sessions } from '../sessions.ts'

export const server = {
  login: defineAction({
    accept: 'form',
    input: z.object({ name: z.string().min(1, 'Who are you?') }),
    async handler({ name }, { locals }) {
      const session = await locals.session
      session.login(name) // after the password was checked
    },
  }),

  logout: defineAction({
    accept: 'form',
    async handler(_, { locals }) {
      const session = await locals.session
      session.logout()
    },
  }),

  end: defineAction({
    accept: 'form',
    input: z.object({ handle: z.string() }),
    async handler({ handle }, context) {
      // Asks the store itself: who was logged out a moment ago must not end anything.
      const session = await sessions.get(context, { fresh: true })
      if (session.userId === null) throw new ActionError({ code: 'UNAUTHORIZED', message: 'Sign in first.' })
      const ended = await sessions.of(session.userId).revoke(handle)
      if (!ended) throw new ActionError({ code: 'NOT_FOUND', message: 'That device is gone already.' })
    },
  }),
}
