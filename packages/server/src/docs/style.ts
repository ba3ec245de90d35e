/** The style sheet of the page; its hash is in the page's Content-Security-Policy. */
export const style = `
:root { color-scheme: light dark; --ink: light-dark(#1c2430, #e6eaf0); --soft: light-dark(#5a6675, #9aa6b5);
  --ground: light-dark(#fbfbf9, #12161c); --card: light-dark(#fff, #1a2029); --line: light-dark(#e3e5e0, #2b333f);
  --leaf: light-dark(#1f7a4d, #5fd39a); --sky: light-dark(#1d5fa8, #7db8ff); --rose: light-dark(#b3363f, #ff8f96);
  --code: light-dark(#f1f3ee, #232b36); }
* { box-sizing: border-box }
html { scroll-behavior: smooth; scroll-padding-top: 1rem }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto } }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif }
.page { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 76rem; margin: 0 auto; gap: 2.5rem; padding: 0 1.5rem }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; padding: 2rem 0 }
nav h2 { margin: 1.4rem 0 .3rem; font-size: .75rem; letter-spacing: .08em; text-transform: uppercase; color: var(--soft) }
nav ul { list-style: none; margin: 0; padding: 0 }
nav li { break-inside: avoid } nav a { display: block; padding: .2rem .5rem; margin-left: -.5rem; border-radius: 6px; color: inherit; text-decoration: none; font-size: .9rem }
nav a:hover { background: var(--code) }
main { padding: 2rem 0 6rem }
h1 { margin: 0; font-size: 2.1rem; letter-spacing: -.02em }
h1 small { font-size: .9rem; font-weight: 400; color: var(--soft); letter-spacing: 0 }
.lead { font-size: 1.1rem; color: var(--soft); margin: .4rem 0 2rem }
main > h2 { margin: 3rem 0 .2rem; font-size: 1.3rem; text-transform: capitalize }
.operation, .schema { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem 1.3rem; margin: 1rem 0 }
.operation h3, .schema h3 { margin: .35rem 0 0; font-size: 1rem; font-weight: 600; overflow-wrap: anywhere }
.operation p { margin: .5rem 0 }
.address { font: .95rem/1.6 ui-monospace, monospace; overflow-wrap: anywhere }
.method { display: inline-block; min-width: 4.2em; padding: 0 .5em; margin-right: .6em; border-radius: 6px; text-align: center;
  font-weight: 700; font-size: .8rem; border: 1px solid currentcolor }
.get { color: var(--sky) } .post { color: var(--leaf) } .delete { color: var(--rose) }
code, pre { font-family: ui-monospace, monospace; font-size: .87em; background: var(--code); border-radius: 5px }
code { padding: .1em .35em; overflow-wrap: anywhere }
pre { padding: .9rem 1rem; overflow: auto; margin: .6rem 0 0; line-height: 1.45 }
details { margin-top: .7rem }
summary { cursor: pointer; color: var(--soft); font-size: .9rem }
:focus-visible { outline: 2px solid var(--sky); outline-offset: 2px; border-radius: 6px }
table { border-collapse: collapse; width: 100%; margin-top: .6rem; font-size: .92rem }
th, td { text-align: left; vertical-align: top; padding: .45rem .6rem .45rem 0; border-top: 1px solid var(--line) }
th { width: 3.6rem; font-weight: 700 } .operation td p { margin: 0 0 .25rem } .operation td p:last-child { margin: 0 }
main a { color: var(--sky) }
.ok th { color: var(--leaf) } .no th { color: var(--rose) }
@media (max-width: 52rem) { .page { display: block; padding: 0 1rem } nav { position: static; max-height: none; padding: 1rem 0 0 }
  nav ul { columns: 2 } main { padding-top: 1rem } h1 { font-size: 1.7rem } }
`
