/**
 * Removes comments from the built library, a third of it: all of the JavaScript, and those of declarations that no door of the
 * package exports. Editors show the comments of what a door exports, so these stay. Declaration files that no door leads to are
 * removed as a whole: no program can use them. Part of `npm run build`.
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
  readonly comments: ParseResult['comments']
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
const used = findUsed(files)
await Promise.all(
  files.map(async (file) => {
    if (used.has(file.path)) await write(file.path, file.text, stripInternal(file))
    else await rm(file.path)
  }),
)

async function stripScript(path: string): Promise<void> {
  const source = await readFile(path, 'utf8')
  const { code } = await transform(source, { format: 'esm', target: 'esnext', legalComments: 'none' })
  await write(path, source, code)
}

async function write(path: string, before: string, after: string): Promise<void> {
  if (after !== before) await writeFile(path, after)
}

async function readDeclarations(path: string): Promise<Declarations> {
  const text = await readFile(path, 'utf8')
  const { program, comments } = parseSync(path, text)
  return { path, text, statements: program.body, comments }
}

/** Returns the names that a door exports, and all that these declarations mention. Names are compared, not symbols. */
function findPublicNames(all: readonly Declarations[]): ReadonlySet<string> {
  const mentions = new Map<string | undefined, readonly string[]>()
  const found = new Set<string>()
  const exported = all.filter(({ path }) => doors.has(path)).flatMap(({ statements }) => statements)
  for (const name of exported.flatMap(namesIn)) found.add(name)
  for (const statement of all.flatMap(({ statements }) => statements)) {
    const name = declaredName(statement)
    mentions.set(name, [...(mentions.get(name) ?? []), ...namesIn(statement)])
  }
  // A set visits what is added to it during the loop.
  for (const name of found) for (const mentioned of mentions.get(name) ?? []) found.add(mentioned)
  return found
}

/** Returns the paths of the doors, and of every declaration file that they mention, directly or not. */
function findUsed(all: readonly Declarations[]): ReadonlySet<string> {
  const textAt = new Map(all.map(({ path, text }) => [path, text]))
  const found = new Set(doors)
  // A set visits what is added to it during the loop.
  for (const path of found)
    for (const [, module = ''] of (textAt.get(path) ?? '').matchAll(/["'](\.{1,2}\/[^"']+)\.js["']/g))
      found.add(join(dirname(path), `${module}.d.ts`))
  return found
}

function stripInternal({ text, statements, comments }: Declarations): string {
  let kept = ''
  let end = 0
  for (const comment of comments) {
    // The comment at the top of a file stands before all statements: it belongs to the first one.
    const owner = statements.find((statement) => statement.end > comment.start)
    const name = owner && declaredName(owner)
    if (name !== undefined && publicNames.has(name)) continue
    kept += text.slice(end, comment.start).trimEnd()
    end = comment.end
  }
  return (kept + text.slice(end)).trimStart()
}

function declaredName(statement: Statement): string | undefined {
  const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
  if (!declaration) return undefined
  if (declaration.type === 'VariableDeclaration') {
    const [first] = declaration.declarations
    return first?.id.type === 'Identifier' ? first.id.name : undefined
  }
  return 'id' in declaration && declaration.id?.type === 'Identifier' ? declaration.id.name : undefined
}

function namesIn(node: unknown): readonly string[] {
  if (typeof node !== 'object' || node === null) return []
  const inner = Object.values(node).flatMap(namesIn)
  return 'type' in node && node.type === 'Identifier' && 'name' in node
    ? [String(node.name), ...inner]
    : inner
}
