import memberstackDom from '@memberstack/dom'
import { createSession } from '@perennial/client'
import { base } from './base'
import { followMember } from './follow-member'

const { PUBLIC_MEMBERSTACK_PUBLIC_KEY, PUBLIC_MEMBERSTACK_URL } = import.meta.env

const memberstack = memberstackDom.init({
  publicKey: PUBLIC_MEMBERSTACK_PUBLIC_KEY,
  // Only for the emulator. Without it, the SDK uses Memberstack's own address.
  domain: PUBLIC_MEMBERSTACK_URL,
})

/** One session for the whole visit: view transitions run this module once. It signs in and out when Memberstack's SDK does. */
const session = createSession({ serviceUrl: location.origin + base, storage: 'cookie', memberstack })

function show(): void {
  const { status } = session.state
  document.querySelector('#sign-in')?.toggleAttribute('hidden', status !== 'signed-out')
  document.querySelector('#status')?.toggleAttribute('hidden', status !== 'signed-in')
}

async function signIn(form: HTMLFormElement): Promise<void> {
  const fields = new FormData(form)
  const textOf = (name: string) => {
    const value = fields.get(name)
    return typeof value === 'string' ? value : ''
  }
  const problem = form.querySelector('[role=alert]')
  try {
    await memberstack.loginMemberEmailPassword({
      email: textOf('email'),
      password: textOf('password'),
    })
  } catch (error) {
    if (problem) problem.textContent = error instanceof Error ? error.message : String(error)
  }
}

/** Connects the form and the button of a page. Each page that a view transition brings has its own. */
function connect(): void {
  show()
  document.querySelector<HTMLFormElement>('#sign-in')?.addEventListener('submit', (event) => {
    event.preventDefault()
    if (event.currentTarget instanceof HTMLFormElement) void signIn(event.currentTarget)
  })
  document.querySelector('#sign-out')?.addEventListener('click', () => void memberstack.logout())
}

session.onChange(show)
followMember(session)
document.addEventListener('astro:page-load', connect)
