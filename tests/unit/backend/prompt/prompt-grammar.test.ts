import { describe, expect, test } from 'vitest';
import { EmphasisNotANumber, isBreak, parseEmphasis } from '../../../../backend/src/prompt/emphasis.js';
import { extractTags } from '../../../../backend/src/prompt/prompt-tags.js';

const parse = (prompt: string) => parseEmphasis(prompt).map(({ text, weight }) => [text, Number(weight.toFixed(6))]);

describe('emphasis', () => {
  test.each<[string, string, [string, number][]]>([
    [
      'round brackets raise, square ones lower',
      '(a)[b]',
      [
        ['a', 1.1],
        ['b', 0.909091],
      ],
    ],
    [
      'a number sets the weight',
      'x (cat:1.3) y',
      [
        ['x ', 1],
        ['cat', 1.3],
        [' y', 1],
      ],
    ],
    [
      'nested weights multiply',
      '((a:2)b:0.5)',
      [
        ['a', 1],
        ['b', 0.5],
      ],
    ],
    ['escaped brackets are plain', '\\(a\\) \\[b\\] \\\\', [['(a) [b] \\', 1]]],
    [
      'open brackets reach to the end',
      'a (b [c',
      [
        ['a ', 1],
        ['b ', 1.1],
        ['c', 1],
      ],
    ],
    ['closers without an opener are plain', 'a) b] c:1.2)', [['a) b] c:1.2)', 1]]],
    [
      'negative and zero weights count',
      '(a:-1)(b:0)',
      [
        ['a', -1],
        ['b', 0],
      ],
    ],
    [
      'digits of other scripts are digits',
      '(a:１)(b:١.٥)',
      [
        ['a', 1],
        ['b', 1.5],
      ],
    ],
    ['no text is one empty piece', '', [['', 1]]],
  ])('%s', (_, prompt, expected) => {
    expect(parse(prompt)).toEqual(expected);
  });

  test('BREAK swallows the white space around it and needs to be a word', () => {
    expect(parse('a \n BREAK  b')).toEqual([
      ['a', 1],
      ['BREAK', -1],
      ['b', 1],
    ]);
    expect(parse('aBREAK BREAKé break')).toEqual([['aBREAK BREAKé break', 1]]);
    expect(parseEmphasis('a BREAK b').map(isBreak)).toEqual([false, true, false]);
  });

  test('BREAK in brackets is a plain word, as its weight is not the mark any more', () => {
    expect(parseEmphasis('(a BREAK b)').some(isBreak)).toBe(false);
  });

  test('a weight that is no number is refused with the weight in the message', () => {
    expect(() => parseEmphasis('(a:1.2.3)')).toThrow(EmphasisNotANumber);
    expect(() => parseEmphasis('(a:1.2.3)')).toThrow('"1.2.3"');
  });

  test('long prompts of brackets, spaces and colons are read in time', () => {
    const started = performance.now();
    for (const unit of ['(', ')', '[]', ' ', ':', ': 1', '\\', '(a)', 'BREAK ']) parseEmphasis(unit.repeat(100_000 / unit.length));
    parseEmphasis('(a'.repeat(10_000)); // deep nesting, at the longest prompt the API takes
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('tags', () => {
  test('are taken out and read, with positional and named items', () => {
    expect(extractTags('a <lora:detail:0.8:unet=0.5> b')).toEqual({
      prompt: 'a  b',
      tags: [{ kind: 'lora', items: ['detail', '0.8', 'unet=0.5'], positional: ['detail', '0.8'], named: { unet: '0.5' } }],
    });
  });

  test('what only looks like one stays', () => {
    for (const prompt of ['<b>', '<lora:>', '<lora:x', 'a < b > c', '< lora:x>']) expect(extractTags(prompt)).toEqual({ prompt, tags: [] });
  });

  test('a hundred thousand characters of unfinished tags are read in time', () => {
    const started = performance.now();
    extractTags('<a:'.repeat(33_000));
    extractTags(`${'<a:'.repeat(33_000)}>`);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
