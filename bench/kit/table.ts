import process from 'node:process'

type Cell = string | number

/** Prints one line, or an empty one. */
export function print(text = ''): void {
  process.stdout.write(`${text}\n`)
}

/** Titles of columns, each with the cell that it makes of a row. */
type Columns<Row> = Readonly<Record<string, (row: Row) => Cell>>

/** Prints the head of a table in Markdown, and returns a function that prints a row. */
export function startTable<Row>(columns: Columns<Row>): (row: Row) => void {
  printHead(Object.keys(columns))
  return (row) => printCells(Object.values(columns).map((cell) => cell(row)))
}

/** Prints a whole table. */
export function printTable<Row>(rows: Iterable<Row>, columns: Columns<Row>): void {
  const printRow = startTable(columns)
  for (const row of rows) printRow(row)
  print()
}

/** Prints a table of cells. The first row is its head. */
export function printGrid([titles = [], ...rows]: readonly (readonly Cell[])[]): void {
  printHead(titles)
  for (const row of rows) printCells(row)
  print()
}

/** Prints a heading and an explanation. */
export function printHeading(title: string, explanation: string): void {
  print(`\n### ${title}\n\n${explanation}\n`)
}

/** Formats a number with thousands separators. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** Figures are aligned right; a table of two columns has sentences. */
function printHead(titles: readonly Cell[]): void {
  printCells(titles)
  printCells(titles.map((_, index) => (index === 0 || titles.length === 2 ? '---' : '---:')))
}

function printCells(cells: readonly Cell[]): void {
  print(`| ${cells.join(' | ')} |`)
}
