import { useState, type FormEvent } from 'react'
import { memberstack } from './session'

/** Signs in with Memberstack. The session follows, so there is nothing else to do. */
export function SignIn() {
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [problem, setProblem] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    memberstack
      .loginMemberEmailPassword({ email, password })
      .catch((error: Error) => setProblem(error.message))
  }
  return (
    <form onSubmit={submit}>
      <input
        type="email"
        autoComplete="username"
        placeholder="E-mail"
        value={email}
        onChange={({ target }) => setEmail(target.value)}
      />
      <input
        type="password"
        autoComplete="current-password"
        placeholder="Password"
        value={password}
        onChange={({ target }) => setPassword(target.value)}
      />
      <button>Sign in</button>
      {problem && <p role="alert">{problem}</p>}
    </form>
  )
}
