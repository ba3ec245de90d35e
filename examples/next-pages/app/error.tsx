'use client'

/** Shows that a page cannot be rendered at the moment, for example because the store and the token of the member are both away. */
export default function Failed({ reset }: { reset: () => void }) {
  return (
    <p id="greeting">
      This page cannot be shown at the moment. <button onClick={reset}>Try again</button>
    </p>
  )
}
