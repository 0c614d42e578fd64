/** A cell of a file for a spreadsheet. */
export type Cell = string | number | null | undefined

const DANGEROUS = /^[=+\-@\t\r\n']/
const LONG_DIGITS = /^(0[0-9]*|[0-9]{12,})$/

/** A text that no program takes for a formula, and Excel not for a number: as the server writes. */
function plain(cell: Cell): string {
  if (cell === null || cell === undefined) return ''
  if (typeof cell === 'number') return String(cell)
  if (DANGEROUS.test(cell)) return `'${cell}`
  return LONG_DIGITS.test(cell) ? `${cell}\t` : cell
}

function quoted(text: string): string {
  return /[",\r\n\t]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text
}

/** UTF-8 with a byte-order mark, lines as RFC 4180 has them. */
export function csvOf(titles: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [titles, ...rows].map((row) => row.map((cell) => quoted(plain(cell))).join(','))
  return `\ufeff${lines.join('\r\n')}\r\n`
}

/** Gives the person a file. */
export function saveText(name: string, content: string, type = 'text/csv;charset=utf-8'): void {
  saveBlob(name, new Blob([content], { type }))
}

/** Gives the person a file. */
export function saveBlob(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The download reads the address after the click has been handled.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
