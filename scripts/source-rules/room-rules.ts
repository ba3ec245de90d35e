import {
  isDoor,
  isTest,
  passesDoorBy,
  roomOf,
  topRoom,
  type Arrow,
  type SourceGraph,
} from '../sources/source-graph.ts'
import type { Finding } from './finding.ts'
import { checkTable, type RoomTable } from './room-table.ts'

/**
 * Checks the imports between the rooms of one package, and the doors. Tests and test kits are exempt: the test of a lower room may run
 * on a real store of a higher one.
 * @throws {TypeError} if the table itself is out of order
 */
export function checkRooms({ files, arrows }: SourceGraph, table: RoomTable): readonly Finding[] {
  checkTable(table)
  const own = arrows.filter(({ from, to }) => !isTest(from) && !isTest(to))
  return [
    ...own.flatMap((arrow) => checkDirection(arrow, table)),
    ...own.flatMap(checkEntry),
    ...own.flatMap(checkOwnDoor),
    ...own.flatMap(checkForeignReExport),
    ...[...files.values()].filter(({ path }) => isDoor(path)).flatMap(checkDoor),
    ...[...files.keys()].filter((path) => !isTest(path)).flatMap((path) => checkListed(path, table)),
  ]
}

function checkDirection({ from, to, line }: Arrow, table: RoomTable): readonly Finding[] {
  const [room, other] = [roomOf(from), roomOf(to)]
  const allowed = table[room]
  if (room === other || allowed === undefined || allowed.includes(other)) return []
  const may = allowed.length === 0 ? 'no other room' : allowed.join(', ')
  const message = `imports ${to}: the arrow ${room} -> ${other} is forbidden. The room ${room} may import ${may}. Move the code that both need to one of these, or pass it in`
  return [{ key: `arrow: ${room} -> ${other}`, path: from, line, message }]
}

function checkEntry(arrow: Arrow): readonly Finding[] {
  const { from, to, line } = arrow
  if (!passesDoorBy(arrow)) return []
  const door = `${roomOf(to)}/index.ts`
  const message = `imports ${to} past its door. Import it from ${door}, and export it there`
  return [{ key: `door: ${roomOf(from)} -> ${roomOf(to)}`, path: from, line, message }]
}

function checkOwnDoor({ from, to, line }: Arrow): readonly Finding[] {
  if (!isDoor(to) || roomOf(from) !== roomOf(to)) return []
  const message = `imports ${to}, the door of its own room. Import the file that defines the name`
  return [{ key: `own-door: ${from}`, path: from, line, message }]
}

function checkForeignReExport({ from, to, line }: Arrow): readonly Finding[] {
  if (!isDoor(from) || roomOf(from) === topRoom || roomOf(from) === roomOf(to)) return []
  const message = `takes ${to} of another room into this door. Import it where it is used, from its own room`
  return [{ key: `door-content: ${from}`, path: from, line, message }]
}

function checkDoor({
  path,
  beyondReExports,
}: {
  path: string
  beyondReExports: readonly number[]
}): readonly Finding[] {
  return beyondReExports.map((line) => ({
    key: `door-content: ${path}`,
    path,
    line,
    message:
      'a door holds nothing but `export { names } from`. Move the rest to a file of the room, and name what `export *` exports',
  }))
}

function checkListed(path: string, table: RoomTable): readonly Finding[] {
  const room = roomOf(path)
  if (table[room] !== undefined) return []
  const message = `the room ${room} is not in the table. Add it to scripts/source-rules/room-table.ts`
  return [{ key: `room: ${room}`, path, line: 1, message }]
}
