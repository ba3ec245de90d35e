// The script tag creates `Perennial.session`. The session signs in when Memberstack reports a member.
const who = document.querySelector('[data-who]')
const button = document.querySelector('[data-load]')
const projects = document.querySelector('[data-projects]')

function show({ status, userId, stale }) {
  const name = status === 'signed-in' ? `Signed in as ${userId}` : 'Signed out'
  who.textContent =
    status === 'loading' ? 'One moment…' : name + (stale ? ' (connection lost, trying again)' : '')
  button.hidden = status !== 'signed-in'
  // The member's data is removed at sign-out, in this tab and in every other tab.
  if (status === 'signed-out') projects.textContent = ''
}

window.addEventListener('perennial:change', ({ detail }) => show(detail.state))
show(window.Perennial.session.state)

async function load() {
  const text = await readProjects()
  // The member may have signed out while the request was running.
  if (window.Perennial.session.state.status === 'signed-in') projects.textContent = text
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
