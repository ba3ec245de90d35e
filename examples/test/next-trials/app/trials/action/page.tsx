import { choose } from './actions'

/** A form whose action sets cookies. */
export default function Page() {
  return (
    <form action={choose}>
      <button>Choose</button>
    </form>
  )
}
