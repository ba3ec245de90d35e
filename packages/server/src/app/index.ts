export { createApp, type AppParts } from './create-app.js'
