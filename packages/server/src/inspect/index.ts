export { explainToken, type Explanation } from './explain-token.js'
export { readPipedToken } from './read-piped-token.js'
