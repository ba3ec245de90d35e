import { ActionError, defineAction } from 'astro:actions'
import { z } from 'astro/zod'
import { keepName } from '../names'

export const server = {
  /** Saves the name of the member. A request of another site has no member here. */
  saveName: defineAction({
    accept: 'form',
    input: z.object({ name: z.string() }),
    handler: ({ name }, { locals: { member } }) => {
      if (!member) throw new ActionError({ code: 'UNAUTHORIZED', message: 'Sign in first.' })
      keepName(member.userId, name)
      return name
    },
  }),
}
