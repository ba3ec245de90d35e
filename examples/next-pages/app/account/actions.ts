'use server'

import { redirect } from 'next/navigation'
import { getMember } from '../../perennial'
import { keepName } from './names'

/** Saves the name of the member. A request of another site has no member here. */
export async function saveName(fields: FormData): Promise<void> {
  const member = await getMember()
  if (!member) throw new Error('Sign in first.')
  const name = fields.get('name')
  if (typeof name === 'string') keepName(member.userId, name)
  redirect('/account')
}
