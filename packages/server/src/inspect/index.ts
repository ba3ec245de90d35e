export { explainToken, readPipedToken, type Explanation } from './explain-token.js'
