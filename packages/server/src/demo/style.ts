/** The style sheet of the page. */
export const style = `
:root { color-scheme: light dark; --ink: light-dark(#16211b, #e8efe9); --soft: light-dark(#56655c, #9db0a4);
  --ground: light-dark(#f4f7f2, #0e1411); --card: light-dark(#fff, #161e1a); --line: light-dark(#dde5dc, #28332d);
  --leaf: light-dark(#1c7c4a, #5fd39a); --leaf-soft: light-dark(#e2f3e8, #173526); --on-leaf: light-dark(#fff, #07150d);
  --sun: light-dark(#a75a00, #f5b544); --sun-soft: light-dark(#fdf0d8, #362a12);
  --rose: light-dark(#b02a3a, #ff8f96); --rose-soft: light-dark(#fce6e8, #3a1b20);
  --sky: light-dark(#1c5fae, #82baff); --sky-soft: light-dark(#e4eefb, #17283d) }
* { box-sizing: border-box }
textarea { width: 100%; font: .8rem/1.4 ui-monospace, monospace; background: var(--ground); color: var(--ink); border: 1px solid var(--line); border-radius: 8px; padding: .5rem }
[hidden] { display: none !important }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif;
  -webkit-text-size-adjust: 100% }
:focus-visible { outline: 3px solid var(--sky); outline-offset: 2px; border-radius: 8px }
a { color: var(--sky) }
.skip { position: absolute; left: -99rem; background: var(--card); padding: .6rem 1rem; z-index: 1 }
.skip:focus { left: 1rem; top: .5rem }
.top, main, footer { max-width: 78rem; margin: 0 auto; padding: 0 1.5rem }
.top { display: flex; justify-content: space-between; align-items: center; padding-top: 1rem }
.brand { display: flex; align-items: center; gap: .55rem; font-weight: 700; font-size: 1.1rem; letter-spacing: -.01em }
.top nav a { text-decoration: none; font-size: .95rem; padding: .4rem 0 }
.top nav a:hover { text-decoration: underline }
.hero { padding: 1.6rem 0 1.6rem }
h1 { margin: 0; font-size: clamp(1.75rem, 1.2rem + 2.4vw, 2.7rem); line-height: 1.12; letter-spacing: -.03em; text-wrap: balance }
h1 em { font-style: normal; color: var(--leaf) }
.hero p { margin: .7rem 0 0; max-width: 56rem; color: var(--soft); font-size: 1.08rem; text-wrap: pretty }
.sign-in { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; margin: 0 0 1.1rem }
.sign-in p { margin: 0; flex: 1 1 100%; color: var(--soft); font-size: .92rem }
.sign-in button { flex: 1 1 8rem }
.hero .sign-in { display: none }
.session .sign-in { margin: 1rem 0 0 }
:is(body[data-status="signed-in"], body[data-status="loading"]) .sign-in { display: none }
.flow { counter-reset: step; display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 1.8rem; list-style: none; margin: 1.4rem 0 0; padding: 0 }
.flow li { position: relative; background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: .75rem 1rem }
.flow b { display: block } .flow b::before { counter-increment: step; content: counter(step) " "; color: var(--leaf) } .flow span { color: var(--soft); font-size: .93rem; line-height: 1.35; display: block }
.flow li:not(:last-child)::after { content: "→"; position: absolute; right: -1.42rem; top: 50%; translate: 0 -50%;
  color: var(--leaf); font-size: 1.15rem; font-weight: 700 }
.flow .loop { border: 1.5px dashed var(--leaf); background: var(--leaf-soft) }
.flow .loop b::after { content: " ↻"; color: var(--leaf) }
.stage { display: grid; grid-template-columns: 19.5rem minmax(0, 1fr) minmax(0, 1.05fr); gap: 1.2rem; align-items: stretch }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 18px; padding: 1.2rem 1.3rem; min-width: 0;
  box-shadow: 0 1px 2px light-dark(#16211b0d, #0000), 0 8px 24px -18px light-dark(#16211b40, #0000) }
h2 { margin: 0 0 .8rem; font-size: 1.08rem; letter-spacing: -.01em; display: flex; align-items: center; justify-content: space-between; gap: .6rem }
.pill { font-size: .8rem; font-weight: 600; padding: .18rem .65rem; border-radius: 99px; background: var(--ground); color: var(--soft); white-space: nowrap }
.pill[data-status="signed-in"] { background: var(--leaf-soft); color: var(--leaf) }
.pill[data-status="stale"] { background: var(--sun-soft); color: var(--sun) }
.dial { position: relative; width: min(13rem, 70%); margin: .3rem auto .6rem; aspect-ratio: 1 }
.dial svg { width: 100%; height: 100%; rotate: -90deg }
.dial circle { fill: none; stroke-width: 13 }
.track { stroke: var(--line) } .left { stroke: var(--leaf); transition: stroke-dasharray .3s linear }
.dial .soon { stroke: var(--sun); stroke-width: 5 }
.session.soon .left { stroke: var(--sun) }
.session.empty .dial .left, .session.empty .dial .soon { visibility: hidden }
.reading { position: absolute; inset: 0; display: grid; place-content: center; text-align: center }
#time-left { font-size: 2.25rem; font-weight: 700; letter-spacing: -.03em; line-height: 1.1; font-variant-numeric: tabular-nums }
.reading small { color: var(--soft); font-size: .8rem; max-width: 6.5rem; margin: .1rem auto 0; line-height: 1.25; font-variant-numeric: tabular-nums }
.legend { display: flex; flex-wrap: wrap; justify-content: center; gap: .1rem 1rem; margin: 0 0 .8rem; font-size: .8rem; color: var(--soft) }
.legend span::before { content: ""; display: inline-block; width: .8rem; height: .32rem; border-radius: 9px; background: var(--leaf); margin-right: .4rem; vertical-align: middle }
.legend .key-soon::before { background: var(--sun) }
dl { margin: 0; font-size: .92rem } dl div { display: flex; justify-content: space-between; gap: 1rem; padding: .38rem 0; border-top: 1px solid var(--line) }
dt { color: var(--soft); white-space: nowrap } dd { letter-spacing: -.01em; margin: 0; white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
.wrong { color: var(--rose); font-weight: 600 }
.reason { margin: .8rem 0 0; padding: .65rem .8rem; border-radius: 10px; background: var(--rose-soft); color: var(--rose); font-size: .92rem; line-height: 1.4 }
.buttons { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem; margin-top: 1rem }
button, .button { font: inherit; font-weight: 600; font-size: .95rem; line-height: 1.25; color: inherit; text-align: center; text-decoration: none;
  background: var(--card); border: 1px solid light-dark(#c2cec4, #3a4840); border-radius: 10px; padding: .6rem .8rem; min-height: 2.75rem; cursor: pointer;
  transition: background .15s, border-color .15s }
.button { display: grid; place-content: center }
button:hover:not(:disabled), .button:hover { border-color: var(--leaf); background: var(--leaf-soft) }
button:disabled { opacity: .5; cursor: default }
.primary { background: var(--leaf); border-color: var(--leaf); color: var(--on-leaf) }
.primary:hover:not(:disabled) { background: light-dark(#15633a, #7fe0b0); border-color: transparent }
.breaks { list-style: none; margin: 0; padding: 0; display: grid; gap: .95rem }
.breaks button { width: 100%; text-align: left }
.breaks button::before { content: ""; display: inline-block; width: .55rem; height: .55rem; border-radius: 99px; margin-right: .6rem;
  border: 2px solid var(--leaf); vertical-align: .02em }
.breaks button[aria-pressed="true"] { border-color: var(--sun); background: var(--sun-soft) }
.breaks button[aria-pressed="true"]::before { background: var(--sun); border-color: var(--sun) }
#revoke:not(:disabled)::before { border-color: var(--rose) } #revoke:hover:not(:disabled) { border-color: var(--rose); background: var(--rose-soft) }
.breaks p { margin: .3rem 0 0; color: var(--soft); font-size: .9rem; line-height: 1.4; text-wrap: pretty }
.log { display: flex; flex-direction: column }
.hint { margin: -.4rem 0 .7rem; color: var(--soft); font-size: .9rem }
#log:empty { display: none } #log:not(:empty) + .nothing-yet { display: none }
.nothing-yet { margin: 0; padding: 1.4rem 1rem; border: 1.5px dashed var(--line); border-radius: 14px; color: var(--soft); font-size: .95rem; text-wrap: pretty }
.log ol { list-style: none; margin: 0; padding: 0; overflow: auto; flex: 1 1 16rem; min-height: 16rem; height: 0 }
.log li { display: grid; grid-template-columns: auto 1fr; gap: .1rem .6rem; padding: .55rem .1rem; border-top: 1px solid var(--line); font-size: .92rem; line-height: 1.4 }
.log li span { grid-column: 1 / -1; order: 3 }
.log time { color: var(--soft); font-size: .82rem; font-variant-numeric: tabular-nums; order: 2; justify-self: end; align-self: center }
.log b { font-size: .76rem; font-weight: 600; padding: .08rem .55rem; border-radius: 99px; background: var(--ground); color: var(--soft); justify-self: start }
.log .this-tab { background: var(--leaf-soft); color: var(--leaf) } .log .another-tab { background: var(--sky-soft); color: var(--sky) }
.log .trouble span { color: var(--sun) } .log .end span { color: var(--rose) }
.latest { display: none }
footer { color: var(--soft); font-size: .88rem; padding-top: 1.6rem; padding-bottom: 2.2rem }
.noscript { text-align: center; padding: 1rem }
@media (max-width: 68rem) { .stage { grid-template-columns: 19.5rem minmax(0, 1fr) } .log { grid-column: 1 / -1 }
  .log ol { max-height: 24rem; height: auto; min-height: 8rem; flex: none } }
@media (max-width: 46rem) { .top, main, footer { padding-left: 1rem; padding-right: 1rem } .hero { padding: 1.1rem 0 1.2rem } .hero .sign-in { display: flex; margin: 1rem 0 0 }
  .flow { grid-template-columns: 1fr; gap: 1.25rem } .flow li { padding: .55rem .9rem }
  .flow li:not(:last-child)::after { content: "↓"; right: auto; left: 1.2rem; top: auto; bottom: -1.32rem; translate: none; font-size: 1rem }
  .stage { grid-template-columns: minmax(0, 1fr); gap: .9rem } .card { padding: 1rem 1rem 1.1rem }
  .latest:not(:empty) { display: block; position: sticky; bottom: .6rem; margin: .6rem 1rem; padding: .65rem .9rem; border-radius: 12px; font-size: .9rem;
    line-height: 1.35; background: var(--ink); color: var(--ground); box-shadow: 0 6px 20px #0005 } }
@media (prefers-reduced-motion: reduce) { * { transition: none !important } }
`
