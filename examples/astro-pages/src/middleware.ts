import { createAstroPages } from '@perennial/auth/astro'
import { getPerennial } from './perennial'

export const { onRequest } = createAstroPages(getPerennial)
