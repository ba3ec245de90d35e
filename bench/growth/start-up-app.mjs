/* An application as people deploy it: JavaScript, Express, one protected route; not protected where no options are given. */
import process from 'node:process'
import express from 'express'

const app = express()
if (process.env.PERENNIAL_OPTIONS) {
  const { createPerennial } = await import('@perennial/auth')
  const { authenticate } = await import('@perennial/auth/express')
  app.use(authenticate(await createPerennial(JSON.parse(process.env.PERENNIAL_OPTIONS))))
}
app.get('/me', (request, response) => {
  response.json({ id: request.memberstackUser?.userId ?? 'mem_000000' })
})
const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`"url":"http://127.0.0.1:${server.address().port}"\n`)
})
