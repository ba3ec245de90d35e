// A database, in a real app.
const names = new Map<string, string>()

/** Returns the name of a member. */
export const nameOf = (userId: string): string => names.get(userId) ?? ''

/** Keeps the name of a member. */
export const keepName = (userId: string, name: string): void => void names.set(userId, name)
