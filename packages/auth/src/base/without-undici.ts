// Takes the place of undici for runtimes other than Node, where calls go through `fetch`: see `imports` in package.json.
// oxlint-disable-next-line unicorn/require-module-specifiers -- a module without exports
export {}
