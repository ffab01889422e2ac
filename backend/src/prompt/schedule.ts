import { SPACE } from './character-classes.js';

/** Steps of a run, as prompt editing counts them. */
export interface ScheduleSteps {
  /** Steps of the first pass; evaluations of the model for samplers that ask twice in a step. */
  steps: number;
  /** Steps of a second pass, when its texts are asked for; then fractions run from 1 to 2, and whole numbers go on counting. */
  hiresSteps?: number;
  /** As A1111 before 1.6: a number below 1 is a fraction, dot or not, and a second pass begins anew. */
  isOld?: boolean;
}

/** What a prompt says until the end of a step, counted from 1. */
export interface ScheduledText {
  until: number;
  text: string;
}

/** A place in the prompt where the text changes over the steps. */
type Node =
  | { kind: 'text'; text: string }
  | { kind: 'sequence'; nodes: readonly Node[] }
  | { kind: 'switch'; before: Node; after: Node; when: string }
  | { kind: 'turns'; options: readonly Node[] };

/** A bracket that was understood, and where what follows it begins. */
interface Understood {
  node: Node;
  end: number;
}

const plain = /(?:[^\\[\]():|]|\\.)+/uy;
const when = new RegExp(`:[${SPACE}]*([+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?)[${SPACE}]*\\]`, 'y');

/**
 * A1111's prompt editing: `[before:after:when]`, `[after:when]`, `[before::when]` change once, `[a|b|c]` takes turns; both may be nested. `when` is
 * a step, or with a dot a fraction of them. A prompt that is not well-formed (a stray `|`, a backslash at the end) is taken as it stands;
 * single brackets that are not closed are not harmful.
 *
 * @returns the texts in order, the last of which goes until the last step. Neighbours may be equal.
 */
export function scheduleOf(prompt: string, steps: ScheduleSteps): ScheduledText[] {
  const { hiresSteps, isOld = false, steps: firstSteps } = steps;
  const isHires = hiresSteps !== undefined && !isOld;
  const count = isHires ? hiresSteps : firstSteps;
  const tree = parse(prompt);
  if (!tree) return [{ until: count, text: prompt }];
  const stepOf = (written: string): number => {
    const value = Number(written);
    if (isOld) return Math.min(count, Math.trunc(value < 1 ? value * count : value));
    const step = written.includes('.') ? (value - (isHires ? 1 : 0)) * count : value - (isHires ? firstSteps : 0);
    return Math.min(count, Math.trunc(step));
  };
  return endsIn(tree, stepOf, count).map((until) => ({ until, text: textAt(tree, until, stepOf) }));
}

/** Steps at which some text in the tree changes, the last step included. */
function endsIn(tree: Node, stepOf: (written: string) => number, count: number): number[] {
  const ends = new Set([count]);
  const open = [tree]; // a stack, for brackets may be nested thousands deep
  for (let node = open.pop(); node; node = open.pop()) {
    if (node.kind === 'sequence') for (const child of node.nodes) open.push(child);
    if (node.kind === 'turns') {
      for (const option of node.options) open.push(option);
      for (let step = 1; step <= count; step++) ends.add(step);
    }
    if (node.kind === 'switch') {
      open.push(node.before, node.after);
      if (stepOf(node.when) >= 1) ends.add(stepOf(node.when));
    }
  }
  return [...ends].toSorted((a, b) => a - b);
}

function textAt(tree: Node, step: number, stepOf: (written: string) => number): string {
  const texts: string[] = [];
  const open = [tree];
  for (let node = open.pop(); node; node = open.pop()) {
    if (node.kind === 'text') texts.push(node.text);
    else if (node.kind === 'sequence') for (const child of node.nodes.toReversed()) open.push(child);
    else if (node.kind === 'switch') open.push(step <= stepOf(node.when) ? node.before : node.after);
    else open.push(node.options[(step - 1) % node.options.length]);
  }
  return texts.join('');
}

