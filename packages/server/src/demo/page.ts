import { describeBreaks, type BreakText } from './break-texts.js'

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
<ul class="breaks">
${describeBreaks(canShorten).map(renderBreak).join('\n')}
</ul>
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

const hero = `<section class="hero">
<h1>Members sign in once and <em>stay</em> signed in.</h1>
<p>Perennial turns a Memberstack sign-in into access tokens that live one hour, renew themselves,
and can be taken back at any moment. No tab, lost answer or outage logs anyone out.</p>
<ol class="flow" aria-label="How it works">
<li><b>Memberstack</b><span>says who the member is</span></li>
<li><b>Perennial</b><span>opens a session: a one-hour token</span></li>
<li><b>Your API</b><span>checks the token locally, in microseconds</span></li>
<li class="loop"><b>The client</b><span>renews it in time, once for all tabs</span></li>
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
<div><dt>Token’s age</dt><dd id="age">–</dd></div>
<div><dt>Renewed</dt><dd>here <b id="count-own">0</b>, in other tabs <b id="count-other">0</b></dd></div>
<div><dt>Page’s clock</dt><dd id="page-clock">–</dd></div>
</dl>
<p class="reason" id="reason" role="alert" hidden></p>
<div class="buttons">
<button id="sign-in" class="primary" type="button">Sign in as Ada</button>
<button id="call-api" type="button" hidden>Call the API</button>
<a id="second-tab" class="button" href="/" target="_blank" rel="noopener" hidden>Open a second tab</a>
<button id="sign-out" class="quiet" type="button" hidden>Sign out</button>
</div>
</section>`

const logCard = `<section class="card log" aria-labelledby="log-title">
<h2 id="log-title">What the client did</h2>
<p class="hint" id="log-hint">Each renewal, and which tab made it.</p>
<ol id="log" aria-live="polite" aria-relevant="additions" aria-label="What happened, newest first" tabindex="0"></ol>
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
