/**
 * @typedef {object} Row
 * @property {string} measure what it is, with its unit
 * @property {readonly number[]} values
 * @property {number} [atMost] what is to be reached, by the median
 * @property {string} [note]
 *
 * @typedef {{ title: string, notes?: readonly string[], rows: readonly Row[] }} Table
 */

/** The middle one, or the mean of the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle) - 1]) / 2;
}

/** @param {Table} table */
export function printTable({ title, notes = [], rows }) {
  const cells = rows.map(({ measure, values, atMost, note = '' }) => [
    measure,
    ...[Math.min(...values), median(values), Math.max(...values)].map(readable),
    atMost === undefined ? '' : `≤ ${readable(atMost)}`,
    atMost === undefined ? note : `${median(values) <= atMost ? 'ok' : 'over'}${note && `, ${note}`}`,
  ]);
  const table = [[title, 'min', 'median', 'max', 'to reach', ''], ...cells];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  console.log('');
  for (const [measure, ...numbers] of table) {
    const aligned = numbers.slice(0, -1).map((cell, index) => cell.padStart(widths[index + 1] + 2));
    console.log(`${measure.padEnd(widths[0])}${aligned.join('')}  ${numbers.at(-1)}`.trimEnd());
  }
  for (const note of notes) console.log(`  ${note}`);
}

/** Three digits that count. */
function readable(value) {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}
