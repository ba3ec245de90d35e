'use client'

import type memberstackDom from '@memberstack/dom'
import { useState, type FormEvent } from 'react'

/** Signs in with Memberstack. */
export function SignIn({ memberstack }: { memberstack: ReturnType<typeof memberstackDom.init> }) {
  const [problem, setProblem] = useState('')
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget)
    const textOf = (name: string) => {
      const value = fields.get(name)
      return typeof value === 'string' ? value : ''
    }
    memberstack
      .loginMemberEmailPassword({
        email: textOf('email'),
        password: textOf('password'),
      })
      .catch((error: Error) => setProblem(error.message))
  }
  return (
    <form id="sign-in" onSubmit={submit}>
      <input name="email" type="email" autoComplete="username" placeholder="E-mail" />
      <input name="password" type="password" autoComplete="current-password" placeholder="Password" />
      <button>Sign in</button>
      {problem && <p role="alert">{problem}</p>}
    </form>
  )
}
