/** A request under `/v1/auth` (or to the webhook), as every adapter hands it in. */
export interface AuthRequest {
  readonly method: string
  /** The path below the mount point, without a query: `/refresh-token`. */
  readonly path: string
  /** The caller's address, after the framework's own proxy rules. */
  readonly ip: string
  readonly requestId: string
  /** One header by its lower-case name. */
  header(name: string): string | undefined
  readBody(): Promise<BodyReading>
}

/** A body: the raw bytes, or what a body parser that ran before us made of them. */
export type BodyReading =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'parsed'; readonly value: unknown }
  | { readonly kind: 'too_large' }

/** The answer, complete: adapters copy it and add nothing. */
export interface AuthResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}
