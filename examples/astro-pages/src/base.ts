/** The path that the site is mounted at, such as `/shop`, or an empty text. */
export const base: string = import.meta.env.BASE_URL.replace(/\/$/, '')
