/** A text and what is selected in it. */
export interface Selection {
  text: string;
  start: number;
  end: number;
}

/**
 * Makes the selection (or the words between commas around the caret) weigh more or less, in A1111's notation:
 * "cat" becomes "(cat:1.1)", "(cat:1.1)" becomes "(cat:1.2)", and back at 1 the brackets go. The selection stays on the words.
 */
export function changeWeight({ text, start, end }: Selection, delta: number): Selection {
  if (start === end) [start, end] = tagAround(text, start);
  if (start === end) return { text, start, end };

  const around = /^:(\d*\.?\d+)\)/.exec(text.slice(end));
  const isWeighted = text[start - 1] === '(' && around !== null;
  const words = text.slice(start, end);
  const weight = Math.round(10 * ((isWeighted ? Number(around[1]) : 1) + delta)) / 10;
  const before = text.slice(0, isWeighted ? start - 1 : start);
  const after = text.slice(isWeighted ? end + around[0].length : end);
  if (weight === 1) return { text: before + words + after, start: before.length, end: before.length + words.length };
  return { text: `${before}(${words}:${Math.max(0, weight)})${after}`, start: before.length + 1, end: before.length + 1 + words.length };
}

function tagAround(text: string, caret: number): [number, number] {
  const breaks = /[,\n()<>]/;
  let start = caret;
  let end = caret;
  while (start > 0 && !breaks.test(text[start - 1])) start--;
  while (end < text.length && !breaks.test(text[end])) end++;
  if (text[start - 1] === '(') end = start + text.slice(start, end).replace(/:\d*\.?\d*$/, '').length;
  while (start < end && /\s/.test(text[start])) start++;
  while (end > start && /\s/.test(text[end - 1])) end--;
  return [start, end];
}
