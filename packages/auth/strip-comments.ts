/**
 * Removes from the built library what no program can use, half of the declarations: all comments of the JavaScript, and the
 * declarations that no door of the package exports or mentions, with the files that are empty then. Editors show the comments
 * of what a door exports, so these stay. Statements are written in their shortest form, each step of the indentation is one tab, and
 * names and lines stay for stack traces.
 * Part of `npm run build`.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'
import { parseSync, type ParseResult } from 'oxc-parser'
import manifest from './package.json' with { type: 'json' }

type Statement = ParseResult['program']['body'][number]

/** A declaration file as it is built. */
interface Declarations {
  readonly path: string
  readonly text: string
  readonly statements: readonly Statement[]
}

const root = fileURLToPath(new URL('.', import.meta.url))
const built = join(root, 'dist')
const doors = new Set(Object.values(manifest.exports).map(({ types }) => join(root, types)))

const entries = (await readdir(built, { recursive: true })).map((path) => join(built, path))
const [files] = await Promise.all([
  Promise.all(entries.filter((path) => path.endsWith('.d.ts')).map(readDeclarations)),
  ...entries.filter((path) => path.endsWith('.js')).map(stripScript),
])
const publicNames = findPublicNames(files)
const textAt = new Map(files.map((file) => [file.path, stripInternal(file)]))
const used = findUsed()
await Promise.all(
  files.map(async ({ path, text }) => {
    if (used.has(path)) await write(path, text, indentByTabs(path, textAt.get(path) ?? '', 4))
    else await rm(path)
  }),
)

async function stripScript(path: string): Promise<void> {
  const source = await readFile(path, 'utf8')
  const { code } = await transform(source, {
    format: 'esm',
    target: 'esnext',
    legalComments: 'none',
    minifySyntax: true,
  })
  await write(path, source, indentByTabs(path, code, 2))
}

/** Writes each step of the indentation as a tab, but for lines that begin in a template literal: their spaces are part of its text. */
function indentByTabs(path: string, text: string, stepLength: number): string {
  const templates = templatesIn(parseSync(path, text).program)
  const isText = (at: number) => templates.some(({ start, end }) => start < at && at < end)
  return text.replaceAll(new RegExp(`^(?: {${stepLength}})+`, 'gm'), (spaces, at: number) =>
    isText(at) ? spaces : '\t'.repeat(spaces.length / stepLength),
  )
}

/** Returns the places of all template literals in a node. */
function templatesIn(node: unknown): readonly { readonly start: number; readonly end: number }[] {
  if (typeof node !== 'object' || node === null) return []
  const inner = Object.values(node).flatMap(templatesIn)
  const isTemplate = 'type' in node && node.type === 'TemplateLiteral' && 'start' in node && 'end' in node
  return isTemplate ? [{ start: Number(node.start), end: Number(node.end) }, ...inner] : inner
}

async function write(path: string, before: string, after: string): Promise<void> {
  if (after !== before) await writeFile(path, after)
}

async function readDeclarations(path: string): Promise<Declarations> {
  const text = await readFile(path, 'utf8')
  return { path, text, statements: parseSync(path, text).program.body }
}

/** Returns the names that a door exports, and all that these declarations mention. Names are compared, not symbols. */
function findPublicNames(all: readonly Declarations[]): ReadonlySet<string> {
  const mentions = new Map<string, readonly string[]>()
  const found = new Set<string>()
  const mention = (name: string, names: readonly string[]) =>
    mentions.set(name, [...(mentions.get(name) ?? []), ...names])
  const exported = all.filter(({ path }) => doors.has(path)).flatMap(({ statements }) => statements)
  for (const name of exported.flatMap((statement) => namesIn(statement))) found.add(name)
  for (const statement of all.flatMap(({ statements }) => statements)) {
    for (const name of declaredNames(statement)) mention(name, namesIn(statement))
    for (const [name, source] of renamings(statement)) mention(name, [source])
  }
  // A set visits what is added to it during the loop.
  for (const name of found) for (const mentioned of mentions.get(name) ?? []) found.add(mentioned)
  return found
}

/** Returns the paths of the doors, and of every declaration file that they mention, directly or not. */
function findUsed(): ReadonlySet<string> {
  const found = new Set(doors)
  // A set visits what is added to it during the loop.
  for (const path of found)
    for (const [, module = ''] of (textAt.get(path) ?? '').matchAll(/["'](\.{1,2}\/[^"']+)\.js["']/g))
      found.add(join(dirname(path), `${module}.d.ts`))
  return found
}

function stripInternal({ path, text, statements }: Declarations): string {
  let kept = ''
  let end = 0
  for (const statement of statements) {
    const withComments = text.slice(end, statement.end)
    end = statement.end
    const names = declaredNames(statement)
    if ('specifiers' in statement && names.length === 0) kept += publicPartOf(statement, text)
    else if (doors.has(path) || names.length === 0 || names.some((name) => publicNames.has(name)))
      kept += `${withComments.trimStart()}\n`
  }
  return kept
}

/** Returns an import, or an export of names, without the names that are not public. A list of no names stays. */
function publicPartOf(statement: ListStatement, text: string): string {
  const { specifiers, start, end } = statement
  const [first] = specifiers
  const last = specifiers.at(-1)
  if (!first || !last) return `${text.slice(start, end)}\n`
  const names = specifiers.filter((specifier) => namesIn(specifier).some((name) => publicNames.has(name)))
  if (names.length === 0) return ''
  const list = names.map((name) => text.slice(name.start, name.end)).join(', ')
  return `${text.slice(start, first.start)}${list}${text.slice(last.end, end)}\n`
}

type ListStatement = Extract<Statement, { readonly specifiers: readonly unknown[] }>

function declaredNames(statement: Statement): readonly string[] {
  const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
  if (!declaration) return []
  if (declaration.type === 'VariableDeclaration')
    return declaration.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? [id.name] : []))
  const id = 'id' in declaration ? declaration.id : null
  return id?.type === 'Identifier' ? [id.name] : []
}

/** Returns the pairs of a new name and the name that it stands for. */
function renamings(statement: Statement): readonly (readonly [string, string])[] {
  if (!('specifiers' in statement)) return []
  return statement.specifiers.flatMap((specifier) => {
    const names = namesIn(specifier)
    return names.flatMap((name) => names.map((other) => [name, other] as const))
  })
}

/** Returns the names that a node mentions. The names of its properties and parameters are not among them. */
function namesIn(node: unknown, place?: string): readonly string[] {
  if (typeof node !== 'object' || node === null) return []
  if (Array.isArray(node)) return node.flatMap((item) => namesIn(item, place))
  const inner = Object.entries(node).flatMap(([key, value]) => namesIn(value, key))
  const isOwn = place === 'params' || place === 'key'
  if (isOwn || !('type' in node) || node.type !== 'Identifier' || !('name' in node)) return inner
  return [String(node.name), ...inner]
}
