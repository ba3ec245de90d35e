/** Returns what is the same for everybody. Next.js refuses `getMember` in a function like this one. */
export async function readNews(): Promise<string> {
  'use cache'
  return `News of ${new Date().toISOString()}`
}
