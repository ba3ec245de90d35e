import { type BreakText, demoMembers, describeBreaks } from './page-content.js'

/** The settings that change the page. */
export interface DemoPageParts {
  readonly transport: 'body' | 'cookie'
  readonly canShorten: boolean
}

/** Renders the whole page; its scripts only update it. */
export function renderDemoPage({ transport, canShorten }: DemoPageParts): string {
  return `<!doctype html>
<html lang="en">
${head}
<body data-transport="${transport}">
<a class="skip" href="#session">Skip to the demo</a>
<header class="top">
<span class="brand"><img src="/demo/icon.svg" alt="" width="28" height="28">Perennial</span>
<nav aria-label="More"><a href="/docs">HTTP interface</a></nav>
</header>
<main>
${hero}
<div class="stage">
${sessionCard}
<section class="card" aria-labelledby="breaks-title">
<h2 id="breaks-title">Now break it</h2>
${signInButtons('Sign in first, then every button here works.')}
<ul class="breaks">
${describeBreaks(canShorten).map(renderBreak).join('\n')}
</ul>
${transport === 'body' ? copies : ''}
</section>
${logCard}
</div>
</main>
<p class="latest" id="latest" aria-hidden="true"></p>
<footer>Runs on your machine: the real service, the real browser client, and an emulator in place of Memberstack.
This page does not exist in production.</footer>
<noscript><p class="noscript">The demo needs JavaScript. The <a href="/docs">HTTP interface</a> does not.</p></noscript>
</body>
</html>
`
}

function renderBreak({ id, title, text, toggles }: BreakText): string {
  const pressed = toggles ? ' aria-pressed="false"' : ''
  return `<li><button id="${id}" type="button" disabled${pressed} aria-describedby="${id}-text">${title}</button>
<p id="${id}-text">${text}</p></li>`
}

/** Renders one sign-in button per member; the style sheet hides them while a member is signed in. */
function signInButtons(hint: string): string {
  const buttons = demoMembers.map(
    ({ key, name }) =>
      `<button class="primary" type="button" data-sign-in="${key}">Sign in as ${name}</button>`,
  )
  return `<div class="sign-in"><p>${hint}</p>${buttons.join('')}</div>`
}

const hero = `<section class="hero">
<h1>Members sign in once and <em>stay</em> signed in.</h1>
<p>Perennial turns a Memberstack sign-in into access tokens that live one hour, renew themselves,
and can be taken back at any moment. No tab, lost answer or outage logs anyone out.</p>
${signInButtons('Ada is an admin, Bob is not.')}
<ol class="flow" aria-label="The order in which things happen">
<li><b>Sign in</b><span>Memberstack says who the member is</span></li>
<li><b>Exchange</b><span>the client swaps that at Perennial for a one-hour token</span></li>
<li><b>Call</b><span>your API checks the token locally, in microseconds</span></li>
<li class="loop"><b>Renew</b><span>the client gets the next token in time, once for all tabs; then step 3 again</span></li>
</ol>
</section>`

const sessionCard = `<section class="card session" id="session" aria-labelledby="session-title">
<h2 id="session-title">Session <span id="status" class="pill" role="status">starting</span></h2>
<div class="dial">
<svg viewBox="0 0 200 200" aria-hidden="true">
<circle class="track" cx="100" cy="100" r="84" pathLength="1000"/>
<circle class="left" id="dial-left" cx="100" cy="100" r="84" pathLength="1000"/>
<circle class="soon" id="dial-soon" cx="100" cy="100" r="68" pathLength="1000"/>
</svg>
<div class="reading"><span id="time-left" role="timer">--:--</span><small id="time-note">signed out</small></div>
</div>
<p class="legend"><span class="key-left">life left</span><span class="key-soon">expiring soon: renewed by then</span></p>
<dl>
<div><dt>Member</dt><dd id="member">nobody</dd></div>
<div><dt>Roles</dt><dd id="roles">–</dd></div>
<div><dt>Token’s age</dt><dd id="age">–</dd></div>
<div><dt>Renewed</dt><dd>here <b id="count-own">0</b>, in other tabs <b id="count-other">0</b></dd></div>
<div><dt>Page’s clock</dt><dd id="page-clock">–</dd></div>
</dl>
<p class="reason" id="reason" role="alert" hidden></p>
<div class="buttons">
<button id="call-api" type="button" hidden>Call the API</button>
<a id="second-tab" class="button" href="/" target="_blank" rel="noopener" hidden>Open a second tab</a>
${demoMembers.map(({ key, name }) => `<button id="switch-${key}" type="button" data-sign-in="${key}" hidden>Switch to ${name}</button>`).join('\n')}
<button id="sign-out" type="button" hidden>Sign out</button>
</div>
${signInButtons('Ada is an admin, Bob is not.')}
</section>`

/** A script cannot read the cookie of the other transport, so it cannot copy the token either. */
const copies = `<h3 id="copies-title">Copy the tokens to another browser</h3>
<p>Open this page in another browser or a private window. Here, copy the tokens; there, paste and use them.
This session is bound to a key that cannot leave this browser, so the copy is refused, and nobody is signed out.
Then try it <a href="/?key=none">without a key</a> (and <a href="/">with one</a> again).</p>
<p><button id="copy-tokens" type="button" disabled>Copy my tokens</button></p>
<p><textarea id="copy" rows="3" aria-label="Tokens to copy, or those of another browser" spellcheck="false" autocomplete="off"></textarea></p>
<p><button id="use-copy" type="button">Use these tokens here</button></p>`

const logCard = `<section class="card log" aria-labelledby="log-title">
<h2 id="log-title">What the client did</h2>
<p class="hint">Newest first, with the service’s time.</p>
<ol id="log" aria-live="polite" aria-relevant="additions" aria-label="What happened, newest first" tabindex="0"></ol>
<p class="nothing-yet">Nothing yet. Sign in, and this list shows every renewal, every call of the API and every fault,
and which tab caused it.</p>
</section>`

const head = `<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Perennial: see it work, then break it</title>
<link rel="icon" href="/demo/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/demo/style.css">
<script defer src="/demo/perennial.global.js"></script>
<script type="module" src="/demo/main.js"></script>
</head>`
