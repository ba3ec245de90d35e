/** The parts of Next.js that `next.ts` uses. Apps have it installed; this repository has not. */
declare module 'next/server.js' {
  export const NextResponse: {
    next(init?: { readonly request?: { readonly headers?: Headers } }): Response
  }
  export function connection(): Promise<void>
}

declare module 'next/headers.js' {
  export function headers(): Promise<Pick<Headers, 'get' | 'has'>>
}
