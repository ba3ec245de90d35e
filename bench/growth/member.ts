/** The id of the member that the `index`th token belongs to. */
export function memberId(index: number): string {
  return `mem_${String(index).padStart(6, '0')}`
}

/** What `GET /me` answers that member; a route open to all answers it as if to the first. */
export function bodyOf(index: number): string {
  return JSON.stringify({ id: memberId(index) })
}
