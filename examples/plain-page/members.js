// The script tag creates `Perennial.session`. The session signs in when Memberstack reports a member.
const who = document.querySelector('[data-who]')
const button = document.querySelector('[data-load]')
const projects = document.querySelector('[data-projects]')

/** The member whose data the page shows. */
let shownUserId = null

function show({ status, userId, stale }) {
  const name = status === 'signed-in' ? `Signed in as ${userId}` : 'Signed out'
  who.textContent =
    status === 'loading' ? 'One moment…' : name + (stale ? ' (connection lost, trying again)' : '')
  button.hidden = status !== 'signed-in'
  // The data is removed when the member signs out or changes, in this tab and in every other tab.
  if (userId !== shownUserId) projects.textContent = ''
  shownUserId = userId
}

window.addEventListener('perennial:change', ({ detail }) => show(detail.state))
show(window.Perennial.session.state)

async function load() {
  const { userId } = window.Perennial.session.state
  const text = await readProjects()
  // The member may have signed out, or another one signed in, while the request was running.
  if (window.Perennial.session.state.userId === userId) projects.textContent = text
}

async function readProjects() {
  try {
    const response = await window.Perennial.session.fetch('https://api.example.com/projects')
    return response.ok ? JSON.stringify(await response.json(), null, 2) : `HTTP ${response.status}`
  } catch (error) {
    return error.retryable ? 'The service is away. Try again in a moment.' : error.message
  }
}

button.addEventListener('click', () => void load())