/** The prompt as a tree; undefined where it is not well-formed. Takes time in proportion to its length: brackets are understood from the last to the first. */
function parse(prompt: string): Node | undefined {
  const understood = new Map<number, Understood>();
  for (let at = prompt.length - 1; at >= 0; at--) {
    if (prompt[at] !== '(' && prompt[at] !== '[') continue;
    const bracket = prompt[at] === '(' ? roundBracket(prompt, at, understood) : squareBracket(prompt, at, understood);
    if (bracket) understood.set(at, bracket);
  }
  const nodes: Node[] = [];
  let at = 0;
  while (at < prompt.length) {
    const { node, end } = sequence(prompt, at, understood);
    nodes.push(node);
    if (end < prompt.length) {
      if (!'[]():'.includes(prompt[end])) return undefined;
      nodes.push({ kind: 'text', text: prompt[end] });
    }
    at = end + 1;
  }
  return { kind: 'sequence', nodes };
}

/** Plain text and understood brackets from there, as far as they go. */
function sequence(prompt: string, from: number, understood: ReadonlyMap<number, Understood>): Understood {
  const nodes: Node[] = [];
  let at = from;
  for (;;) {
    const bracket = understood.get(at);
    plain.lastIndex = at;
    const text = bracket ? undefined : plain.exec(prompt)?.[0];
    if (bracket) nodes.push(bracket.node);
    else if (text) nodes.push({ kind: 'text', text });
    else return { node: { kind: 'sequence', nodes }, end: at };
    at = bracket ? bracket.end : at + text!.length;
  }
}

/** `(prompt)` and `(prompt:prompt)` stay as they are: they are for emphasis. */
function roundBracket(prompt: string, at: number, understood: ReadonlyMap<number, Understood>): Understood | undefined {
  const first = sequence(prompt, at + 1, understood);
  if (prompt[first.end] === ')') return verbatim('(', [first.node], ')', first.end + 1);
  if (prompt[first.end] !== ':') return undefined;
  const second = sequence(prompt, first.end + 1, understood);
  return prompt[second.end] === ')' ? verbatim('(', [first.node, second.node], ')', second.end + 1) : undefined;
}

function squareBracket(prompt: string, at: number, understood: ReadonlyMap<number, Understood>): Understood | undefined {
  const first = sequence(prompt, at + 1, understood);
  if (prompt[first.end] === ']') return verbatim('[', [first.node], ']', first.end + 1);
  if (prompt[first.end] === '|') return turns(prompt, first, understood);
  const empty: Node = { kind: 'text', text: '' };
  const early = whenAt(prompt, first.end);
  if (early) return { node: { kind: 'switch', before: empty, after: first.node, when: early.written }, end: early.end };
  if (prompt[first.end] !== ':') return undefined;
  const second = sequence(prompt, first.end + 1, understood);
  const late = whenAt(prompt, second.end);
  return late && { node: { kind: 'switch', before: first.node, after: second.node, when: late.written }, end: late.end };
}

function turns(prompt: string, first: Understood, understood: ReadonlyMap<number, Understood>): Understood | undefined {
  const options = [first.node];
  let { end } = first;
  while (prompt[end] === '|') {
    const option = sequence(prompt, end + 1, understood);
    options.push(option.node);
    end = option.end;
  }
  return prompt[end] === ']' ? { node: { kind: 'turns', options }, end: end + 1 } : undefined;
}

function whenAt(prompt: string, at: number): { written: string; end: number } | undefined {
  when.lastIndex = at;
  const found = when.exec(prompt);
  return found ? { written: found[1], end: when.lastIndex } : undefined;
}

function verbatim(open: string, parts: readonly Node[], close: string, end: number): Understood {
  const text = (written: string): Node => ({ kind: 'text', text: written });
  const inner = parts.flatMap((part, i) => (i === 0 ? [part] : [text(':'), part]));
  return { node: { kind: 'sequence', nodes: [text(open), ...inner, text(close)] }, end };
}
