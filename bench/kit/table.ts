import process from 'node:process'

/** Prints one row of a table in Markdown. */
export function row(...cells: readonly (string | number)[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}

/** Prints the head of a table. Figures are aligned right; a table of two columns has sentences. */
export function head(...columns: readonly string[]): void {
  row(...columns)
  row(...columns.map((_, index) => (index === 0 || columns.length === 2 ? '---' : '---:')))
}

/** Prints a heading, an explanation, and the head of the table below it. */
export function heading(title: string, explanation: string, columns: readonly string[]): void {
  process.stdout.write(`\n### ${title}\n\n${explanation}\n\n`)
  head(...columns)
}

/** Formats a number with thousands separators. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
