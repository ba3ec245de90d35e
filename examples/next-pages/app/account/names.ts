// A database, in a real app.
const shared: typeof globalThis & { names?: Map<string, string> } = globalThis

const names = () => (shared.names ??= new Map())

/** Returns the name of a member. */
export const nameOf = (userId: string): string => names().get(userId) ?? ''

/** Keeps the name of a member. */
export const keepName = (userId: string, name: string): void => void names().set(userId, name)
