import process from 'node:process'

/** Prints one row of a table in Markdown. */
export function row(...cells: readonly (string | number)[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}

/** Prints a heading, what the table shows, and its head. */
export function heading(title: string, explanation: string, columns: readonly string[]): void {
  process.stdout.write(`\n### ${title}\n\n${explanation}\n\n`)
  row(...columns)
  row(...columns.map((_, index) => (index === 0 ? '---' : '---:')))
}

/** As people write it. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
