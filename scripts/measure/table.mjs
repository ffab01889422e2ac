/**
 * @typedef {object} Row
 * @property {string} measure what it is, with its unit
 * @property {readonly number[]} [values] none when it could not be measured, and the note says why
 * @property {number} [atMost] what is to be reached, by the median
 * @property {string} [note]
 *
 * @typedef {{ title: string, notes?: readonly string[], rows: readonly Row[] }} Section
 */

const MEASURE_WIDTH = 70;
const NUMBER_WIDTH = 8;

/** The middle one, or the mean of the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle) - 1]) / 2;
}

/**
 * Prints one table in Markdown, section by section as they become known, and their notes below it.
 * @param {AsyncIterable<Section> | Iterable<Section>} sections
 */
export async function printTable(sections) {
  const notes = [];
  printLine(['measure', 'min', 'median', 'max', 'to reach', '']);
  console.log(`|${'-'.repeat(MEASURE_WIDTH + 2)}|${`${'-'.repeat(NUMBER_WIDTH + 1)}:|`.repeat(4)}---|`);
  for await (const section of sections) {
    printLine([`**${section.title}**`, '', '', '', '', '']);
    for (const row of section.rows) printLine(cellsOf(row));
    notes.push(...(section.notes ?? []).map((note) => `- ${section.title}: ${note}`));
  }
  console.log(['', ...notes].join('\n'));
}

function cellsOf({ measure, values = [], atMost, note = '' }) {
  const toReach = atMost === undefined ? '' : `≤ ${readable(atMost)}`;
  if (values.length === 0) return [measure, '–', '–', '–', toReach, note];
  const verdict = atMost !== undefined && (median(values) <= atMost ? 'ok' : '**over**');
  const numbers = [Math.min(...values), median(values), Math.max(...values)].map(readable);
  return [measure, ...numbers, toReach, [verdict, note].filter(Boolean).join(', ')];
}

function printLine([measure, ...cells]) {
  const aligned = cells.slice(0, -1).map((cell) => cell.padStart(NUMBER_WIDTH));
  console.log(`| ${[measure.padEnd(MEASURE_WIDTH), ...aligned, cells.at(-1)].join(' | ')} |`);
}

/** Three digits that count. */
function readable(value) {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}
