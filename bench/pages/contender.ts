/** A site of one member, whose pages are rendered from cookies. */
export interface Contender {
  readonly name: string
  /** Signs the member in. */
  signIn(): Promise<void>
  /** Lets so much time pass that the access token ends. */
  passHour(): void
  /** Renders a page for this many requests at once, all with the cookies that the browser has. Returns how many show the member. */
  render(parallel: number): Promise<number>
  /** The refreshes that reached the store, or the issuer, since the last call. */
  takeRefreshes(): number
  close(): Promise<void>
}
